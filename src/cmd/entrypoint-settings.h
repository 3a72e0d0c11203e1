/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "image/convert.h"

/**
 * entrypoint_settings() - from what an image runs by itself to what it says of that in its configuration
 * @files: changed
 * @keep: the files stay in the image as well
 * @config: all empty before; the whole command is its Cmd, so that another may be given in its place
 *
 * What a configuration has no word for, a host name or a file that has to be there, is refused, unless
 * @keep.
 *
 * Return: 0; -EINVAL, with a message.
 */
int entrypoint_settings(struct image_convert_files *files, bool keep, struct image_config *config,
			struct err *err);
