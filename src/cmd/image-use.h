/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/strv.h"
#include "image/catalog.h"
#include "sandbox/paths.h"

/**
 * struct image_use - the store, and the containers that use it
 * @containers, @folders: names, and the root file system of each
 */
struct image_use {
	struct paths paths;
	struct store store;
	struct strv containers, folders;
};

#define IMAGE_USE_NULL                                                             \
	{                                                                          \
		.paths = PATHS_NULL, .store = STORE_NULL, .containers = STRV_NULL, \
		.folders = STRV_NULL                                               \
	}

/** image_use_open() - open the store. Return: 0 or negative errno, with a message. */
int image_use_open(struct image_use *u, struct err *err);

/** image_use_load() - look at all containers, again. Return: 0 or negative errno, with a message. */
int image_use_load(struct image_use *u, struct err *err);

/** image_use_of() - append the names of the containers, also ended ones, that have this image */
void image_use_of(const struct image_use *u, const struct digest *id, struct strv *ret);

/** image_use_done() - may be called again */
void image_use_done(struct image_use *u);
#define _cleanup_image_use_ __attribute__((cleanup(image_use_done)))

/** image_use_name() - a name as JSON: bytes that are no text are escaped; the caller's */
struct json_object *image_use_name(const char *name);

/**
 * image_use_created() - when the image says that it was made
 * @config: the document
 *
 * Return: the text, borrowed, with @ret seconds since the epoch; or NULL.
 */
const char *image_use_created(struct json_object *config, int64_t *ret);

/** image_use_config() - the image's configuration: json_object_put() it; NULL: unreadable */
struct json_object *image_use_config(const struct image_use *u, const struct digest *id);

/** IMAGE_USE_TIME_MAX - room for image_use_last()'s text */
#define IMAGE_USE_TIME_MAX 32

/**
 * image_use_last() - when it was last run, built from or fetched; the one longest ago goes first
 * @text: set to that as RFC 3339 has it
 *
 * Return: seconds since the epoch; 0, and "": it is gone.
 */
int64_t image_use_last(const struct image_use *u, const struct digest *id,
		       char text[IMAGE_USE_TIME_MAX]);

/** image_use_size() - the room that it takes on the disk, in bytes */
uint64_t image_use_size(const struct image_use *u, const struct digest *id);
