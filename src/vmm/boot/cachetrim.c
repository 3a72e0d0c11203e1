/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/cachetrim.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "vmm/boot/cachefile.h"

/* A writer is not at work for that long: one that was killed has left it. */
#define LEFT_SECONDS 3600

/* The kernel has st_blocks in these. */
#define SECTOR 512

struct entry {
	char *name;
	struct timespec used;
	uint64_t bytes;
};

struct listing {
	struct entry *entries;
	size_t n;
	uint64_t bytes;
};

static int open_file(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static int lock(int fd, int how)
{
	int r;

	do
		r = flock(fd, how);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int cache_use(int folder, const char *name)
{
	_cleanup_close_ int fd = open_file(folder, name);
	int r = fd < 0 ? fd : lock(fd, LOCK_SH | LOCK_NB);

	/* It is being removed. Nobody is waited for: a VM has this lock as well. */
	if (r == -EWOULDBLOCK)
		return -ENOENT;
	if (r < 0)
		return r;
	(void)futimens(fd, NULL);
	return take_fd(fd);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len >= n && strcmp(name + len - n, suffix) == 0;
}

static void remove_left(int folder, const char *name, const struct stat *st)
{
	if (str_starts(name, CACHE_FILE_TMP) && st->st_mtime < time(NULL) - LEFT_SECONDS)
		(void)unlinkat(folder, name, 0);
}

static void add(struct listing *list, const char *name, const struct stat *st)
{
	struct entry *e;

	list->entries = xreallocarray(list->entries, list->n + 1, sizeof(*list->entries));
	e = &list->entries[list->n++];
	e->name = xstrdup(name);
	e->used = st->st_mtim;
	e->bytes = (uint64_t)st->st_blocks * SECTOR;
	list->bytes += e->bytes;
}

static void list_files(DIR *dir, const char *suffix, struct listing *list)
{
	const char *name;
	struct stat st;

	while ((name = dir_next(dir))) {
		if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (ends_with(name, suffix))
			add(list, name, &st);
		else
			remove_left(dirfd(dir), name, &st);
	}
}

static int by_time(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

static int by_use(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = by_time(&x->used, &y->used);

	return r != 0 ? r : strcmp(x->name, y->name);
}

/* Return: is it gone? Not while it is in use, or when it was used since we looked. */
static bool remove_unused(int folder, const struct entry *e)
{
	_cleanup_close_ int fd = open_file(folder, e->name);
	struct stat st;

	return fd >= 0 && lock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	       by_time(&st.st_mtim, &e->used) == 0 && unlinkat(folder, e->name, 0) == 0;
}

static void trim(int folder, struct listing *list, const struct cache_limits *limits)
{
	size_t left = list->n;

	qsort(list->entries, list->n, sizeof(*list->entries), by_use);
	for (size_t i = 0; i < list->n; i++) {
		if (left <= limits->files && list->bytes <= limits->bytes)
			return;
		if (!remove_unused(folder, &list->entries[i]))
			continue;
		left--;
		list->bytes -= list->entries[i].bytes;
	}
}

void cache_trim(int folder, const char *suffix, const struct cache_limits *limits)
{
	struct listing list = {.n = 0};
	/* The lock is this one's, and ends with it. */
	_cleanup_dir_ DIR *dir = dir_open(folder, ".");

	if (!dir)
		return;
	if (lock(dirfd(dir), LOCK_EX | LOCK_NB) == 0) {
		list_files(dir, suffix, &list);
		if (list.n > 0)
			trim(folder, &list, limits);
	}
	for (size_t i = 0; i < list.n; i++)
		free(list.entries[i].name);
	free(list.entries);
}
