/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/image.h"

/**
 * image_get_shown() - image_get(), which shows on stderr how far it has come
 * @how: without progress, passed and userdata
 *
 * On a terminal that is a line that goes away again, else lines.
 */
int image_get_shown(const char *store_dir, const char *reference,
		    const struct image_get_options *how, struct image *ret, struct err *err);
