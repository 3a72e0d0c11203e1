/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/digest.h"
#include "image/image.h"

struct json_object;

/**
 * struct diff_ids - digests of the uncompressed layers, lowest first
 */
struct diff_ids {
	struct digest *v;
	size_t n;
};

#define DIFF_IDS_NULL             \
	{                         \
		.v = NULL, .n = 0 \
	}

/** diff_ids_done() - free; may be called again */
void diff_ids_done(struct diff_ids *d);

/**
 * config_parse() - read an image's configuration (OCI image-spec 1.1, config.md)
 * @ret: IMAGE_CONFIG_NULL before; free it with image_config_done(), on failure too
 * @diff_ids: may be NULL where the layers are unpacked already; DIFF_IDS_NULL before
 *
 * Return: 0; -EBADMSG: not a configuration; -ENOTSUP: for another operating system, or with
 * something unknown in it; -EFBIG: too many layers, or more for a
 * process than Linux takes.
 */
int config_parse(const char *data, size_t len, struct image_config *ret, struct diff_ids *diff_ids,
		 struct err *err);

/** config_set_layers() - say in a configuration being made which layers it has. @v: as of diff_ids */
void config_set_layers(struct json_object *config, const struct digest *v, size_t n);
