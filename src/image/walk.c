/* SPDX-License-Identifier: Apache-2.0 */
#include "image/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"

/* The way back up is "..", so that depth takes no descriptors. */

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* struct level - a folder: the folders in it, and how many of them have been entered */
struct level {
	struct strv dirs;
	size_t next;
	char *path;
};

struct walk {
	int (*visit)(const struct walk_entry *e, void *userdata);
	void *userdata;
	struct level *v;
	size_t n;
	int error;
};

static void fail(struct walk *w, int error)
{
	if (w->error == 0)
		w->error = error;
}

int walk_names(int fd, struct strv *ret)
{
	_cleanup_dir_ DIR *dir = dir_open(fd, ".");
	const char *name;
	int r;

	if (!dir)
		return -errno;
	while ((name = dir_next(dir)))
		strv_add(ret, name);
	r = -errno;
	strv_sort(ret);
	return r;
}

static int look_at(struct walk *w, int dirfd, const char *name, struct level *level)
{
	const char *slash = *level->path ? "/" : "";
	_cleanup_free_ char *path = strcmp(name, ".") == 0
					    ? xstrdup("")
					    : xasprintf("%s%s%s", level->path, slash, name);
	struct walk_entry e = {.dirfd = dirfd, .name = name, .path = path};

	if (fstatat(dirfd, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0) {
		fail(w, -errno);
		return 0;
	}
	if (*path && S_ISDIR(e.st.st_mode))
		strv_add(&level->dirs, name);
	return w->visit(&e, w->userdata);
}

/* Looks at all that is in the folder. @path: owned from here on */
static int enter(struct walk *w, int fd, char *path)
{
	_cleanup_strv_ struct strv names = STRV_NULL;
	struct level level = {.dirs = STRV_NULL, .path = path};
	int listed = walk_names(fd, &names), r = 0;

	if (listed < 0)
		fail(w, listed);
	for (size_t i = 0; r >= 0 && i < names.n; i++)
		r = look_at(w, fd, names.v[i], &level);
	w->v = xreallocarray(w->v, w->n + 1, sizeof(*w->v));
	w->v[w->n++] = level;
	return r;
}

static void leave(struct walk *w)
{
	struct level *top = &w->v[--w->n];

	strv_done(&top->dirs);
	free(top->path);
}

/* Moves on, to the next folder or back to the one above. Return: 0 or negative errno. */
static int step(struct walk *w, int *fd)
{
	struct level *top = &w->v[w->n - 1];
	bool down = top->next < top->dirs.n;
	const char *name = down ? top->dirs.v[top->next++] : "..";
	int next = openat(*fd, name, FOLDER_FLAGS);

	if (next < 0 && down) {
		fail(w, -errno);
		return 0;
	}
	if (next < 0)
		return -errno;
	fd_close(*fd);
	*fd = next;
	if (down)
		return enter(w, next, xasprintf("%s%s%s", top->path, *top->path ? "/" : "", name));
	leave(w);
	return 0;
}

int walk_folder(int fd, int (*visit)(const struct walk_entry *e, void *userdata), void *userdata)
{
	struct walk w = {.visit = visit, .userdata = userdata};
	int at = openat(fd, ".", FOLDER_FLAGS);
	char nothing[] = "";
	struct level top = {.path = nothing};
	int r = at < 0 ? -errno : look_at(&w, at, ".", &top);

	if (r >= 0)
		r = enter(&w, at, xstrdup(""));
	while (r >= 0 && (w.n > 1 || w.v[0].next < w.v[0].dirs.n))
		r = step(&w, &at);
	while (w.n > 0)
		leave(&w);
	free(w.v);
	fd_close(at);
	return r < 0 ? r : w.error;
}
