/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/limits.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/strv.h"
#include "image/build.h"
#include "image/inodes.h"
#include "image/text.h"
#include "image/walk.h"
#include "image/xattr.h"
#include "overlay/overlay.h"

/*
 * A folder's names are sorted, since their order on the disk is by chance: the same tree gives the
 * same file system. For that, too, times of reading are left out: everything was read when it was
 * changed.
 *
 * The tree is walked with one descriptor, back up by "..", as deep as it may be.
 */

#define PIECE	     (1u << 20)
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define SHOWN_PATH   400

/* struct folder - @dirs: names in it that are still to come; @node: what it is in the file system */
struct folder {
	struct strv dirs;
	size_t next;
	uint32_t node;
	dev_t dev;
	ino_t ino;
};

struct walk {
	struct ext4 *fs;
	const struct image_get_options *opts;
	uint64_t entries, bytes;
	struct inodes inodes;
	dev_t skip_dev;
	ino_t skip_ino;
	bool upper; /* of an overlay */
	int fd;
	struct folder *v;
	size_t n, room;
	char *piece;
};

static bool cancelled(const struct walk *w)
{
	return w->opts->cancel && *w->opts->cancel;
}

/* How much there is nobody knows before all of it was read. */
static void tell_passed(struct walk *w, uint64_t more)
{
	w->bytes += more;
	if (w->opts->passed)
		w->opts->passed(w->bytes, UINT64_MAX, w->opts->userdata);
}

static struct ext4_attr attr_of(const struct stat *st)
{
	return (struct ext4_attr){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim,
		.atime = st->st_mtim,
		.rdev = st->st_rdev,
	};
}

/* The way to something whose own descriptor need not be opened. */
static char *path_of(int dirfd, const char *name)
{
	return xasprintf("/proc/self/fd/%d/%s", dirfd, name);
}

/* Return: the value's length, or negative errno. */
static ssize_t get_value(const char *path, const char *name, char **ret)
{
	_cleanup_free_ char *value = xmalloc(XATTR_SIZE_MAX);
	ssize_t n = lgetxattr(path, name, value, XATTR_SIZE_MAX);

	if (n < 0)
		return -errno;
	*ret = xmalloc((size_t)n + 1);
	memcpy(*ret, value, (size_t)n);
	return n;
}

/*
 * In an upper folder overlayfs has notes of its own. That a folder hides what is below it is taken; most
 * others speed something up, or keep the numbers of files the same. These say that something else is in
 * the lower folders than its name says.
 *
 * Return: is the attribute taken? -ENOTSUP: it cannot be left out.
 */
static int takes_xattr(const struct walk *w, const char *name, struct err *err)
{
	static const char *const meant[] = {"redirect", "metacopy", "whiteout", "verity"};
	const char *note = w->upper ? str_starts(name, OVERLAY_XATTR_PREFIX) : NULL;

	if (!note)
		return xattr_is_for_us(name);
	for (size_t i = 0; i < ARRAY_SIZE(meant); i++)
		if (str_starts(note, meant[i]))
			return err_set(err, -ENOTSUP,
				       "an overlay that has made use of '%s' is not taken", name);
	return strcmp(name, OVERLAY_XATTR_OPAQUE) == 0;
}

static int read_xattrs(const struct walk *w, const char *path, struct strv *names,
		       struct strv *values, struct xattr **ret, size_t *ret_n, struct err *err)
{
	ssize_t len = llistxattr(path, NULL, 0);
	_cleanup_free_ char *list = NULL;

	if (len <= 0)
		return len < 0 && errno != ENOTSUP ? -errno : 0;
	list = xmalloc((size_t)len);
	len = llistxattr(path, list, (size_t)len);
	if (len < 0)
		return -errno;
	for (char *p = list; p < list + len; p += strlen(p) + 1) {
		char *value = NULL;
		ssize_t n;
		int r = takes_xattr(w, p, err);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		n = get_value(path, p, &value);
		if (n < 0)
			return (int)n;
		strv_add(names, p);
		strv_take(values, value);
		*ret = xreallocarray(*ret, *ret_n + 1, sizeof(**ret));
		(*ret)[(*ret_n)++] = (struct xattr){names->v[names->n - 1], value, (size_t)n};
	}
	return 0;
}

