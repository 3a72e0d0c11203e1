/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "cmd/image-use.h"
#include "image/store-remove.h"
#include "ttrpc/text.h"

static struct json_object *names_to_json(const struct strv *names)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < names->n; i++)
		json_object_array_add(array, image_use_name(names->v[i]));
	return array;
}

static struct json_object *describe(const struct image_use *u, const struct catalog_image *image)
{
	struct json_object *o = json_object_new_object(), *config = image_use_config(u, &image->id);
	_cleanup_free_ char *path =
		xasprintf("%s/images/%s", u->store.path, digest_hex(&image->id));
	_cleanup_strv_ struct strv users = STRV_NULL;
	char used[IMAGE_USE_TIME_MAX];
	int64_t when;
	const char *created = image_use_created(config, &when);

	(void)image_use_last(u, &image->id, used);
	image_use_of(u, &image->id, &users);
	json_object_object_add(o, "id", json_object_new_string(image->id.text));
	json_object_object_add(o, "names", names_to_json(&image->names));
	json_object_object_add(o, "created", created ? json_object_new_string(created) : NULL);
	json_object_object_add(o, "last_used", json_object_new_string(used));
	json_object_object_add(o, "size", json_object_new_uint64(image_use_size(u, &image->id)));
	json_object_object_add(o, "path", image_use_name(path));
	json_object_object_add(o, "in_use",
			       json_object_new_boolean(store_in_use(&u->store, &image->id)));
	json_object_object_add(o, "containers", names_to_json(&users));
	json_object_object_add(o, "config", config);
	return o;
}

/* The configuration's bytes are its maker's. What is not UTF-8 would be no JSON. */
static void print(struct json_object *o)
{
	_cleanup_free_ char *text = xstrdup(json_object_to_json_string_ext(o, DESCRIBE_JSON));

	if (!ttrpc_text_valid((const uint8_t *)text, strlen(text)))
		for (char *p = text; *p; p++)
			if ((unsigned char)*p >= 0x80)
				*p = '?';
	puts(text);
	json_object_put(o);
}

static int inspect_one(const struct image_use *u, const char *word, struct err *err)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	const struct catalog_image *image;
	const char *name;
	int r = catalog_read(&u->store, &c, err);

	if (r == 0)
		r = catalog_find(&c, word, &image, &name, err);
	if (r == 0)
		print(describe(u, image));
	return r;
}

static int inspect_main(const struct command *self, int argc, char **argv)
{
	_cleanup_image_use_ struct image_use u = IMAGE_USE_NULL;
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err), status = 0;

	if (at >= 0 && at == argc)
		at = err_set(&err, -EINVAL, "which image? See `caisson image inspect --help`");
	if (at >= 0 && (image_use_open(&u, &err) < 0 || image_use_load(&u, &err) < 0))
		at = err.code;
	if (at < 0)
		return cmd_fail(self, &err);
	for (; argv[at]; at++)
		if (inspect_one(&u, argv[at], &err) < 0)
			status = cmd_fail(self, &err);
	return status;
}

const struct command command_image_inspect = {
	.name = "image inspect",
	.usage = "NAME|ID...",
	.summary = "Show all there is to know about images, as JSON.",
	.details = "One object an image: \"id\", \"names\", \"created\" as the image says, "
		   "\"last_used\", \"size\" on\n"
		   "the disk in bytes, \"path\" in the store, \"in_use\", the \"containers\" that "
		   "have\n"
		   "it, also ended ones, and its configuration, \"config\".\n",
	.failure = 1,
	.run = inspect_main,
};
