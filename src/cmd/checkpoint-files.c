/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/checkpoint-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/fd.h"

/* As long as there is no manifest. */
#define UNFINISHED "checkpoint.unfinished"

static int copy(int in, int out, const volatile sig_atomic_t *interrupted, uint64_t *ret_size)
{
	struct stat st;
	int r = copy_file(in, out, interrupted);

	if (r == 0 && (fsync(out) < 0 || fstat(out, &st) < 0))
		r = -errno;
	if (r == 0 && ret_size)
		*ret_size = (uint64_t)st.st_size;
	return r;
}

int checkpoint_file_copy(int from, int to, const char *name, const char *where,
			 const volatile sig_atomic_t *interrupted, uint64_t *ret_size,
			 struct err *err)
{
	_cleanup_close_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_close_ int out = -EBADF;
	int r;

	if (in < 0)
		return err_errno(err, -errno, "cannot open %s", name);
	out = openat(to, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return err_errno(err, -errno, "cannot make %s/%s", where, name);
	r = copy(in, out, interrupted, ret_size);
	if (r < 0)
		(void)unlinkat(to, name, 0);
	return r < 0 ? err_errno(err, r, "cannot copy %s to %s", name, where) : 0;
}

static int sync_moved(int dir, const char *name, uint64_t *ret_size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* Whoever had got the VMM may have made it. */
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (fchmod(fd, 0600) < 0 || fsync(fd) < 0)
		return -errno;
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return 0;
}

int checkpoint_file_move(int from, int to, const char *name, const char *where,
			 const volatile sig_atomic_t *interrupted, uint64_t *ret_size,
			 struct err *err)
{
	int r;

	if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0) {
		r = sync_moved(to, name, ret_size);
		return r < 0 ? err_errno(err, r, "cannot write %s/%s", where, name) : 0;
	}
	if (errno != EXDEV && errno != EINVAL)
		return err_errno(err, -errno, "cannot make %s/%s", where, name);
	r = checkpoint_file_copy(from, to, name, where, interrupted, ret_size, err);
	if (r == 0)
		(void)unlinkat(from, name, 0);
	return r;
}

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int checkpoint_files_begin(int dir, const char *where, struct err *err)
{
	bool ours = is_there(dir, UNFINISHED);
	const char *name;
	int fd;

	for (size_t i = 0; !ours && (name = checkpoint_file_name(i)); i++)
		if (is_there(dir, name))
			return err_set(err, -EEXIST,
				       "%s has a file %s that no checkpoint has left there: give "
				       "another folder",
				       where, name);
	fd = openat(dir, UNFINISHED, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, -errno, "cannot write %s/" UNFINISHED, where);
	fd_close(fd);
	checkpoint_files_remove(dir);
	return 0;
}

void checkpoint_files_end(int dir)
{
	(void)unlinkat(dir, UNFINISHED, 0);
}

void checkpoint_files_remove(int dir)
{
	const char *name;

	for (size_t i = 0; (name = checkpoint_file_name(i)); i++)
		(void)unlinkat(dir, name, 0);
}

int checkpoint_files_check(int dir, const struct checkpoint_manifest *m, struct err *err)
{
	struct stat st;

	for (size_t i = 0; i < m->n; i++) {
		const struct checkpoint_file *file = &m->files[i];

		if (fstatat(dir, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(err, -errno, "the checkpoint has no %s", file->name);
		if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->size)
			return err_set(err, -EBADMSG,
				       "the checkpoint is damaged: %s has %llu bytes, not %llu",
				       file->name, (unsigned long long)st.st_size,
				       (unsigned long long)file->size);
	}
	return 0;
}
