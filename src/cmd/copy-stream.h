/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "cmd/progress-bar.h"
#include "cmd/transfer.h"

/**
 * struct copy_stream - bytes between a stream to the guest and a descriptor of ours, or what packs and
 * unpacks; the loop of the transfer's client runs whenever there is something to wait for
 * @transfer: begun
 * @bar: shows how much has passed
 * @passed: bytes
 *
 * All return -EPIPE when nobody reads any more.
 */
struct copy_stream {
	struct transfer *transfer;
	struct progress_bar *bar;
	uint64_t passed;
};

/** copy_stream_put() - all of it to the guest; for struct tar_pack. Return: 0 or negative errno. */
int copy_stream_put(void *stream, const void *data, size_t len);

/** copy_stream_get() - some bytes of the guest; for struct tar_unpack. Return: as read(2), or errno. */
ssize_t copy_stream_get(void *stream, void *buf, size_t len);

/**
 * copy_stream_await() - until @fd can be read from
 *
 * Return: 0, also where that is not certain; -EPIPE: the guest has refused meanwhile; or negative errno.
 */
int copy_stream_await(struct copy_stream *stream, int fd);

/** copy_stream_out() - all that comes from the guest, to @fd. Return: 0 or negative errno. */
int copy_stream_out(struct copy_stream *stream, int fd);
