/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/strv.h"
#include "image/digest.h"
#include "image/store.h"

/*
 * Overlays that somebody else has mounted, as Docker and containerd do: of the folders below, which
 * containers share, a disk is made once; of the upper one, each time.
 */

/**
 * struct overlaid - what an overlay is made of
 * @lowers: the top one first; absolute
 * @upper: NULL: there is none
 */
struct overlaid {
	struct strv lowers;
	char *upper;
};

#define OVERLAID_NULL                               \
	{                                           \
		.lowers = STRV_NULL, .upper = NULL, \
	}

/** overlaid_done() - free; may be called again */
void overlaid_done(struct overlaid *o);
#define _cleanup_overlaid_ __attribute__((cleanup(overlaid_done)))

/**
 * overlaid_find() - is @path where an overlay is mounted, and of what is that made?
 * @ret: set if it is
 *
 * Return: 1; 0: it is none; or negative errno, with a message. -ENOTSUP: one that is not taken.
 */
int overlaid_find(const char *path, struct overlaid *ret, struct err *err);

/**
 * overlaid_config() - the configuration that an image of the lower folders has; free() it
 *
 * It names them, so that its digest is the image's ID. Return: 0 or negative errno, with a message.
 */
int overlaid_config(const struct overlaid *o, char **ret, struct err *err);

/**
 * overlaid_make() - put the lower folders into the store, as a disk
 * @config: of overlaid_config()
 * @id: its digest
 *
 * Call under store_lock() of the image, when store_find() has not found it. Return: as store_find(),
 * with a message.
 */
int overlaid_make(const struct store *store, const struct overlaid *o, const char *config,
		  const struct digest *id, const struct image_get_options *opts, struct err *err);
