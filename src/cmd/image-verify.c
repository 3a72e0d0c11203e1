/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/image-use.h"
#include "cmd/table.h"
#include "image/text.h"
#include "image/verify.h"

enum { SHORT_ID = 12, SHOWN_MAX = 20 };

struct verify_options {
	bool quiet;
};

static const struct opt options[] = {
	OPT(verify_options, 'q', "quiet", OPT_FLAG, quiet, NULL, "say nothing of what is whole"),
	{.kind = OPT_END},
};

/* struct verifying - @of: what the lines begin with; @n: how many there would be */
struct verifying {
	struct image_use use;
	bool quiet;
	char of[SHORT_ID + 3];
	size_t n;
};

static void say_damaged(const char *path, const char *how, void *userdata)
{
	struct verifying *v = userdata;
	_cleanup_free_ char *text = table_printable(path);

	if (v->n++ < SHOWN_MAX)
		printf("%s%s: %s\n", v->of, text, how);
}

static void say_rest(const struct verifying *v)
{
	if (v->n > SHOWN_MAX)
		printf("%sand %zu more\n", v->of, v->n - SHOWN_MAX);
}

/* Return: 0 if it is whole, or negative errno, with a message. */
static int verify_one(struct verifying *v, const struct catalog_image *image, struct err *err)
{
	const struct verify what = {say_damaged, v};
	int r;

	(void)snprintf(v->of, sizeof(v->of), "%.*s: ", SHORT_ID, digest_hex(&image->id));
	v->n = 0;
	r = verify_image(&v->use.store, &image->id, &what, err);
	say_rest(v);
	if (v->n > 0)
		return err_set(
			err, -EBADMSG,
			"the image %.*s is damaged: `caisson image rm %.*s`, and get it again",
			SHORT_ID, digest_hex(&image->id), SHORT_ID, digest_hex(&image->id));
	if (r == -ENODATA)
		return err_set(err, r,
			       "the image %.*s was stored without checksums: `caisson image rm "
			       "%.*s`, and get it again",
			       SHORT_ID, digest_hex(&image->id), SHORT_ID, digest_hex(&image->id));
	if (r < 0)
		(void)err_wrap(err, r, "the image %.*s", SHORT_ID, digest_hex(&image->id));
	else if (!v->quiet)
		printf("%sok\n", v->of);
	return r;
}

static int verify_word(struct verifying *v, const char *word, struct err *err)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	const struct catalog_image *image;
	const char *name;
	int r = catalog_read(&v->use.store, &c, err);

	if (r == 0)
		r = catalog_find(&c, word, &image, &name, err);
	if (r < 0)
		return r;
	return verify_one(v, image, err);
}

static int verify_refs(struct verifying *v, const struct catalog *c, struct err *err)
{
	const struct verify what = {say_damaged, v};
	int r;

	v->of[0] = '\0';
	v->n = 0;
	r = verify_names(&v->use.store, c, &what, err);
	say_rest(v);
	if (r < 0 || v->n == 0)
		return r;
	return err_set(err, -EBADMSG, "names of the store '%s' are damaged", v->use.store.path);
}

static int verify_all(struct verifying *v, const struct command *self, struct err *err)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	int r = catalog_read(&v->use.store, &c, err), status = 0;

	if (r < 0)
		return cmd_fail(self, err);
	for (size_t i = 0; i < c.n; i++) {
		r = verify_one(v, &c.v[i], err);
		/* One that is removed meanwhile is not the store's any more. */
		if (r < 0 && r != -ENOENT)
			status = cmd_fail(self, err);
	}
	return verify_refs(v, &c, err) < 0 ? cmd_fail(self, err) : status;
}

static int verify_main(const struct command *self, int argc, char **argv)
{
	struct verifying v = {.use = IMAGE_USE_NULL};
	struct verify_options how = {.quiet = false};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &how, &err), status = 0;

	v.quiet = how.quiet;
	if (at >= 0 && image_use_open(&v.use, &err) < 0)
		at = err.code;
	if (at < 0)
		status = cmd_fail(self, &err);
	else if (at == argc)
		status = verify_all(&v, self, &err);
	for (; at >= 0 && argv[at]; at++)
		if (verify_word(&v, argv[at], &err) < 0)
			status = cmd_fail(self, &err);
	image_use_done(&v.use);
	return status;
}

const struct command command_image_verify = {
	.name = "image verify",
	.usage = "[OPTIONS] [NAME|ID...]",
	.summary = "Read images of the store, or all, and find what has changed in them.",
	.details =
		"All of an image is compared with what it was when it was stored: contents,\n"
		"owners, modes, times and attributes, in both its forms. The status is 1 if\n"
		"anything is damaged, or has no checksums to compare it with. Containers may run "
		"meanwhile.\n",
	.opts = options,
	.failure = 1,
	.run = verify_main,
};
