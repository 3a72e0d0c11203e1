/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "p9/proto.h"
#include "p9/ranges.h"

/*
 * The fids of a client: its numbers for files, each with one descriptor of ours. No path is kept, so that a file that
 * was renamed or removed is still the same.
 */

#define P9_FIDS_MAX 32768u

/* Bits, for sets of them. */
enum p9_fid_kind {
	P9_FID_PATH = 1,      /* not opened: an O_PATH descriptor */
	P9_FID_FILE = 2,      /* opened */
	P9_FID_DIR = 4,	      /* an opened folder */
	P9_FID_XATTR_GET = 8, /* an extended attribute, or the list of them, to be read */
	P9_FID_XATTR_SET = 16 /* one that is being written; set when the fid goes */
};

#define P9_FID_OPENED (P9_FID_FILE | P9_FID_DIR)
#define P9_FID_XATTR  (P9_FID_XATTR_GET | P9_FID_XATTR_SET)

/**
 * struct p9_xattr - an extended attribute that is on its way
 * @len, @done: of @value; how much of it the client has written
 */
struct p9_xattr {
	uint32_t len, done;
	int flags;
	char name[P9_NAME_SIZE];
	uint8_t value[];
};

/**
 * struct p9_fid - one of them
 * @number: the client's
 * @uid: whose it is
 * @kind: enum p9_fid_kind
 * @fd: owned
 * @lock_fd: another descriptor of the same file, for locks that @fd is not open for; owned, or -EBADF
 * @place: of a folder: the cookie that its next entry is read at
 * @type: S_IFDIR and so on; of the folder around a single file S_IFDIR, while @fd is the file
 * @tree: which tree it is in
 * @alone: this is that folder
 * @xattr: owned
 * @locks: of @lock_fd, or else @fd; owned; NULL: none
 */
struct p9_fid {
	uint32_t number;
	uint32_t uid;
	int fd, lock_fd;
	union {
		uint64_t place;
		struct p9_xattr *xattr;
	};
	struct p9_ranges *locks;
	uint16_t next;
	uint16_t type;
	uint8_t kind;
	uint8_t tree;
	bool alone;
};

#define P9_FID_CHUNK   128u
#define P9_FID_BUCKETS 1024u

/**
 * struct p9_fids - all of a client's
 * @chunks: made as they are needed
 * @bucket: first of those whose number leads here; index + 1
 * @free: first unused one; index + 1
 * @n_made: how many there are in @chunks
 * @max: how many may be in use at a time
 * @xattr_bytes: in use for extended attributes
 * @n_ranges: that are locked
 */
struct p9_fids {
	struct p9_fid *chunks[P9_FIDS_MAX / P9_FID_CHUNK];
	uint16_t bucket[P9_FID_BUCKETS];
	uint16_t free;
	uint32_t n_made, n, max;
	size_t xattr_bytes, n_ranges;
};

/** p9_fids_init() - none, and not more than @max of them at a time */
void p9_fids_init(struct p9_fids *f, uint32_t max);

/** p9_fids_clear() - let go of all */
void p9_fids_clear(struct p9_fids *f);

/** p9_fids_deinit() - that, and the memory */
void p9_fids_deinit(struct p9_fids *f);

/** p9_fid_find() - the one with a number. Return: NULL: there is none. */
struct p9_fid *p9_fid_find(const struct p9_fids *f, uint32_t number);

/**
 * p9_fid_add() - a new one, for something that is not opened
 * @fd: taken over on success
 *
 * Return: 0; -EBADF: the number is in use, or none; -ENFILE: there are too many; -ENOMEM.
 */
int p9_fid_add(struct p9_fids *f, uint32_t number, int fd, struct p9_fid **ret);

/** p9_fid_remove() - forget one, with all that it owns */
void p9_fid_remove(struct p9_fids *f, struct p9_fid *fid);

/**
 * p9_fid_new_xattr() - room for an extended attribute, which the fid then has
 *
 * Return: 0; -ENOMEM: all of them together would take too much.
 */
int p9_fid_new_xattr(struct p9_fids *f, struct p9_fid *fid, uint32_t len);

/** p9_fids_can_lock() - would there be P9_RANGES_MAX at most, if a fid had these? */
bool p9_fids_can_lock(const struct p9_fids *f, const struct p9_fid *fid,
		      const struct p9_ranges *locks);

/** p9_fid_set_locks() - a fid has these now. @locks: taken over; NULL: none */
void p9_fid_set_locks(struct p9_fids *f, struct p9_fid *fid, struct p9_ranges *locks);
