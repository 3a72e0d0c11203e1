/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/config.h"
#include "image/image.h"
#include "image/layer.h"
#include "image/source.h"
#include "image/store.h"

/**
 * unpack_image() - put an image into the store
 *
 * Call under store_lock() of its ID, when store_find() has not found it.
 *
 * Return: a descriptor as from store_find(), or negative errno, with a message; nothing is left
 * behind then.
 */
int unpack_image(const struct store *store, const struct source *source,
		 const struct image_get_options *opts, struct err *err);

/**
 * unpack_layers() - all layers of an image, the lowest first, into a sink
 *
 * Return: 0 or negative errno, with a message.
 */
int unpack_layers(const struct source *source, const struct diff_ids *diff_ids,
		  const struct layer_sink *sink, struct allowance *allowance,
		  const struct image_get_options *opts, struct err *err);

/** unpack_allowance() - what an image may take */
struct allowance unpack_allowance(const struct image_get_options *opts);

/* Between unpack.c, reform.c and overlaid-make.c. */

/**
 * struct unpack_feed - where what is unpacked comes from
 * @put: all of it to @sink. Return: 0 or negative errno, with a message
 */
struct unpack_feed {
	int (*put)(const struct layer_sink *sink, struct allowance *allowance, void *userdata,
		   struct err *err);
	void *userdata;
};

/**
 * unpack_folder() - the form IMAGE_FOLDER, with its checksums
 * @dirfd: folder that it is made in
 *
 * Return: 0 or negative errno, with a message.
 */
int unpack_folder(int dirfd, const struct unpack_feed *feed, struct allowance *allowance,
		  struct err *err);

/**
 * unpack_disk() - the form IMAGE_DISK, with its checksums
 * @dirfd: folder that it is made in
 * @fill: writes the file system to an empty file. Return: as unpack_disk()
 *
 * Return: 0 or negative errno, with a message.
 */
int unpack_disk(int dirfd, int (*fill)(int fd, void *userdata, struct err *err), void *userdata,
		struct err *err);

/**
 * struct unpack_job - an image to be stored
 * @config, @config_len: its configuration, byte for byte
 * @fill: for each form, makes it in a folder. Return: 0 or negative errno, with a message
 */
struct unpack_job {
	const struct digest *id;
	const char *config;
	size_t config_len;
	int (*fill[2])(int dirfd, void *userdata, struct err *err);
	void *userdata;
	const struct image_get_options *opts;
};

/** unpack_commit() - make the store's form of it, whole or not at all. Return: as unpack_image(). */
int unpack_commit(const struct store *store, const struct unpack_job *job, struct err *err);
