/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"
#include "image/layout-write.h"

/*
 * From a file with an ext4 file system to an image of one layer, without mounting anything or being
 * root.
 */

/**
 * struct image_convert_files - ABI_ENTRYPOINT and ABI_ENTRYPOINT_CONF of an image that runs by itself
 * @args, @conf: as they are, with a NUL behind them; may be changed. @conf is empty where there is none
 */
struct image_convert_files {
	char *args, *conf;
	size_t args_len, conf_len;
};

/**
 * struct image_convert - what to convert
 * @input: the file, or a block device
 * @output: as for layout_writer_open()
 * @how: how the layer is stored
 * @keep_entrypoint: leave the two files in the layer; what @settings makes of them is said twice then
 * @labels: "KEY=VALUE" each, for the configuration
 * @settings: says what the image runs; called if it has ABI_ENTRYPOINT. @config: all empty before.
 *	Return: 0 or negative errno, with a message
 * @opts: progress, passed, cancel, max_bytes, max_entries
 */
struct image_convert {
	const char *input, *output;
	enum layout_compression how;
	bool keep_entrypoint;
	const struct strv *labels;
	int (*settings)(struct image_convert_files *files, struct image_config *config,
			void *userdata, struct err *err);
	void *settings_userdata;
	struct image_get_options opts;
};

/**
 * image_convert() - convert it
 *
 * The same tree gives the same bytes: members come in the order of their names, byte by byte, and
 * nothing of the file system itself is told, nor when this was. What is there in the end is whole, or
 * there is nothing. Sockets are left out, and a lost+found with nothing in it.
 *
 * Return: 0 or negative errno, with one sentence. -EBADMSG: the file system is damaged.
 */
int image_convert(const struct image_convert *c, struct err *err);

/* Between convert.c and the other files that begin so. */

struct ext4r;
struct tar_writer;

/**
 * struct convert_walk - what of a file system is to be told
 * @skip, @n_skip: paths that are left out, without a "/" at the beginning
 */
struct convert_walk {
	struct ext4r *fs;
	struct tar_writer *tar;
	const struct image_get_options *opts;
	const char *const *skip;
	size_t n_skip;
};

/** convert_walk() - write a tar of all. Return: 0 or negative errno, with a message. */
int convert_walk(const struct convert_walk *walk, struct err *err);

/**
 * convert_config() - the document of an image with one layer
 * @ret: set on success; free() it
 *
 * Return: 0; -EINVAL, with a message.
 */
int convert_config(const struct image_config *config, const struct strv *labels,
		   const struct digest *layer, char **ret, struct err *err);
