/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/amend.h"
#include "image/image.h"

/**
 * struct image_commit - a container that becomes an image: of two layers, that of its image and its own
 * @output: as for layout_writer_open()
 * @rootfs: what it was made of
 * @form: what that is
 * @upper: writes what the container has changed, as a tar, to @put. Return: 0 or negative errno, with
 *	a message unless it is what @put said
 * @userdata: for it
 * @max_bytes: the most that this may be; 0: IMAGE_BYTES_MAX
 * @amend: without its layers
 */
struct image_commit {
	const char *output, *rootfs;
	enum image_form form;
	int (*upper)(int (*put)(void *to, const void *data, size_t len), void *to, void *userdata,
		     struct err *err);
	void *userdata;
	uint64_t max_bytes;
	struct amend amend;
};

/**
 * image_commit() - write it out
 *
 * The layers of an image are not kept when it is unpacked: all that it has is one layer now.
 *
 * Return: 0 or negative errno with a message.
 */
int image_commit(const struct image_commit *commit, struct err *err);
