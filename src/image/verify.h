/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/catalog.h"

/**
 * struct verify - who is told what of a store is not as it was made
 * @damaged: @path: from the image's folder on, of one of several images, or from the store's on; it
 *	may hold any bytes. @how: the rest of a sentence, or of a list
 */
struct verify {
	void (*damaged)(const char *path, const char *how, void *userdata);
	void *userdata;
};

/**
 * verify_image() - read all of an image, and compare it with its checksums
 *
 * It cannot be removed meanwhile. Others may use it.
 *
 * Return: 0, also if something is damaged; -ENODATA: it was stored without checksums; -ENOENT: it is
 * gone; others. With a message.
 */
int verify_image(const struct store *s, const struct digest *id, const struct verify *v,
		 struct err *err);

/**
 * verify_names() - does what refs/ and index/ hold make sense, and mean images of @c?
 *
 * Return: 0, also if not all of it does; or negative errno, with a message.
 */
int verify_names(const struct store *s, const struct catalog *c, const struct verify *v,
		 struct err *err);
