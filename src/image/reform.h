/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/image.h"
#include "image/store.h"

/**
 * reform_image() - make the store's form of an image out of the other one
 *
 * Call under store_lock() of its ID, when store_find() has not found it.
 *
 * Return: a descriptor as from store_find(); -ENOENT, without a message: the store has no other form
 * of it that could be used; others, with a message.
 */
int reform_image(const struct store *store, const struct digest *id,
		 const struct image_get_options *opts, struct err *err);
