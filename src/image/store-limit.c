/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store-limit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/catalog.h"
#include "image/measure.h"
#include "image/store-remove.h"

/* Key of the lock that is held while room is made, and taken. */
#define ROOM "room"

/* struct candidate - an image that may have to go; @used: when it was used last */
struct candidate {
	const struct digest *id;
	struct timespec used;
	uint64_t bytes;
};

/* struct room - @total: bytes of all that is there and what comes; @v: the one used last comes last */
struct room {
	const struct store *store;
	const struct image_limit *limit;
	struct candidate *v;
	size_t n;
	uint64_t total;
};

static int compare(const void *a, const void *b)
{
	const struct timespec *x = &((const struct candidate *)a)->used;
	const struct timespec *y = &((const struct candidate *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* What goes meanwhile takes no room. Return: its bytes. */
static uint64_t look_at(const struct store *s, const struct digest *id, struct candidate *ret)
{
	char path[STORE_IMAGE_PATH];
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	store_image_path(id, path);
	fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	*ret = (struct candidate){.id = id, .used = st.st_mtim, .bytes = measure_folder(fd)};
	return ret->bytes;
}

/* Return: the bytes of @own, the image that is to come, in another form. */
static uint64_t look_at_all(struct room *room, const struct catalog *c, const struct digest *own)
{
	uint64_t mine = 0;

	room->v = xcalloc(c->n + 1, sizeof(*room->v));
	for (size_t i = 0; i < c->n; i++) {
		struct candidate *next = &room->v[room->n];
		uint64_t bytes = look_at(room->store, &c->v[i].id, next);

		room->total += bytes;
		if (strcmp(c->v[i].id.text, own->text) == 0)
			mine = bytes;
		else if (bytes > 0)
			room->n++;
	}
	if (room->n > 1)
		qsort(room->v, room->n, sizeof(*room->v), compare);
	return mine;
}

/* Return: 1 with the claim, 0 where it has to stay or is gone, or negative errno, with a message. */
static int try_claim(const struct room *room, const struct candidate *which,
		     struct store_claim *claim, struct err *err)
{
	const struct image_limit *limit = room->limit;
	int r = store_claim(room->store, which->id, claim, err);

	if (r == -EBUSY || r == -ENOENT)
		return 0;
	if (r == 0 && limit->kept)
		r = limit->kept(which->id->text, limit->userdata, err);
	return r < 0 ? r : !r;
}

/* Leaves those that can go. Return: how many bytes they have; or in @err what went wrong. */
static uint64_t keep_removable(struct room *room, struct err *err)
{
	uint64_t bytes = 0;
	size_t n = 0;

	for (size_t i = 0; i < room->n; i++) {
		_cleanup_store_claim_ struct store_claim claim = STORE_CLAIM_NULL;

		if (try_claim(room, &room->v[i], &claim, err) != 1)
			continue;
		bytes += room->v[i].bytes;
		room->v[n++] = room->v[i];
	}
	room->n = n;
	return bytes;
}

static int remove_one(struct room *room, const struct candidate *which, struct err *err)
{
	_cleanup_store_claim_ struct store_claim claim = STORE_CLAIM_NULL;
	struct digest id = *which->id;
	uint64_t bytes;
	int r = try_claim(room, which, &claim, err);

	if (r <= 0)
		return r;
	r = store_remove(&claim, &bytes, err);
	if (r < 0)
		return r;
	room->total -= which->bytes;
	if (room->limit->removed)
		room->limit->removed(id.text, room->limit->userdata);
	return 0;
}

static int in_the_way(const struct room *room, uint64_t needed, struct err *err)
{
	return err_set(
		err, -EFBIG,
		"the image takes %llu bytes of the store, and those that containers use, or that "
		"somebody verifies or gets, leave it less under %s, %llu bytes: `caisson delete` "
		"containers, or raise that",
		(unsigned long long)needed, room->limit->name,
		(unsigned long long)room->limit->bytes);
}

static int make_room(struct room *room, uint64_t needed, struct err *err)
{
	const uint64_t limit = room->limit->bytes;
	uint64_t removable;
	struct err failed = ERR_NULL;
	int r = 0;

	if (needed > limit)
		return err_set(
			err, -EFBIG,
			"the image takes %llu bytes of the store, more than %s allows it for "
			"all, %llu",
			(unsigned long long)needed, room->limit->name, (unsigned long long)limit);
	if (room->total <= limit)
		return 0;
	removable = keep_removable(room, &failed);
	if (room->total - MIN(removable, room->total) > limit) {
		if (failed.code && err)
			*err = failed;
		return failed.code ? failed.code : in_the_way(room, needed, err);
	}
	for (size_t i = 0; r == 0 && room->total > limit && i < room->n; i++)
		r = remove_one(room, &room->v[i], err);
	return r < 0 || room->total <= limit ? r : in_the_way(room, needed, err);
}

int store_make_room(const struct store_tmp *t, const struct digest *id,
		    const struct image_limit *limit, const volatile sig_atomic_t *cancel,
		    struct err *err)
{
	_cleanup_close_ int lock = store_lock(t->store, ROOM, cancel, err);
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	struct room room = {.store = t->store, .limit = limit, .total = measure_folder(t->fd)};
	uint64_t needed = room.total;
	int r = lock < 0 ? lock : catalog_read(t->store, &c, err);

	if (r < 0)
		return r;
	needed += look_at_all(&room, &c, id);
	r = make_room(&room, needed, err);
	free(room.v);
	return r < 0 ? r : take_fd(lock);
}
