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
