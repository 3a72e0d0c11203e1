/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Files to put into an image that is a folder, or a file with an ext4 file system. Symbolic links
 * in it are followed within it only.
 */

/**
 * struct image_file - one of them
 * @folder: in the image, without a "/" at the beginning; made if it is not there
 * @name: in that folder
 * @fd: a file with what it shall hold; its mode becomes the new file's
 * @replace: one that is there may go
 */
struct image_file {
	const char *folder;
	const char *name;
	int fd;
	bool replace;
};

/**
 * image_file_put() - put all of them into an image, or none if one is in the way
 * @target: the image; whoever else does this to it is waited for
 *
 * Return: 0 or negative errno with a message.
 */
int image_file_put(const char *target, const struct image_file *files, size_t n, struct err *err);

/** image_file_put_folder() - the same, for a folder that is open. For image_file_put(). */
int image_file_put_folder(int root, const char *target, const struct image_file *files, size_t n,
			  struct err *err);

/** image_file_put_ext4() - the same, for a file that is open for writing */
int image_file_put_ext4(int image, const char *target, const struct image_file *files, size_t n,
			struct err *err);

/** image_file_in_the_way() - the sentence for one that may not be replaced. Return: -EEXIST. */
int image_file_in_the_way(const char *target, const struct image_file *file, struct err *err);
