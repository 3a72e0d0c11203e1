/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "image/digest.h"

/**
 * struct hashing - a digest being computed beside whatever else is done with the bytes
 *
 * A thread does it, so that on two processors it takes no time of its own. Whoever adds waits only
 * when the thread has fallen behind by some MiB, or when whoever takes has.
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

/* Bytes that may have been added to a pipe, and not taken yet. */
#define HASHING_PIPE_SIZE (8u << 20)

/** hashing_begin_pipe() - as hashing_begin(), for what another thread gets out by hashing_take() */
void hashing_begin_pipe(struct hashing *h);

/**
 * hashing_add() - continue; the bytes are copied
 *
 * Return: false: they are not, since nobody takes any.
 */
bool hashing_add(struct hashing *h, const void *data, size_t len);

/**
 * hashing_room() - where bytes may be put so that they need not be copied
 * @ret_size: set to how many
 *
 * They stay there until the next call of hashing_room() or hashing_add().
 */
void *hashing_room(struct hashing *h, size_t *ret_size);

/** hashing_added() - that many bytes are there */
void hashing_added(struct hashing *h, size_t len);

/** hashing_close() - of a pipe: that was all */
void hashing_close(struct hashing *h);

/**
 * hashing_take() - what was added to a pipe
 * @ret: set to memory that is valid until the next call
 *
 * Return: how many bytes; 0: it is closed, and has no more.
 */
size_t hashing_take(struct hashing *h, const void **ret);

/** hashing_refuse() - of a pipe: nobody takes any more */
void hashing_refuse(struct hashing *h);

/** hashing_end() - finish; @h is free again. A pipe must be closed before. */
void hashing_end(struct hashing *h, struct digest *ret);

/** hashing_done() - give up; may be called again */
void hashing_done(struct hashing *h);

/** hashing_runs() - was it begun, and neither finished nor given up? */
static inline bool hashing_runs(const struct hashing *h)
{
	return h->thread;
}
