/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image-keeper.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { SHORT_ID = 12 };

/* An ended container's, too: its image is what it would be looked at with. */
static int kept(const char *id, void *userdata, struct err *err)
{
	struct image_keeper *k = userdata;
	_cleanup_strv_ struct strv users = STRV_NULL;
	struct digest digest;
	int r = image_use_load(&k->use, err);

	if (r < 0)
		return r;
	if (digest_parse(id, &digest) < 0)
		return 1;
	image_use_of(&k->use, &digest, &users);
	return users.n > 0;
}

static void removed(const char *id, void *userdata)
{
	struct image_keeper *k = userdata;

	strv_addf(&k->removed,
		  "removed the image %.*s, unused for longest, since "
		  "images.limit"
		  " was reached",
		  SHORT_ID, strchr(id, ':') + 1);
}

int image_keeper_begin(struct image_keeper *k, const struct image_limit **ret_limit,
		       struct err *err)
{
	int r;

	*k = (struct image_keeper){.use = IMAGE_USE_NULL, .conf = CONF_NULL};
	*ret_limit = NULL;
	r = conf_load(&k->conf, err);
	if (r < 0 || k->conf.images_limit == 0)
		return r;
	k->name = xasprintf("images.limit"
			    " of %s",
			    k->conf.path);
	k->limit = (struct image_limit){
		.bytes = k->conf.images_limit,
		.name = k->name,
		.kept = kept,
		.removed = removed,
		.userdata = k,
	};
	*ret_limit = &k->limit;
	return paths_init(&k->use.paths, err);
}

void image_keeper_done(struct image_keeper *k)
{
	for (size_t i = 0; i < k->removed.n; i++)
		fprintf(stderr, "caisson: %s\n", k->removed.v[i]);
	strv_done(&k->removed);
	free(take_ptr(k->name));
	image_use_done(&k->use);
	conf_done(&k->conf);
}
