/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/volume-store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/userns.h"

#define FOLDER	    "volumes"
#define NAME_LENGTH 64

bool volume_name_valid(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return len >= 2 && len <= NAME_LENGTH && !name[len] && isalnum((unsigned char)*name);
}

char *volume_store_path(const char *root, const char *name)
{
	return xasprintf("%s/" FOLDER "/%s", root, name);
}

/* Return: a descriptor of the folder of all of them, or negative errno. */
static int open_store(const char *root)
{
	_cleanup_free_ char *folder = path_join(root, FOLDER);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int volume_store_list(const char *root, struct strv *ret, struct err *err)
{
	int fd = open_store(root);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (fd == -ENOENT)
		return 0;
	if (!dir) {
		fd_close(fd);
		return err_errno(err, fd < 0 ? fd : -ENOMEM, "cannot list the volumes in %s", root);
	}
	while ((entry = readdir(dir)))
		if (volume_name_valid(entry->d_name))
			strv_add(ret, entry->d_name);
	(void)closedir(dir);
	strv_sort(ret);
	return 0;
}

struct removal {
	int fd;
	const char *name;
};

static int remove_inside(void *data, struct err *err _unused_)
{
	const struct removal *removal = data;

	return path_remove_tree(removal->fd, removal->name);
}

/* Without root, what users of the guest made belongs to those whom subuid(5) gives to ours. */
static int remove_volume(int fd, const char *name)
{
	struct removal removal = {.fd = fd, .name = name};
	int r = path_remove_tree(fd, name);

	return (r == -EACCES || r == -EPERM) && geteuid() != 0
		       ? userns_call(remove_inside, &removal, NULL)
		       : r;
}

int volume_store_remove(const char *root, const char *name, struct err *err)
{
	_cleanup_close_ int fd = open_store(root);
	struct stat st;
	int r = fd < 0 ? fd : 0;

	if (!volume_name_valid(name) || r == -ENOENT ||
	    (r == 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0))
		return err_set(err, -ENOENT, "there is no volume \"%s\"", name);
	if (r == 0)
		r = remove_volume(fd, name);
	return r < 0 ? err_errno(err, r, "cannot remove the volume \"%s\"", name) : 0;
}

int volume_store_make(const char *root, const char *name, char **ret, struct err *err)
{
	_cleanup_free_ char *folder = path_join(root, FOLDER),
			    *path = volume_store_path(root, name);
	int r = mkdir(folder, 0711) < 0 && errno != EEXIST ? -errno : 0;

	if (r == 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot make the volume %s", path);
	*ret = take_ptr(path);
	return 0;
}
