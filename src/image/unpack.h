/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/image.h"
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
