/* SPDX-License-Identifier: Apache-2.0 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/image-use.h"
#include "cmd/table.h"
#include "image/store-remove.h"

struct images_options {
	bool quiet, whole;
	const char *format;
};

static const struct opt options[] = {
	OPT(images_options, 'q', "quiet", OPT_FLAG, quiet, NULL, "IDs only"),
	OPT(images_options, 0, "no-trunc", OPT_FLAG, whole, NULL, "names and IDs in full"),
	OPT(images_options, 0, "format", OPT_CHOICE, format, "table|json", "how to print them",
	    "table|json"),
	{.kind = OPT_END},
};

enum { NAME_WIDTH = 26, SHORT_ID = 12 };

/**
 * struct row - what is shown of an image
 * @created: as the image says, borrowed from @config; NULL: it does not
 * @when: that in seconds since the epoch
 * @used, @used_text: when it was used last
 */
struct row {
	const struct catalog_image *image;
	struct json_object *config;
	const char *created;
	int64_t when, used;
	char used_text[IMAGE_USE_TIME_MAX];
	uint64_t size;
	bool in_use;
};

static void load_row(const struct image_use *u, const struct catalog_image *image, bool measure,
		     struct row *row)
{
	*row = (struct row){.image = image, .config = image_use_config(u, &image->id)};
	row->created = image_use_created(row->config, &row->when);
	if (!measure)
		return;
	row->size = image_use_size(u, &image->id);
	row->used = image_use_last(u, &image->id, row->used_text);
	row->in_use = store_in_use(&u->store, &image->id);
}

/* The newest first, as far as that is known. */
static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->when != y->when)
		return x->when < y->when ? 1 : -1;
	return strcmp(x->image->id.text, y->image->id.text);
}

static void print_row(const struct row *row, const char *name, bool whole)
{
	_cleanup_free_ char *text = table_printable(name);
	char age[40] = "N/A", used[40], size[16];
	int id_width = whole ? DIGEST_TEXT_LEN : SHORT_ID;

	if (row->created)
		table_age(row->when, age, sizeof(age));
	table_age(row->used, used, sizeof(used));
	table_size(row->size, size, sizeof(size));
	if (whole)
		printf("%-*s ", NAME_WIDTH, text);
	else
		table_cell(text, NAME_WIDTH, true);
	printf("%-*.*s %-14s %-14s %-7s %s\n", id_width, id_width,
	       whole ? row->image->id.text : digest_hex(&row->image->id), age, used, size,
	       row->in_use ? "yes" : "no");
}

/* One line a name, as Docker has it. */
static void print_table(const struct row *rows, size_t n, bool whole)
{
	printf("%-*s %-*s %-14s %-14s %-7s %s\n", NAME_WIDTH, "NAME",
	       whole ? DIGEST_TEXT_LEN : SHORT_ID, "IMAGE ID", "CREATED", "LAST USED", "SIZE",
	       "IN USE");
	for (size_t i = 0; i < n; i++) {
		const struct strv *names = &rows[i].image->names;

		for (size_t j = 0; j < names->n; j++)
			print_row(&rows[i], names->v[j], whole);
		if (names->n == 0)
			print_row(&rows[i], "<none>", whole);
	}
}

static struct json_object *row_to_json(const struct row *row)
{
	struct json_object *o = json_object_new_object(), *names = json_object_new_array();

	for (size_t i = 0; i < row->image->names.n; i++)
		json_object_array_add(names, image_use_name(row->image->names.v[i]));
	json_object_object_add(o, "id", json_object_new_string(row->image->id.text));
	json_object_object_add(o, "names", names);
	json_object_object_add(o, "created",
			       row->created ? json_object_new_string(row->created) : NULL);
	json_object_object_add(o, "last_used", json_object_new_string(row->used_text));
	json_object_object_add(o, "size", json_object_new_uint64(row->size));
	json_object_object_add(o, "in_use", json_object_new_boolean(row->in_use));
	return o;
}

static void print_json(const struct row *rows, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(array, row_to_json(&rows[i]));
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(array);
}

static void print_ids(const struct row *rows, size_t n, bool whole)
{
	for (size_t i = 0; i < n; i++)
		if (whole)
			puts(rows[i].image->id.text);
		else
			printf("%.*s\n", SHORT_ID, digest_hex(&rows[i].image->id));
}

static void print_all(const struct image_use *u, const struct catalog *c,
		      const struct images_options *how)
{
	bool json = how->format && strcmp(how->format, "json") == 0;
	struct row *rows = xcalloc(c->n + 1, sizeof(*rows));

	for (size_t i = 0; i < c->n; i++)
		load_row(u, &c->v[i], json || !how->quiet, &rows[i]);
	qsort(rows, c->n, sizeof(*rows), compare);
	if (json)
		print_json(rows, c->n);
	else if (how->quiet)
		print_ids(rows, c->n, how->whole);
	else
		print_table(rows, c->n, how->whole);
	for (size_t i = 0; i < c->n; i++)
		json_object_put(rows[i].config);
	free(rows);
}

/* One that nobody has put anything into is not made for that. */
static int read_store(struct image_use *u, struct catalog *c, struct err *err)
{
	int r = paths_find(&u->paths, err);

	if (r < 0 || !store_is_there(u->paths.root))
		return r;
	r = store_open(&u->store, u->paths.root, err);
	return r < 0 ? r : catalog_read(&u->store, c, err);
}

static int images_main(const struct command *self, int argc, char **argv)
{
	_cleanup_image_use_ struct image_use u = IMAGE_USE_NULL;
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	struct images_options how = {.format = NULL};
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &how, &err);

	if (r >= 0)
		r = opts_check_words(self, argv + r, 0, 0, "", &err);
	if (r >= 0)
		r = read_store(&u, &c, &err);
	if (r >= 0)
		print_all(&u, &c, &how);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

#define SUMMARY "List the images that the store holds."
#define DETAILS                                                                                   \
	"One line a name, the newest first. An image that came out of a file or folder has its\n" \
	"path for a name; <none>: its names mean other images by now. LAST USED is when it was\n" \
	"run, got or committed; where the store has a limit, what was not used for longest\n"     \
	"goes first. SIZE is the room that it takes on the disk, IN USE whether a container\n"    \
	"runs on it.\n"

const struct command command_images = {
	.name = "images",
	.usage = "[OPTIONS]",
	.summary = SUMMARY,
	.details = DETAILS,
	.opts = options,
	.failure = 1,
	.run = images_main,
};

const struct command command_image_list = {
	.name = "image list",
	.usage = "[OPTIONS]",
	.summary = SUMMARY,
	.details = DETAILS,
	.opts = options,
	.failure = 1,
	.run = images_main,
};
