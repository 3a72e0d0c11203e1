/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "image/tree.h"

/*
 * Whiteouts. "Whiteout files MUST only apply to resources in lower/parent layers" (image-spec 1.1,
 * layer.md), wherever in the layer's tar they stand: so what this layer added before its whiteout
 * must survive it. tree->added knows those names, by folder and name. Should two names ever share a
 * hash there, a file of a lower layer would stay that ought to go.
 */

/*
 * The tree is walked with one descriptor, back up by "..", which is safe where nobody else changes
 * anything: a path may lead through 2,047 folders, and with links a tree becomes deeper than any
 * path. What is remembered are the names of folders still to come, and the way back.
 *
 * A folder that was walked has nothing left of lower layers, and gets nothing of them any more. So
 * it is marked, with a name that no file can have, and not walked again in this layer.
 */
#define WALKED	     "/"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC)

/* @names: where those of the folders in it begin */
struct folder {
	uint64_t ino;
	struct timespec mtime;
	size_t names;
};

/* @fd: the last of @folders; @names: one behind the other, each with its NUL */
struct walk {
	struct tree *t;
	int fd;
	struct folder *folders;
	size_t n, room;
	char *names;
	size_t len, size;
};

static void push_folder(struct walk *w, const struct stat *st)
{
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->folders = xreallocarray(w->folders, w->room, sizeof(*w->folders));
	}
	w->folders[w->n++] = (struct folder){st->st_ino, st->st_mtim, w->len};
}

static void push_name(struct walk *w, const char *name)
{
	size_t n = strlen(name) + 1;

	if (n > w->size - w->len) {
		w->size = MAX(2 * w->size, w->len + n + 1024);
		w->names = xreallocarray(w->names, w->size, 1);
	}
	memcpy(w->names + w->len, name, n);
	w->len += n;
}

static char *last_name(const struct walk *w)
{
	char *p = w->names + w->len - 1;

	while (p > w->names && p[-1])
		p--;
	return p;
}

static bool is_ours(const struct walk *w, const char *name)
{
	return nameset_has(&w->t->added, w->folders[w->n - 1].ino, name);
}

/* Removes @name, or puts it down for later if it is a folder. */
static int look_at(struct walk *w, const char *name)
{
	struct stat st;

	if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode)) {
		push_name(w, name);
		return 0;
	}
	return is_ours(w, name) || unlinkat(w->fd, name, 0) == 0 ? 0 : -errno;
}

static int read_folder(struct walk *w)
{
	const volatile sig_atomic_t *cancel = w->t->allowance->cancel;
	_cleanup_dir_ DIR *dir = dir_open(w->fd, ".");
	int r = dir ? 0 : -errno;
	const char *name;

	while (r == 0 && (name = dir_next(dir)))
		r = cancel && *cancel ? -EINTR : look_at(w, name);
	return r;
}

static int go_down(struct walk *w)
{
	int fd = openat(w->fd, last_name(w), FOLDER_FLAGS);
	struct stat st;

	if (fd < 0)
		return -errno;
	fd_close(w->fd);
	w->fd = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	push_folder(w, &st);
	return nameset_has(&w->t->added, st.st_ino, WALKED) ? 0 : read_folder(w);
}

/* Removes the folder that was left unless something of this layer is in it, or it is itself. */
static int go_up(struct walk *w)
{
	const struct folder left = w->folders[--w->n];
	const char *name = last_name(w);
	_cleanup_close_ int up = openat(w->fd, "..", FOLDER_FLAGS);
	struct stat st;
	int r;

	if (up < 0 || fstat(up, &st) < 0)
		return -errno;
	if (st.st_ino != w->folders[w->n - 1].ino)
		return -ESTALE;
	if (is_ours(w, name) || unlinkat(up, name, AT_REMOVEDIR) < 0) {
		if (!is_ours(w, name) && errno != ENOTEMPTY && errno != EEXIST)
			return -errno;
		nameset_add(&w->t->added, left.ino, WALKED);
		r = tree_restore_mtime(w->fd, left.mtime);
		if (r < 0)
			return r;
	}
	w->len = (size_t)(name - w->names);
	fd_close(w->fd);
	w->fd = take_fd(up);
	return 0;
}

/* @name: NULL: all there is in the folder @t->parent_fd */
static int hide(struct tree *t, const char *name)
{
	struct walk w = {.t = t, .fd = openat(t->parent_fd, ".", FOLDER_FLAGS)};
	struct stat st;
	int r = 0;

	t->parent_stale = true;
	if (w.fd < 0 || fstat(w.fd, &st) < 0) {
		r = -errno;
	} else {
		push_folder(&w, &st);
		r = name ? look_at(&w, name) : read_folder(&w);
	}
	while (r == 0 && (w.n > 1 || w.len > 0))
		r = w.len > w.folders[w.n - 1].names ? go_down(&w) : go_up(&w);
	fd_close(w.fd);
	free(w.folders);
	free(w.names);
	return r;
}

int tree_hide(struct tree *t, const char *name)
{
	return hide(t, name);
}

int tree_hide_all(struct tree *t)
{
	if (nameset_has(&t->added, t->parent_ino, WALKED))
		return 0;
	nameset_add(&t->added, t->parent_ino, WALKED);
	return hide(t, NULL);
}
