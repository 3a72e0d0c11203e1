/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "image/image.h"

/*
 * ABI_ENTRYPOINT and ABI_ENTRYPOINT_CONF of an image that runs by itself what it would run in a
 * container, as vminitd reads them (guest/init/entrypoint.h).
 */

/**
 * struct entrypoint - what is in them, and where the command starts
 * @args, @conf: with their lengths
 * @n_args: the words that are in @args
 * @folder: absolute
 */
struct entrypoint {
	char *args, *conf, *folder;
	size_t args_len, conf_len, n_args;
};

/**
 * entrypoint_make() - out of an image's settings
 * @words: in place of its Cmd; ends with NULL
 * @ret: end it with entrypoint_done(), whatever this returns
 *
 * Return: 0 or -EINVAL with a message.
 */
int entrypoint_make(const struct image_config *config, char **words, struct entrypoint *ret,
		    struct err *err);

/** entrypoint_done() - free all; may be called again */
void entrypoint_done(struct entrypoint *e);
#define _cleanup_entrypoint_ __attribute__((cleanup(entrypoint_done)))
