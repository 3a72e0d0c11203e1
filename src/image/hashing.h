/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "image/digest.h"

/**
 * struct hashing - a digest being computed beside whatever else is done with the bytes
 *
 * A thread does it, so that on two processors it takes no time of its own. Whoever adds waits only
 * when the thread has fallen behind by some MiB.
 */
struct hashing {
	struct hashing_thread *thread;
};

#define HASHING_NULL           \
	{                      \
		.thread = NULL \
	}

/** hashing_begin() - start; aborts without memory or threads */
void hashing_begin(struct hashing *h);

/** hashing_add() - continue; the bytes are copied */
void hashing_add(struct hashing *h, const void *data, size_t len);

/**
 * hashing_room() - where bytes may be put so that they need not be copied
 * @ret_size: set to how many
 *
 * They stay there until the next call of hashing_room() or hashing_add().
 */
void *hashing_room(struct hashing *h, size_t *ret_size);

/** hashing_added() - that many bytes are there */
void hashing_added(struct hashing *h, size_t len);

/** hashing_end() - finish; @h is free again */
void hashing_end(struct hashing *h, struct digest *ret);

/** hashing_done() - give up; may be called again */
void hashing_done(struct hashing *h);

/** hashing_runs() - was it begun, and neither finished nor given up? */
static inline bool hashing_runs(const struct hashing *h)
{
	return h->thread;
}