static int copy_xattrs(struct walk *w, const char *name, uint32_t node, struct err *err)
{
	_cleanup_free_ char *path = path_of(w->fd, name);
	_cleanup_strv_ struct strv names = STRV_NULL, values = STRV_NULL;
	_cleanup_free_ struct xattr *v = NULL;
	size_t n = 0, bad;
	int r = read_xattrs(w, path, &names, &values, &v, &n, err);

	if (r < 0 && err->code < 0)
		return r;
	if (r < 0)
		return err_errno(err, r, "cannot read its extended attributes");
	if (n == 0)
		return 0;
	r = ext4_set_xattrs(w->fs, node, v, n, &bad);
	return r < 0 ? build_xattr_failed(r, v[bad].name, v[bad].len, err) : 0;
}

/* Bytes from @from to @to, none of which are in a hole. */
static int copy_part(struct walk *w, int fd, off_t from, off_t to, struct err *err)
{
	while (from < to) {
		size_t want = MIN((size_t)PIECE, (size_t)(to - from));
		ssize_t n = pread(fd, w->piece, want, from);
		int r;

		if (cancelled(w))
			return err_set(err, -EINTR, "interrupted");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "cannot read it");
		if (n == 0)
			return err_set(err, -EAGAIN, "it changes while it is read");
		r = ext4_file_write(w->fs, w->piece, (size_t)n, (uint64_t)from);
		if (r < 0)
			return err_errno(err, r, "cannot write the file");
		tell_passed(w, (uint64_t)n);
		from += n;
	}
	return 0;
}

static int copy_parts(struct walk *w, int fd, off_t size, struct err *err)
{
	off_t end = 0, from;
	int r = 0;

	while (r == 0 && end < size) {
		from = lseek(fd, end, SEEK_DATA);
		if (from < 0 && errno == ENXIO)
			break;
		end = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);
		if (from < 0 || end < 0)
			return err_errno(err, -errno, "cannot read it");
		r = copy_part(w, fd, from, MIN(end, size), err);
	}
	return r;
}

static int copy_file(struct walk *w, const char *name, uint32_t node, off_t size, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	int r = ext4_file_begin(w->fs, node, (uint64_t)size);

	if (r < 0)
		return err_errno(err, r, "cannot give the file its size");
	if (size > 0) {
		fd = openat(w->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			return err_errno(err, -errno, "cannot open it");
		r = copy_parts(w, fd, size, err);
	}
	if (r < 0)
		return r;
	r = ext4_file_end(w->fs);
	return r < 0 ? err_errno(err, r, "cannot write the file") : 0;
}

static int make(struct walk *w, const char *name, const struct stat *st, struct err *err)
{
	struct folder *f = &w->v[w->n - 1];
	const struct ext4_attr attr = attr_of(st);
	char target[PATH_MAX];
	ssize_t n = 0;
	uint32_t node;
	int r;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(w->fd, name, target, sizeof(target) - 1);
		if (n < 0)
			return err_errno(err, -errno, "cannot read it");
	}
	target[n] = '\0';
	r = ext4_make(w->fs, f->node, name, &attr, n > 0 ? target : NULL, &node);
	if (r < 0)
		return err_errno(err, r, "cannot write it");
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		inodes_add(&w->inodes, st->st_dev, st->st_ino, node);
	if (S_ISDIR(st->st_mode))
		strv_add(&f->dirs, name);
	r = copy_xattrs(w, name, node, err);
	return r == 0 && S_ISREG(st->st_mode) ? copy_file(w, name, node, st->st_size, err) : r;
}

static int add(struct walk *w, const char *name, struct err *err)
{
	struct stat st;
	uint32_t node;
	int r;

	if (cancelled(w))
		return err_set(err, -EINTR, "interrupted");
	if (w->entries-- == 0)
		return err_set(err, -EFBIG, "there are more files than are allowed");
	tell_passed(w, 0);
	if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, -errno, "cannot read it");
	if (st.st_dev == w->skip_dev && st.st_ino == w->skip_ino)
		return 0;
	node = S_ISDIR(st.st_mode) || st.st_nlink == 1
		       ? 0
		       : inodes_find(&w->inodes, st.st_dev, st.st_ino);
	if (!node)
		return make(w, name, &st, err);
	r = ext4_link(w->fs, w->v[w->n - 1].node, name, node);
	return r < 0 ? err_errno(err, r, "cannot write it") : 0;
}

