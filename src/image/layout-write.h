/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "image/digest.h"

/*
 * Writes an OCI image layout (image-spec 1.1, image-layout.md): a folder, or the same in a tar. The same
 * layers and configuration give the same bytes. Where functions take an @err they return 0, or a negative
 * errno with a message.
 */

/** enum layout_compression - how layers are stored */
enum layout_compression {
	LAYOUT_PLAIN,
	LAYOUT_GZIP,
	LAYOUT_ZSTD,
};

/** struct layout_writer - a layout on its way */
struct layout_writer;

/**
 * layout_writer_open() - begin
 * @output: "oci:DIR[:TAG]" or "oci-archive:FILE[:TAG]", as skopeo has them. A DIR that is there has to
 *	be a layout, or empty; the image is added, in place of one with the same tag, or without any. A
 *	FILE that is there is replaced
 * @ret: free it with layout_writer_free(), whatever comes
 *
 * Nothing is to be seen until layout_writer_finish(), which makes all of it or nothing; and whoever is
 * killed leaves no image.
 *
 * Return: 0 or negative errno, with a message.
 */
int layout_writer_open(const char *output, struct layout_writer **ret, struct err *err);

/** layout_writer_layer() - a layer begins, above those that there are; the one before has ended */
int layout_writer_layer(struct layout_writer *w, enum layout_compression how, struct err *err);

/**
 * layout_writer_put() - some of its tar, in any pieces
 * @writer: a struct layout_writer: this is made for struct tar_writer
 *
 * Return: 0 or negative errno.
 */
int layout_writer_put(void *writer, const void *data, size_t len);

/** layout_writer_layer_end() - that was all of it. @ret: digest of the tar, for the configuration */
int layout_writer_layer_end(struct layout_writer *w, struct digest *ret, struct err *err);

/** layout_writer_finish() - all layers are there. @config: the image's configuration (config.md) */
int layout_writer_finish(struct layout_writer *w, const char *config, size_t len, struct err *err);

/** layout_writer_failed() - the sentence for what layout_writer_put() returned. Return: @r. */
int layout_writer_failed(const struct layout_writer *w, int r, struct err *err);

/** layout_writer_free() - accepts NULL; takes back what is not finished */
void layout_writer_free(struct layout_writer *w);
DEFINE_CLEANUP(struct layout_writer *, layout_writer_free)
