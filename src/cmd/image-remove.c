/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/image-use.h"
#include "cmd/table.h"
#include "image/store-remove.h"
#include "image/text.h"

struct prune_options {
	bool all;
};

static const struct opt prune_options[] = {
	OPT(prune_options, 'a', "all", OPT_FLAG, all, NULL, "also images that have names"),
	{.kind = OPT_END},
};

static void say_untagged(const char *name)
{
	_cleanup_free_ char *text = table_printable(name);

	printf("Untagged: %s\n", text);
}

static void say_deleted(const struct catalog_image *image)
{
	for (size_t i = 0; i < image->names.n; i++)
		say_untagged(image->names.v[i]);
	printf("Deleted: %s\n", image->id.text);
}

static int refuse(const struct image_use *u, const struct catalog_image *image, const char *word,
		  struct err *err)
{
	_cleanup_strv_ struct strv users = STRV_NULL;
	_cleanup_free_ char *list = xstrdup("");

	image_use_of(u, &image->id, &users);
	for (size_t i = 0; i < users.n; i++) {
		_cleanup_free_ char *before = list;

		list = xasprintf("%s%s%s", before, i > 0 ? ", " : "", users.v[i]);
	}
	if (users.n == 0)
		return err_set(err, -EBUSY, "the image \"%s\" is in use", text_of(word));
	return err_set(err, -EBUSY,
		       "the image \"%s\" is in use by %s: `caisson delete` removes containers",
		       text_of(word), list);
}

/* Return: 0 with the claim; -EBUSY, without a message; others with one, but for -ENOENT. */
static int claim(struct image_use *u, const struct digest *id, struct store_claim *ret,
		 struct err *err)
{
	_cleanup_strv_ struct strv users = STRV_NULL;
	int r = store_claim(&u->store, id, ret, err), q;

	/* Only now: from here on no container can begin, so that none is missed. */
	q = r == 0 || r == -EBUSY ? image_use_load(u, err) : 0;
	if (r < 0 || q < 0)
		return r < 0 ? r : q;
	image_use_of(u, id, &users);
	return users.n > 0 ? -EBUSY : 0;
}

static int remove_image(struct image_use *u, const struct catalog_image *image, const char *word,
			struct err *err)
{
	_cleanup_store_claim_ struct store_claim c = STORE_CLAIM_NULL;
	uint64_t bytes = 0;
	int r = claim(u, &image->id, &c, err);

	if (r == -EBUSY)
		return refuse(u, image, word, err);
	if (r == -ENOENT)
		return err_set(err, r, "the image \"%s\" is gone already", text_of(word));
	if (r == 0)
		r = store_remove(&c, &bytes, err);
	if (r == 0)
		say_deleted(image);
	return r;
}

static int remove_word(struct image_use *u, const char *word, struct err *err)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	const struct catalog_image *image;
	const char *name;
	int r = catalog_read(&u->store, &c, err);

	if (r == 0)
		r = catalog_find(&c, word, &image, &name, err);
	if (r < 0)
		return r;
	if (!name || image->names.n == 1)
		return remove_image(u, image, word, err);
	r = store_forget(&u->store, name, &image->id, err);
	if (r == 0)
		say_untagged(name);
	return r;
}

static int remove_main(const struct command *self, int argc, char **argv)
{
	_cleanup_image_use_ struct image_use u = IMAGE_USE_NULL;
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err), status = 0;

	if (at >= 0 && at == argc)
		at = err_set(&err, -EINVAL, "which image? See `caisson image rm --help`");
	if (at >= 0 && image_use_open(&u, &err) < 0)
		at = err.code;
	if (at < 0)
		return cmd_fail(self, &err);
	for (; argv[at]; at++)
		if (remove_word(&u, argv[at], &err) < 0)
			status = cmd_fail(self, &err);
	return status;
}

/* A name that it has got since the list was made counts, too. */
static int has_names(const struct store *s, const struct digest *id, struct err *err)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	const struct catalog_image *image;
	int r = catalog_read(s, &c, err);

	image = r < 0 ? NULL : catalog_get(&c, id);
	return r < 0 ? r : image && image->names.n > 0;
}

/* What is in use, or gone by now, is none of prune's. */
static int prune_one(struct image_use *u, const struct catalog_image *image, bool all,
		     uint64_t *bytes, struct err *err)
{
	_cleanup_store_claim_ struct store_claim c = STORE_CLAIM_NULL;
	uint64_t freed = 0;
	int r;

	if (!all && image->names.n > 0)
		return 0;
	r = claim(u, &image->id, &c, err);
	if (r == -EBUSY || r == -ENOENT)
		return 0;
	if (r == 0 && !all)
		r = has_names(&u->store, &image->id, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = store_remove(&c, &freed, err);
	if (r == 0)
		say_deleted(image);
	*bytes += freed;
	return r;
}

static int prune(struct image_use *u, bool all, uint64_t *bytes, struct err *err)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	int r = catalog_read(&u->store, &c, err);

	store_sweep(&u->store);
	for (size_t i = 0; r == 0 && i < c.n; i++)
		r = prune_one(u, &c.v[i], all, bytes, err);
	return r;
}

static int prune_main(const struct command *self, int argc, char **argv)
{
	_cleanup_image_use_ struct image_use u = IMAGE_USE_NULL;
	struct prune_options how = {.all = false};
	struct err err = ERR_NULL;
	uint64_t bytes = 0;
	char size[16];
	int r = opts_parse(self, argc, argv, &how, &err);

	if (r >= 0 && r < argc)
		r = err_set(&err, -EINVAL,
			    "image prune takes no names: `caisson image rm` removes one image");
	if (r >= 0)
		r = image_use_open(&u, &err);
	if (r >= 0)
		r = prune(&u, how.all, &bytes, &err);
	if (r < 0)
		return cmd_fail(self, &err);
	table_size(bytes, size, sizeof(size));
	printf("Total reclaimed space: %s\n", size);
	return 0;
}

const struct command command_image_remove = {
	.name = "image rm",
	.usage = "NAME|ID...",
	.summary = "Remove images, or one of the names of an image that has several.",
	.details =
		"By its ID, of which the beginning is enough where only one image has it, an\n"
		"image goes with all its names. One that a container has, also an ended one, is\n"
		"not removed: `caisson delete` that first.\n",
	.failure = 1,
	.run = remove_main,
};

const struct command command_image_prune = {
	.name = "image prune",
	.usage = "[OPTIONS]",
	.summary = "Remove the images that have no name and that no container has.",
	.opts = prune_options,
	.failure = 1,
	.run = prune_main,
};
