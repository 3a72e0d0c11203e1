/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/image.h"

/**
 * image_max() - what $CAISSON_IMAGE_MAX says the layers of an image may unpack to, into @how
 *
 * Return: 0, or -EINVAL, with a message.
 */
int image_max(struct image_get_options *how, struct err *err);
