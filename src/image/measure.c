/* SPDX-License-Identifier: Apache-2.0 */
#include "image/measure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/inodes.h"

/* The tree is walked with one descriptor, back up by "..", as deep as it may be. */

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define BLOCK	     512 /* of stat(2) */

/* struct level - the folders in one folder, and how many of them have been entered */
struct level {
	struct strv dirs;
	size_t next;
};

struct walk {
	struct level *v;
	size_t n;
	struct inodes inodes;
	uint64_t bytes;
};

static bool is_new(struct walk *w, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink == 1)
		return true;
	if (inodes_find(&w->inodes, st->st_dev, st->st_ino))
		return false;
	inodes_add(&w->inodes, st->st_dev, st->st_ino, 1);
	return true;
}

static void look_at(struct walk *w, int dirfd, const char *name)
{
	struct stat st;

	if (strcmp(name, "..") == 0 || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (strcmp(name, ".") != 0 && S_ISDIR(st.st_mode))
		strv_add(&w->v[w->n - 1].dirs, name);
	else if (is_new(w, &st))
		w->bytes += (uint64_t)st.st_blocks * BLOCK;
}

/* Counts the folder itself, by its ".", and what is in it, but for its folders. */
static void enter(struct walk *w, int fd)
{
	int copy = openat(fd, ".", FOLDER_FLAGS);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;

	w->v = xreallocarray(w->v, w->n + 1, sizeof(*w->v));
	w->v[w->n++] = (struct level){.dirs = STRV_NULL};
	while (dir && (de = readdir(dir)))
		look_at(w, copy, de->d_name);
	if (dir)
		(void)closedir(dir);
	else
		fd_close(copy);
}

/* Return: the next folder's descriptor, that of the one above, or negative errno. */
static int step(struct walk *w, int fd)
{
	struct level *top = &w->v[w->n - 1];

	if (top->next < top->dirs.n) {
		int below = openat(fd, top->dirs.v[top->next++], FOLDER_FLAGS);

		if (below < 0)
			return openat(fd, ".", FOLDER_FLAGS);
		enter(w, below);
		return below;
	}
	strv_done(&top->dirs);
	w->n--;
	return w->n > 0 ? openat(fd, "..", FOLDER_FLAGS) : -ENOENT;
}

uint64_t measure_folder(int fd)
{
	int at = openat(fd, ".", FOLDER_FLAGS);
	struct walk w = {.v = NULL};

	if (at >= 0)
		enter(&w, at);
	while (at >= 0) {
		int next = step(&w, at);

		fd_close(at);
		at = next;
	}
	while (w.n > 0)
		strv_done(&w.v[--w.n].dirs);
	free(w.v);
	inodes_done(&w.inodes);
	return w.bytes;
}
