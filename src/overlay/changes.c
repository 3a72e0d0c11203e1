/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "overlay/overlay.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/**
 * struct walk - on the way through both folders
 * @path: of the folder that is being read, without a "/" at its end
 * @depth: folders that are open
 * @told: bytes of @path whose folders were told of already
 */
struct walk {
	int (*tell)(enum change change, const char *path, void *userdata);
	void *userdata;
	char path[PATH_MAX];
	size_t len, told;
	unsigned int depth;
};

/* A folder that was only opened up for a change further down is told of together with that. */
static int tell_folders(struct walk *w)
{
	while (w->told < w->len) {
		char *end = strchr(w->path + w->told + 1, '/');
		int r;

		if (end)
			*end = '\0';
		r = w->tell(CHANGE_CHANGED, w->path, w->userdata);
		w->told = strlen(w->path);
		if (end)
			*end = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

static int push(struct walk *w, const char *name)
{
	size_t n = strlen(name);

	if (n + 1 >= sizeof(w->path) - w->len || w->depth == CHANGES_DEPTH_MAX)
		return -ENAMETOOLONG;
	w->path[w->len] = '/';
	memcpy(w->path + w->len + 1, name, n + 1);
	w->len += n + 1;
	return 0;
}

static void pop(struct walk *w, size_t len)
{
	w->path[len] = '\0';
	w->len = len;
	if (w->told > len)
		w->told = len;
}

/* Of the last name in @path. */
static int tell_it(struct walk *w, enum change change, size_t parent)
{
	int r;

	w->path[parent] = '\0';
	w->len = parent;
	r = tell_folders(w);
	w->path[parent] = '/';
	w->len = parent + strlen(w->path + parent);
	if (r < 0)
		return r;
	w->told = w->len;
	return w->tell(change, w->path, w->userdata);
}

/* overlayfs copies a folder up with all it is when something in it changes. */
static bool same_folder(const struct stat *a, const struct stat *b)
{
	return S_ISDIR(a->st_mode) && S_ISDIR(b->st_mode) && a->st_mode == b->st_mode &&
	       a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* All that the lower folder has and the upper one has not. */
static int tell_hidden(struct walk *w, int upper, int lower)
{
	_cleanup_dir_ DIR *dir = dir_open(lower, ".");
	size_t parent = w->len;
	const char *name;
	struct stat st;
	int r = dir ? 0 : -errno;

	while (r == 0 && (name = dir_next(dir))) {
		if (fstatat(upper, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		r = push(w, name);
		if (r == 0)
			r = tell_it(w, CHANGE_DELETED, parent);
		pop(w, parent);
	}
	return r;
}

static int walk_folder(struct walk *w, int upper, int lower, bool opaque);

/* @opaque: it is in a folder that is, and so are all folders in it, though they do not say so. */
static int enter_folder(struct walk *w, int upper, int lower, bool opaque, const char *name)
{
	_cleanup_close_ int up = openat(upper, name, FOLDER_FLAGS);
	_cleanup_close_ int low = lower < 0 ? -EBADF : openat(lower, name, FOLDER_FLAGS);
	int r = 0;

	/* It may be gone, or something else by now. */
	if (up < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	w->depth++;
	opaque = opaque || overlay_is_opaque(up);
	if (low >= 0 && opaque)
		r = tell_hidden(w, up, low);
	if (r == 0)
		r = walk_folder(w, up, low, opaque);
	w->depth--;
	return r;
}

static int look_at(struct walk *w, int upper, int lower, bool opaque, const char *name)
{
	size_t parent = w->len;
	struct stat up, low;
	bool known;
	int r;

	if (fstatat(upper, name, &up, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	known = lower >= 0 && fstatat(lower, name, &low, AT_SYMLINK_NOFOLLOW) == 0;
	if (known && overlay_is_whiteout(&low))
		known = false;
	r = push(w, name);
	if (r < 0)
		return r;
	if (overlay_is_whiteout(&up))
		r = known ? tell_it(w, CHANGE_DELETED, parent) : 0;
	else if (!known)
		r = tell_it(w, CHANGE_ADDED, parent);
	else if (!same_folder(&up, &low))
		r = tell_it(w, CHANGE_CHANGED, parent);
	if (r == 0 && S_ISDIR(up.st_mode))
		r = enter_folder(w, upper, known ? lower : -EBADF, opaque, name);
	pop(w, parent);
	return r;
}

static int walk_folder(struct walk *w, int upper, int lower, bool opaque)
{
	_cleanup_dir_ DIR *dir = dir_open(upper, ".");
	const char *name;
	int r = dir ? 0 : -errno;

	while (r == 0 && (name = dir_next(dir)))
		r = look_at(w, upper, lower, opaque, name);
	return r;
}

int changes_tell(int upper, int lower,
		 int (*tell)(enum change change, const char *path, void *userdata), void *userdata)
{
	struct walk w = {.tell = tell, .userdata = userdata};

	return walk_folder(&w, upper, lower, false);
}
