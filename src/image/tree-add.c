/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/meta.h"
#include "image/text.h"
#include "image/tree.h"

/* How each kind of entry is put into the folder that tree.c has found for it. */

/*
 * Takes away what stands where something new is to be. The folder itself cannot be inside that, but
 * a link on the way to it may have been: its name may mean another one from now on.
 */
static int make_room(struct tree *t, const char *name)
{
	t->parent_stale = true;
	return path_remove_tree(t->parent_fd, name);
}

static int hidden(int r, struct err *err)
{
	if (r == -EINTR)
		return err_set(err, r, "interrupted");
	return r < 0 ? err_errno(err, r, "cannot remove what it hides") : 0;
}

static int add_whiteout(struct tree *t, const struct entry *e, struct err *err)
{
	return hidden(tree_hide(t, e->name), err);
}

static int add_opaque(struct tree *t, const struct entry *e, struct err *err)
{
	return hidden(tree_hide_all(t), err);
}

/* Return: descriptor of the folder @e, made where it is missing, or negative errno. */
static int open_or_make(struct tree *t, const struct entry *e, bool *ret_made)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd, r;

	*ret_made = true;
	if (!*e->name) {
		*ret_made = false;
		return tree_open_dir(t, "");
	}
	if (mkdirat(t->parent_fd, e->name, 0700) < 0) {
		if (errno != EEXIST)
			return -errno;
		fd = openat(t->parent_fd, e->name, flags);
		*ret_made = false;
		if (fd >= 0 || (errno != ENOTDIR && errno != ELOOP))
			return fd >= 0 ? fd : -errno;
		*ret_made = true;
		r = make_room(t, e->name);
		if (r < 0)
			return r;
		if (mkdirat(t->parent_fd, e->name, 0700) < 0)
			return -errno;
	}
	fd = openat(t->parent_fd, e->name, flags);
	return fd >= 0 ? fd : -errno;
}

static int add_dir(struct tree *t, const struct entry *e, struct err *err)
{
	const struct timespec times[2] = {e->atime, e->mtime};
	_cleanup_close_ int fd = -EBADF;
	bool made;
	int r;

	fd = open_or_make(t, e, &made);
	if (fd < 0)
		return err_errno(err, fd, "cannot make the folder");
	/* A lower layer's folder gets this layer's attributes, and no others. */
	r = made ? 0 : meta_clear_xattrs(fd);
	if (r < 0)
		return err_errno(err, r, "cannot renew the folder's attributes");
	r = meta_apply_fd(fd, e, made && t->parent_has_acl, err);
	if (r == 0 && futimens(fd, times) < 0)
		return err_errno(err, -errno, "cannot set its times");
	/* The root is the one folder that is its own parent. */
	if (!*e->name)
		t->parent_mtime = e->mtime;
	return r;
}

static int add_file(struct tree *t, const struct entry *e, struct err *err)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(t->parent_fd, e->name, flags, 0600), r;

	if (fd < 0 && errno == EEXIST) {
		r = make_room(t, e->name);
		if (r < 0)
			return err_errno(err, r, "cannot replace what is there");
		fd = openat(t->parent_fd, e->name, flags, 0600);
	}
	if (fd < 0)
		return err_errno(err, -errno, "cannot make the file");
	t->file = fd;
	t->entry = e;
	t->end = 0;
	return 0;
}

static int make_special(int dirfd, const struct entry *e)
{
	int r = e->kind == ENTRY_SYMLINK
			? symlinkat(e->link, dirfd, e->name)
			: mknodat(dirfd, e->name, (e->mode & S_IFMT) | 0600, e->rdev);

	return r < 0 ? -errno : 0;
}

static int add_special(struct tree *t, const struct entry *e, struct err *err)
{
	int r = make_special(t->parent_fd, e);

	if (r == -EEXIST) {
		r = make_room(t, e->name);
		if (r == 0)
			r = make_special(t->parent_fd, e);
	}
	if (r < 0)
		return err_errno(err, r, "cannot make the %s",
				 e->kind == ENTRY_SYMLINK ? "symbolic link" : "node");
	return meta_apply_at(t->parent_fd, e->name, e, t->parent_has_acl, err);
}

static bool same_file(int a, const char *name_a, int b, const char *name_b)
{
	struct stat st_a, st_b;

	return fstatat(a, name_a, &st_a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b, name_b, &st_b, AT_SYMLINK_NOFOLLOW) == 0 && st_a.st_dev == st_b.st_dev &&
	       st_a.st_ino == st_b.st_ino;
}

static int link_to(struct tree *t, const struct entry *e, int dirfd, const char *target)
{
	int r;

	if (linkat(dirfd, target, t->parent_fd, e->name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (same_file(dirfd, target, t->parent_fd, e->name))
		return 0;
	r = make_room(t, e->name);
	if (r < 0)
		return r;
	return linkat(dirfd, target, t->parent_fd, e->name, 0) < 0 ? -errno : 0;
}

static int add_hardlink(struct tree *t, const struct entry *e, struct err *err)
{
	_cleanup_free_ char *parent = xstrdup(e->link);
	char *slash = strrchr(parent, '/');
	const char *target = e->link + (slash ? slash + 1 - parent : 0);
	_cleanup_close_ int fd = -EBADF;
	int r;

	*(slash ? slash : parent) = '\0';
	fd = tree_open_dir(t, parent);
	r = fd < 0 ? fd : link_to(t, e, fd, target);
	return r < 0 ? err_errno(err, r, "cannot make the hard link to '%s'", text_of(e->link)) : 0;
}

static int skip(struct tree *t, const struct entry *e, struct err *err)
{
	return 0;
}

static int (*const adders[])(struct tree *t, const struct entry *e, struct err *err) = {
	[ENTRY_SKIP] = skip,
	[ENTRY_WHITEOUT] = add_whiteout,
	[ENTRY_OPAQUE] = add_opaque,
	[ENTRY_DIR] = add_dir,
	[ENTRY_FILE] = add_file,
	[ENTRY_SYMLINK] = add_special,
	[ENTRY_HARDLINK] = add_hardlink,
	[ENTRY_NODE] = add_special,
};

int tree_add(struct tree *t, const struct entry *e, struct err *err)
{
	return adders[e->kind](t, e, err);
}
