/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/meta.h"
#include "image/text.h"

/*
 * Theory of operation. The folder an entry is in is found with openat2(RESOLVE_IN_ROOT), so that
 * symbolic links of lower layers count as they would for a process in the container, and never lead
 * out. The entry itself is then made relative to that folder's descriptor, and its last component
 * is never followed. Whatever is there already is removed first, unless both are folders.
 *
 * Putting things into a folder changes its time of modification. Whoever has done so puts back the
 * time that the folder had before, when it leaves the folder: so none need be remembered for later,
 * however many folders an image has.
 */

void tree_init(struct tree *t, int root, struct allowance *allowance)
{
	*t = (struct tree){
		.root = root,
		.allowance = allowance,
		.parent_fd = -EBADF,
		.file = -EBADF,
		.added = NAMESET_NULL,
	};
}

static void sink_begin(void *userdata)
{
	struct tree *t = userdata;

	nameset_done(&t->added);
	t->layer++;
}

void tree_done(struct tree *t)
{
	t->parent_fd = fd_close(t->parent_fd);
	t->file = fd_close(t->file);
	nameset_done(&t->added);
	inodes_done(&t->sums);
}

/* In the lowest layer there is nothing that a whiteout could hide. */
static void remember(struct tree *t, uint64_t dir, const char *name)
{
	if (t->layer > 1)
		nameset_add(&t->added, dir, name);
}

int tree_open_dir(const struct tree *t, const char *path)
{
	return path_open_in_root(t->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOATIME,
				 0);
}

int tree_restore_mtime(int fd, struct timespec mtime)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};

	return futimens(fd, times) < 0 ? -errno : 0;
}

static int leave_parent(struct tree *t)
{
	int r = t->parent_fd < 0 ? 0 : tree_restore_mtime(t->parent_fd, t->parent_mtime);

	t->parent_fd = fd_close(t->parent_fd);
	return r;
}

/* Shortens @path to the part of it that is there. Return: its descriptor or negative errno. */
static int open_existing(struct tree *t, char *path)
{
	char *slash;
	int fd;

	while ((fd = tree_open_dir(t, path)) == -ENOENT && *path) {
		slash = strrchr(path, '/');
		*(slash ? slash : path) = '\0';
	}
	return fd;
}

