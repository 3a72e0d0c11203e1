/* SPDX-License-Identifier: Apache-2.0 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/table.h"
#include "image/image.h"
#include "sandbox/conf.h"

struct config_options {
	bool json;
};

static const struct opt options[] = {
	OPT(config_options, 0, "json", OPT_FLAG, json, NULL, "as JSON"),
	{.kind = OPT_END},
};

/* Of the longest key, firecracker.placeholders_ro; and of most values. */
enum { KEY_WIDTH = 28, VALUE_WIDTH = 36 };

/**
 * struct shown - what is printed, or collected
 * @list: of JSON; NULL: a table is printed
 */
struct shown {
	const char *path;
	struct json_object *list;
};

/* What environment variables say is ours to find out, and cannot be in the file. */
static const struct {
	const char *name, *preset;
	size_t path;
} variables[] = {
	{CONF_VARIABLE, CONF_PATH, SIZE_MAX},
	{"CAISSON_ROOT", NULL, offsetof(struct paths, root)},
	{"CAISSON_RUN", NULL, offsetof(struct paths, run)},
	{"CAISSON_CACHE", NULL, offsetof(struct paths, cache)},
	{"CAISSON_IMAGE_MAX", "128G", SIZE_MAX},
};
_Static_assert(IMAGE_BYTES_MAX == UINT64_C(128) << 30, "what is shown of CAISSON_IMAGE_MAX");

static void add_text(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, text ? json_object_new_string(text) : NULL);
}

static void print(const char *key, const char *value, const char *source, const char *file,
		  unsigned int line)
{
	_cleanup_free_ char *where = line ? xasprintf("%s:%u", file, line) : xstrdup(source);
	_cleanup_free_ char *text = table_printable(value ? value : "-");

	table_cell(key, KEY_WIDTH, false);
	printf("%-*s %s\n", VALUE_WIDTH, text, where);
}

static void show(const struct shown *shown, const char *key, const char *value, const char *source,
		 unsigned int line)
{
	struct json_object *o;

	if (!shown->list) {
		print(key, value, source, shown->path, line);
		return;
	}
	o = json_object_new_object();
	add_text(o, "key", key);
	add_text(o, "value", value);
	add_text(o, "source", source);
	add_text(o, "file", line ? shown->path : NULL);
	json_object_object_add(o, "line", line ? json_object_new_int64(line) : NULL);
	json_object_array_add(shown->list, o);
}

static void show_value(void *data, const struct conf_value *value)
{
	const struct shown *shown = data;

	show(shown, value->key, value->value, value->line ? "file" : "default", value->line);
}

static void show_variables(const struct shown *shown, const struct paths *paths)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *own = getenv(variables[i].name), *value = variables[i].preset;
		bool set = own && *own;

		if (variables[i].path != SIZE_MAX)
			value = *(char *const *)((const char *)paths + variables[i].path);
		else if (set)
			value = own;
		show(shown, variables[i].name, value, set ? "environment" : "default", 0);
	}
}

static void show_all(const struct conf *conf, const struct paths *paths, bool json)
{
	struct shown shown = {.path = conf->path, .list = json ? json_object_new_array() : NULL};

	if (!json)
		printf("%-*s %-*s %s\n", KEY_WIDTH, "KEY", VALUE_WIDTH, "VALUE", "FROM");
	show_variables(&shown, paths);
	conf_each(conf, show_value, &shown);
	if (json)
		puts(json_object_to_json_string_ext(
			shown.list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(shown.list);
}

static int config_main(const struct command *self, int argc, char **argv)
{
	struct config_options how = {.json = false};
	_cleanup_conf_ struct conf conf = CONF_NULL;
	struct paths paths = PATHS_NULL;
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &how, &err);

	if (r >= 0)
		r = opts_check_words(self, argv + r, 0, 0, "", &err);
	if (r >= 0)
		r = conf_load(&conf, &err);
	if (r >= 0)
		r = paths_find(&paths, &err);
	if (r >= 0)
		show_all(&conf, &paths, how.json);
	paths_done(&paths);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_config = {
	.name = "config",
	.usage = "[OPTIONS]",
	.summary = "Show what is configured, and where each value comes from.",
	.details = "Values come from " CONF_PATH ", from variables of the environment, or are\n"
		   "defaults. A mistake in the file is told with its line, and status 1.\n",
	.opts = options,
	.failure = 1,
	.run = config_main,
};
