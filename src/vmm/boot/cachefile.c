/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/cachefile.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/path.h"

static void make_name(char name[64])
{
	static unsigned int count;

	(void)snprintf(name, 64, CACHE_FILE_TMP "%d-%u", (int)getpid(), count++);
}

int cache_file_begin(struct cache_file *file, int dirfd)
{
	file->dirfd = dirfd;
	file->tmp[0] = '\0';
	file->fd = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
	if (file->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return -errno;
	make_name(file->tmp);
	file->fd =
		openat(dirfd, file->tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (file->fd >= 0)
		return 0;
	file->tmp[0] = '\0';
	return -errno;
}

/* linkat() does not replace, rename() does: so by way of a name of our own. */
static int give_name(struct cache_file *file)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	make_name(file->tmp);
	(void)unlinkat(file->dirfd, file->tmp, 0);
	if (linkat(AT_FDCWD, self, file->dirfd, file->tmp, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	file->tmp[0] = '\0';
	return -errno;
}

int cache_file_commit(struct cache_file *file, const char *name)
{
	int r;

	if (fsync(file->fd) < 0)
		return -errno;
	r = file->tmp[0] ? 0 : give_name(file);
	if (r < 0)
		return r;
	if (renameat(file->dirfd, file->tmp, file->dirfd, name) < 0)
		return -errno;
	file->tmp[0] = '\0';
	file->fd = fd_close(file->fd);
	return 0;
}

void cache_file_done(struct cache_file *file)
{
	if (file->tmp[0])
		(void)unlinkat(file->dirfd, file->tmp, 0);
	file->tmp[0] = '\0';
	file->fd = fd_close(file->fd);
}

int cache_dir_open(const char *cache_dir, const char *name)
{
	_cleanup_free_ char *path = path_join(cache_dir, name);
	int r = path_mkdirs(path, 0755), fd;

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