static int add_names(struct walk *w, struct err *err)
{
	_cleanup_strv_ struct strv names = STRV_NULL;
	int r = walk_names(w->fd, &names);

	if (r < 0)
		return err_errno(err, r, "cannot read the folder");
	for (size_t i = 0; i < names.n && r == 0; i++) {
		r = add(w, names.v[i], err);
		if (r < 0)
			(void)err_wrap(err, r, "'%s'", text_of(names.v[i]));
	}
	return r;
}

static int push(struct walk *w, uint32_t node, struct err *err)
{
	struct stat st;

	if (fstat(w->fd, &st) < 0)
		return err_errno(err, -errno, "cannot read the folder");
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->v = xreallocarray(w->v, w->room, sizeof(*w->v));
	}
	w->v[w->n++] = (struct folder){
		.dirs = STRV_NULL, .node = node, .dev = st.st_dev, .ino = st.st_ino};
	return add_names(w, err);
}

static int go_down(struct walk *w, const char *name, struct err *err)
{
	uint32_t node;
	int fd = openat(w->fd, name, FOLDER_FLAGS), r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot open the folder");
	fd_close(w->fd);
	w->fd = fd;
	r = ext4_lookup(w->fs, w->v[w->n - 1].node, name, &node);
	return r < 0 ? err_errno(err, r, "cannot write it") : push(w, node, err);
}

static int go_up(struct walk *w, struct err *err)
{
	const struct folder *f;
	struct stat st;
	int up;

	strv_done(&w->v[--w->n].dirs);
	if (w->n == 0)
		return 0;
	f = &w->v[w->n - 1];
	up = openat(w->fd, "..", FOLDER_FLAGS);
	if (up < 0)
		return err_errno(err, -errno, "cannot go back from a folder");
	fd_close(w->fd);
	w->fd = up;
	if (fstat(up, &st) < 0 || st.st_ino != f->ino || st.st_dev != f->dev)
		return err_set(err, -ESTALE, "folders are moved while they are read");
	return 0;
}

/* Return: @r, with the folder that it happened in in front of the message. */
static int blame(const struct walk *w, int r, struct err *err)
{
	char path[SHOWN_PATH];
	size_t len = 0;

	path[0] = '\0';
	for (size_t i = 0; i + 1 < w->n && len < sizeof(path); i++)
		len += (size_t)snprintf(path + len, sizeof(path) - len, "/%s",
					w->v[i].dirs.v[w->v[i].next - 1]);
	return len > 0 ? err_wrap(err, r, "'%s'", text_of(path)) : r;
}

static int walk(struct walk *w, uint32_t top, struct err *err)
{
	struct stat st;
	struct ext4_attr attr;
	int r;

	if (fstat(w->fd, &st) < 0)
		return err_errno(err, -errno, "cannot read it");
	attr = attr_of(&st);
	ext4_set_attr(w->fs, top, &attr);
	r = copy_xattrs(w, ".", top, err);
	if (r == 0)
		r = push(w, top, err);
	while (r == 0 && w->n > 0) {
		struct folder *f = &w->v[w->n - 1];

		r = f->next < f->dirs.n ? go_down(w, f->dirs.v[f->next++], err) : go_up(w, err);
	}
	return r < 0 ? blame(w, r, err) : 0;
}

static int walk_from(struct walk *w, uint32_t top, const char *path, struct err *err)
{
	const struct image_get_options *opts = w->opts;
	int r;

	w->entries = opts->max_entries ? opts->max_entries : IMAGE_ENTRIES_MAX;
	w->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->piece = xmalloc(PIECE);
	r = w->fd < 0 ? err_errno(err, -errno, "cannot open the folder") : walk(w, top, err);
	for (; w->n > 0; w->n--)
		strv_done(&w->v[w->n - 1].dirs);
	fd_close(w->fd);
	inodes_done(&w->inodes);
	free(w->v);
	free(w->piece);
	return r;
}

int build_folder(struct ext4 *fs, const char *path, const struct image_get_options *opts,
		 dev_t skip_dev, ino_t skip_ino, struct err *err)
{
	struct walk w = {.fs = fs, .opts = opts, .skip_dev = skip_dev, .skip_ino = skip_ino};

	return walk_from(&w, EXT4_ROOT, path, err);
}

int build_upper(struct ext4 *fs, uint32_t node, const char *path,
		const struct image_get_options *opts, struct err *err)
{
	struct walk w = {.fs = fs, .opts = opts, .upper = true};

	return walk_from(&w, node, path, err);
}
