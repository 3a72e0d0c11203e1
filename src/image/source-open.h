/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/image.h"
#include "image/reference.h"
#include "image/source.h"

/*
 * From a reference to an image where it is, with its documents read.
 * Each returns 0 or negative errno, with a message.
 */

/** source_open_oci() - a folder with an image layout */
int source_open_oci(struct source *s, const struct reference *ref, struct err *err);

/** source_open_file() - the file of an archive. Return: descriptor, or negative errno. */
int source_open_file(const struct reference *ref, struct err *err);

/**
 * source_open_archive() - an archive
 * @fd: from source_open_file(); not kept
 * @tmp_fd: folder for a nameless file, if it is compressed
 */
int source_open_archive(struct source *s, const struct reference *ref, int fd, int tmp_fd,
			const struct image_get_options *opts, struct err *err);

/**
 * source_open_registry() - fetch it
 * @dir: an empty folder, which must stay as long as @s is open
 */
int source_open_registry(struct source *s, const struct reference *ref, const char *dir,
			 const struct image_get_options *opts, struct err *err);
