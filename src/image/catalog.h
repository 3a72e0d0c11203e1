/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/strv.h"
#include "image/reference.h"
#include "image/store.h"

/**
 * struct catalog_image - an image of the store
 * @names: sorted, as a user would write them: those of a registry without what Docker leaves out
 *	("debian:12"), those of files and folders with an absolute path ("oci:/images/x:1"), which may
 *	hold any bytes
 */
struct catalog_image {
	struct digest id;
	struct strv names;
};

/**
 * struct catalog - what the store holds at one moment, sorted by ID
 */
struct catalog {
	struct catalog_image *v;
	size_t n;
};

#define CATALOG_NULL              \
	{                         \
		.v = NULL, .n = 0 \
	}

/** catalog_read() - list the store. Return: 0 or negative errno, with a message. */
int catalog_read(const struct store *s, struct catalog *ret, struct err *err);

/** catalog_done() - free; may be called again */
void catalog_done(struct catalog *c);
#define _cleanup_catalog_ __attribute__((cleanup(catalog_done)))

/**
 * catalog_get() - the image of that ID, or NULL
 */
const struct catalog_image *catalog_get(const struct catalog *c, const struct digest *id);

/**
 * catalog_find() - which image does somebody mean?
 * @word: a name, in any form of it; an ID; or a beginning of an ID, with "sha256:" or without, that
 *	only one image has. A name goes before the beginning of an ID.
 * @ret_name: set to one of the image's names if @word is that name, else NULL; borrowed
 *
 * Return: 0; -ENOENT, or -EEXIST: several, with a message.
 */
int catalog_find(const struct catalog *c, const char *word, const struct catalog_image **ret,
		 const char **ret_name, struct err *err);

/** catalog_is_id() - is @word an ID, or the beginning of one that no name begins as: "sha256:…"? */
bool catalog_is_id(const char *word);

/**
 * catalog_look() - which image of the store does a registry's name mean, or the ID in its place?
 * @ref: an ID, or its beginning, has 12 digits at least, unless catalog_is_id()
 *
 * Return: 0, or -ENOENT, or another negative errno.
 */
int catalog_look(const struct store *s, const struct reference *ref, struct digest *ret);
