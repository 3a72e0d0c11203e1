/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "cmd/copy-stream.h"

/**
 * copy_input() - a tar, plain or compressed by gzip or zstd, from @fd to the guest, which gets it plain
 *
 * Return: 0 or negative errno: those of copy_stream_put() and of reading @fd without a message; with
 * one: -EBADMSG: the compressed data is damaged; -ENOTSUP: it is compressed by something else.
 */
int copy_input(struct copy_stream *stream, int fd, struct err *err);
