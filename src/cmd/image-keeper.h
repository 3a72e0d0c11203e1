/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/image-use.h"
#include "sandbox/conf.h"

/**
 * struct image_keeper - what the configuration says of the store's size, and how that is kept to
 * @removed: lines about images that had to go
 */
struct image_keeper {
	struct image_limit limit;
	struct image_use use;
	struct conf conf;
	struct strv removed;
	char *name;
};

/**
 * image_keeper_begin() - read the configuration
 * @ret_limit: for struct image_get_options: set to NULL where there is no limit; valid until
 *	image_keeper_done()
 *
 * Return: 0 or negative errno, with a message.
 */
int image_keeper_begin(struct image_keeper *k, const struct image_limit **ret_limit,
		       struct err *err);

/** image_keeper_done() - say on stderr what was removed, and free */
void image_keeper_done(struct image_keeper *k);
