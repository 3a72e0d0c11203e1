/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/blob.h"
#include "image/digest.h"
#include "image/hashing.h"
#include "image/manifest.h"
#include "image/tarfile.h"

/**
 * struct allowance - what an image may still take, all layers together
 * @bytes: decompressed bytes of tar, content and headers; @max_bytes: in the beginning
 * @entries: tar entries
 * @header: what the header being read may still take
 * @cancel: true: stop with -EINTR; may be NULL
 * @passed, @userdata: who is told of stored bytes, as in struct image_get_options; may be NULL
 */
struct allowance {
	uint64_t bytes, max_bytes, entries;
	struct tar_header header;
	const volatile sig_atomic_t *cancel;
	void (*passed)(uint64_t bytes, uint64_t total, void *userdata);
	void *userdata;
};

/**
 * struct stream - a layer on its way: from a blob through decompression, hashed on both sides
 * @decoder: thread that decompresses, if @decodes, ahead of who reads; has all here but @plain and
 *	@told to itself until it is joined
 * @result: of it: 0, or negative errno, with @failure
 * @read: bytes of the blob, of which there are @total; UINT64_MAX: nobody knows
 * @told: of @read, to @allowance->passed
 * @waits: the blob may be a pipe, whose bytes come when they like
 */
struct stream {
	struct blob blob;
	struct archive *filter;
	struct hashing stored, plain;
	struct err error, failure;
	struct allowance *allowance;
	_Atomic uint64_t read;
	uint64_t told, total;
	pthread_t decoder;
	int result;
	bool ended, waits, decodes;
};

#define STREAM_NULL                                                                               \
	{                                                                                         \
		.blob = BLOB_NULL, .filter = NULL, .stored = HASHING_NULL, .plain = HASHING_NULL, \
		.error = ERR_NULL, .failure = ERR_NULL                                            \
	}

/**
 * stream_open() - begin to read a layer, and to decompress what will be asked for
 * @s: STREAM_NULL before; stays where it is until stream_done()
 * @allowance: counted down; must outlive @s
 *
 * Return: 0 or negative errno, with a message.
 */
int stream_open(struct stream *s, const struct blobs *blobs, const struct blob_ref *ref,
		struct allowance *allowance, struct err *err);

/**
 * stream_open_fd() - begin to read a tar that nobody has promised anything about, plain or compressed
 * @fd: a file or a pipe; not kept
 *
 * Only what is decompressed is hashed: stream_digest().
 *
 * Return: 0 or negative errno, with a message.
 */
int stream_open_fd(struct stream *s, int fd, struct allowance *allowance, struct err *err);

/**
 * stream_next() - the next decompressed bytes
 * @ret: set to memory that is valid until the next call
 *
 * Return: how many; 0 at the end; negative errno, with a message.
 */
ssize_t stream_next(struct stream *s, const void **ret, struct err *err);

/**
 * stream_verify() - read what is left, and compare digests; no other call may follow
 * @stored: wanted digest of the blob; "" if none is known
 * @plain: wanted digest of the decompressed bytes
 *
 * Return: 0; -EBADMSG, with a message, when one differs; others as stream_next().
 */
int stream_verify(struct stream *s, const struct digest *stored, const struct digest *plain,
		  struct err *err);

/**
 * stream_digest() - read what is left; no other call may follow
 * @ret: digest of the decompressed bytes
 *
 * Return: 0; -EBADMSG, with a message: there were none at all; others as stream_next().
 */
int stream_digest(struct stream *s, struct digest *ret, struct err *err);

/**
 * stream_blame() - after a failure: is it that the blob is not the one that was promised?
 *
 * Replaces the message in @err where it is.
 */
void stream_blame(struct stream *s, const struct digest *stored, struct err *err);

/** stream_done() - stop reading; may be called again */
void stream_done(struct stream *s);
#define _cleanup_stream_ __attribute__((cleanup(stream_done)))