static int make_dir(struct tree *t, int dirfd, const char *name)
{
	struct stat st;
	int fd;

	if (t->allowance->entries-- == 0)
		return -EFBIG;
	if (mkdirat(dirfd, name, 0755) < 0 || fstat(dirfd, &st) < 0)
		return -errno;
	remember(t, st.st_ino, name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Whatever the umask is. */
	if (fd < 0 || fchmod(fd, 0755) < 0) {
		int r = -errno;

		fd_close(fd);
		return r;
	}
	return fd;
}

/* Return: descriptor of the last folder of @path, all of which are made in @dirfd; or errno. */
static int make_path(struct tree *t, int dirfd, const char *path)
{
	_cleanup_close_ int fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	char name[NAME_MAX + 1];
	int child;

	if (fd < 0)
		return -errno;
	while (*(path += strspn(path, "/"))) {
		size_t n = strcspn(path, "/");

		memcpy(name, path, n);
		name[n] = '\0';
		path += n;
		child = make_dir(t, fd, name);
		if (child < 0)
			return child;
		fd_close(fd);
		fd = child;
	}
	return take_fd(fd);
}

/* As "mkdir -p": below what exists all is new, so no link can be met there. */
static int make_parents(struct tree *t, const char *path)
{
	_cleanup_free_ char *existing = xstrdup(path);
	_cleanup_close_ int fd = open_existing(t, existing), last = -EBADF;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	last = make_path(t, fd, path + strlen(existing));
	if (last < 0)
		return last;
	r = tree_restore_mtime(fd, st.st_mtim);
	return r < 0 ? r : take_fd(last);
}

/* Return: 0, or negative errno; -ENOENT where the folder is missing and not to be made. */
static int enter_parent(struct tree *t, const char *path, bool make)
{
	struct stat st;
	int fd, r;

	if (t->parent_fd >= 0 && !t->parent_stale && strcmp(t->parent, path) == 0)
		return 0;
	r = leave_parent(t);
	if (r < 0)
		return r;
	fd = tree_open_dir(t, path);
	if (fd == -ENOENT && make)
		fd = make_parents(t, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		fd_close(fd);
		return -errno;
	}
	t->parent_fd = fd;
	t->parent_ino = st.st_ino;
	t->parent_mtime = st.st_mtim;
	t->parent_stale = false;
	t->parent_has_acl = fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
	memcpy(t->parent, path, strlen(path) + 1);
	return 0;
}

static int add_entry(struct tree *t, const struct entry *e, struct err *err)
{
	bool adds = e->kind != ENTRY_SKIP && e->kind != ENTRY_WHITEOUT && e->kind != ENTRY_OPAQUE;
	int r;

	if (!adds && t->layer == 1)
		return 0;
	r = enter_parent(t, e->parent, adds);
	/* Nothing to hide in a folder that is not there. */
	if (!adds && (r == -ENOENT || r == -ENOTDIR))
		return 0;
	if (r == -EEXIST)
		return err_set(err, r, "a symbolic link that leads nowhere is in its path");
	if (r == -EFBIG)
		return err_set(err, r, "the image's layers have more folders than are allowed");
	if (r < 0)
		return err_errno(err, r, "cannot enter the folder it is in");
	r = tree_add(t, e, err);
	if (r == 0 && adds)
		remember(t, t->parent_ino, e->name);
	return r;
}

static int sink_entry(void *userdata, const struct entry *e, struct err *err)
{
	return entry_blame(e, add_entry(userdata, e, err), err);
}

static int sink_data(void *userdata, const void *data, size_t len, int64_t offset, struct err *err)
{
	struct tree *t = userdata;
	const char *p = data;

	if (offset < 0 || __builtin_add_overflow(offset, (int64_t)len, &t->end))
		return err_set(err, -EBADMSG, "its tar is damaged: a file has an impossible size");
	sum_add(&t->sum, data, len, (uint64_t)offset);
	while (len > 0) {
		ssize_t n = pwrite(t->file, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return entry_blame(t->entry,
					   err_errno(err, -errno, "cannot write the file"), err);
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

static int finish_file(struct tree *t, struct err *err)
{
	const struct entry *e = t->entry;
	const struct timespec times[2] = {e->atime, e->mtime};
	int r;

	/* A hole at the end. */
	if (t->end != e->size && ftruncate(t->file, e->size) < 0)
		return err_errno(err, -errno, "cannot give the file its size");
	r = meta_apply_fd(t->file, e, t->parent_has_acl, err);
	if (r == 0 && futimens(t->file, times) < 0)
		return err_errno(err, -errno, "cannot set its times");
	return r;
}

/* What does not come as layer.h promises, a hostile sparse file, is read. */
static int remember_sum(struct tree *t, struct err *err)
{
	uint32_t sum = sum_end(&t->sum);
	struct stat st;
	int r = sum == 0 || t->end > t->entry->size ? sum_file(t->file, &sum) : 0;

	t->sum = (struct sum){.at = 0};
	if (r == 0 && fstat(t->file, &st) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot read the file");
	inodes_add(&t->sums, st.st_dev, st.st_ino, sum);
	return 0;
}

static int sink_end(void *userdata, struct err *err)
{
	struct tree *t = userdata;
	int r = finish_file(t, err);

	if (r == 0)
		r = remember_sum(t, err);
	t->file = fd_close(t->file);
	return entry_blame(t->entry, r, err);
}

struct layer_sink tree_sink(struct tree *t)
{
	return (struct layer_sink){
		.begin = sink_begin,
		.entry = sink_entry,
		.data = sink_data,
		.end = sink_end,
		.userdata = t,
	};
}

int tree_finish(struct tree *t, struct err *err)
{
	int r = leave_parent(t);

	return r < 0 ? err_errno(err, r, "cannot set the times of '%s'", text_of(t->parent)) : 0;
}
