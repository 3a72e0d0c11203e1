/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <archive.h>
#include <stddef.h>
#include <stdint.h>

#include "image/entry.h"
#include "image/stream.h"

/**
 * struct layer_sink - who gets what a layer's tar says
 * @begin: a layer begins; its entries come
 * @entry: an entry begins
 * @data: bytes of the ENTRY_FILE that began last, at an offset that never goes back; holes are
 *	left out
 * @end: that file is complete
 *
 * Each but @begin returns 0 or a negative errno, with a message, which ends the reading.
 */
struct layer_sink {
	void (*begin)(void *userdata);
	int (*entry)(void *userdata, const struct entry *e, struct err *err);
	int (*data)(void *userdata, const void *data, size_t len, int64_t offset, struct err *err);
	int (*end)(void *userdata, struct err *err);
	void *userdata;
};

/**
 * layer_read() - read a tar to its end-of-archive mark, or to the end of what there is
 * @tar: from tarfile_new(), opened
 * @allowance: its entries are counted down
 *
 * Return: 0 or negative errno, with a message.
 */
int layer_read(struct archive *tar, const struct layer_sink *sink, struct allowance *allowance,
	       struct err *err);

/**
 * layer_apply_fd() - a tar that may be compressed to the sink, as it comes
 * @fd: a file or a pipe
 * @ret_plain: digest of the decompressed tar
 *
 * Return: 0 or negative errno, with a message.
 */
int layer_apply_fd(int fd, const struct layer_sink *sink, struct allowance *allowance,
		   struct digest *ret_plain, struct err *err);

/**
 * struct layer - a layer that is read, or will be, and is decompressed ahead of that
 * @opened: 0, or negative errno, with @err: it is told when its turn comes
 */
struct layer {
	struct stream stream;
	struct err err;
	int opened;
};

/** layer_open() - begin. @ret: stays where it is until layer_done() */
void layer_open(struct layer *ret, const struct blobs *blobs, const struct blob_ref *ref,
		struct allowance *allowance);

/**
 * layer_apply() - one layer to the sink, with both digests checked at the end
 * @ref: as for layer_open()
 * @plain: digest of the decompressed tar
 *
 * The sink has seen everything by the time that a wrong digest is found.
 *
 * Return: 0 or negative errno, with a message.
 */
int layer_apply(struct layer *l, const struct blob_ref *ref, const struct digest *plain,
		const struct layer_sink *sink, struct err *err);

/** layer_done() - stop reading */
void layer_done(struct layer *l);
