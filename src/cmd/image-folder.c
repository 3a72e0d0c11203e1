/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/image-file.h"

#define FILE_MAX (256U << 20)

/* Return: descriptor of a folder in the image, or negative errno. */
static int open_folder(int root, const char *folder)
{
	return path_open_in_root(root, folder, O_RDONLY | O_DIRECTORY, 0);
}

static int make_folder(int root, const char *folder)
{
	_cleanup_close_ int above = fcntl(root, F_DUPFD_CLOEXEC, 3);
	char part[PATH_MAX];

	for (const char *end = folder; *end; end += strspn(end, "/")) {
		const char *name = end;
		int below;

		end += strcspn(end, "/");
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end - name), name);
		if (above >= 0 && mkdirat(above, part, 0755) == 0)
			(void)fchmodat(above, part, 0755, 0);
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end - folder), folder);
		below = open_folder(root, part);
		if (below < 0)
			return below;
		fd_close(above);
		above = below;
	}
	return take_fd(above);
}

static int put(int root, const struct image_file *file)
{
	_cleanup_close_ int folder = make_folder(root, file->folder);
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t len;
	int r;

	if (folder < 0)
		return folder;
	if (fstat(file->fd, &st) < 0 || lseek(file->fd, 0, SEEK_SET) < 0)
		return -errno;
	r = fd_slurp(file->fd, FILE_MAX, &data, &len);
	if (r == 0)
		r = file_write_atomic_at(folder, file->name, data, len, st.st_mode & 0777);
	/* Whatever our umask is. */
	if (r == 0 && fchmodat(folder, file->name, st.st_mode & 0777, 0) < 0)
		r = -errno;
	return r;
}

int image_file_put_folder(int root, const char *target, const struct image_file *files, size_t n,
			  struct err *err)
{
	struct stat st;
	int r;

	for (size_t i = 0; i < n; i++) {
		_cleanup_close_ int folder = open_folder(root, files[i].folder);

		if (!files[i].replace && folder >= 0 &&
		    fstatat(folder, files[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return image_file_in_the_way(target, &files[i], err);
	}
	for (size_t i = 0; i < n; i++) {
		r = put(root, &files[i]);
		if (r < 0)
			return err_errno(err, r, "cannot write %s/%s/%s", target, files[i].folder,
					 files[i].name);
	}
	return 0;
}
