/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "image/store.h"

/**
 * struct store_claim - an image that nobody uses, and nobody else can begin to use
 * @guard: held by whoever locks an image exclusively, so that such a lock is not taken for use
 * @fd: its folder, locked
 */
struct store_claim {
	const struct store *store;
	struct digest id;
	int guard, fd;
};

#define STORE_CLAIM_NULL                                     \
	{                                                    \
		.store = NULL, .guard = -EBADF, .fd = -EBADF \
	}

/**
 * store_claim() - lock an image in order to remove it, without waiting for those who use it
 *
 * Return: 0; -EBUSY: it is in use, without a message; -ENOENT: it is not there, nor is a message;
 * others with one.
 */
int store_claim(const struct store *s, const struct digest *id, struct store_claim *ret,
		struct err *err);

/** store_claim_done() - let go of what was not removed; may be called again */
void store_claim_done(struct store_claim *c);
#define _cleanup_store_claim_ __attribute__((cleanup(store_claim_done)))

/** store_in_use() - does anybody use the image at this moment? */
bool store_in_use(const struct store *s, const struct digest *id);

/**
 * store_remove() - forget the names of the claimed image, and remove it
 * @ret_bytes: set to the room that it took on the disk
 *
 * Whoever dies meanwhile leaves it whole, or in tmp/, where it is swept.
 *
 * Return: 0 or negative errno, with a message.
 */
int store_remove(struct store_claim *c, uint64_t *ret_bytes, struct err *err);

/**
 * store_forget() - take one name from an image, which stays
 * @name: as in struct catalog_image
 *
 * Return: 0, also if the name means another image by now; negative errno, with a message.
 */
int store_forget(const struct store *s, const char *name, const struct digest *id, struct err *err);
