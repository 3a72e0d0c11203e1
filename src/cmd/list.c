/* SPDX-License-Identifier: Apache-2.0 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/list-table.h"
#include "cmd/oci-state.h"
#include "image/image.h"
#include "sandbox/record.h"

struct list_options {
	bool quiet;
	const char *format;
};

static const struct opt options[] = {
	OPT(list_options, 'q', "quiet", OPT_FLAG, quiet, NULL, "names only"),
	OPT(list_options, 'f', "format", OPT_CHOICE, format, "table|json", "how to print them",
	    "table|json"),
	{.kind = OPT_END},
};

/**
 * struct row - what is shown of a container
 */
struct row {
	struct record record;
	struct sandbox_spec spec;
	char status[32];
	const char *state;
	int exit_status; /* -1: none, yet */
};

static int load_row(const struct paths *paths, const char *id, struct row *row)
{
	struct err ignored = ERR_NULL;
	enum record_state state;
	int exit_status, r;

	*row = (struct row){.record = RECORD_NULL, .spec = SANDBOX_SPEC_NULL, .exit_status = -1};
	r = record_open(paths, id, &row->record, &ignored);
	if (r == 0)
		r = record_load(&row->record, &row->spec, &ignored);
	if (r == 0) {
		state = record_state(&row->record, &exit_status);
		row->state = record_state_name(state);
		(void)snprintf(row->status, sizeof(row->status), "%s", row->state);
		if (state == RECORD_STOPPED) {
			row->exit_status = exit_status;
			(void)snprintf(row->status, sizeof(row->status), "exited (%d)",
				       exit_status);
		}
	} else {
		record_done(&row->record);
	}
	return r;
}

static void row_done(struct row *row)
{
	record_done(&row->record);
	sandbox_spec_done(&row->spec);
}

/* What runc tells of each, and what a container was made with: where both have a name, runc's counts. */
static struct json_object *row_to_json(const struct row *row)
{
	_cleanup_free_ char *text = sandbox_spec_describe(&row->spec);
	struct json_object *o = json_tokener_parse(text), *told;
	struct oci_state state;

	/* Who does not answer is shown all the same. */
	(void)oci_state_ask(&row->record, false, &state, NULL);
	told = oci_state_to_json(&row->record, &row->spec, &state);
	json_object_object_foreach(told, name, value)
	{
		json_object_object_add(o, name, json_object_get(value));
	}
	json_object_put(told);
	/* The environment may hold secrets: a listing is no place for them. */
	json_object_object_del(o, "env");
	json_object_object_add(o, "state", json_object_new_string(row->state));
	json_object_object_add(o, "exit_status",
			       row->exit_status < 0 ? NULL : json_object_new_int(row->exit_status));
	return o;
}

/* The newest first; names where the second is the same. */
static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->spec.created != y->spec.created)
		return x->spec.created < y->spec.created ? 1 : -1;
	return strcmp(x->spec.id, y->spec.id);
}

/* Return: a new array. One that is removed meanwhile is not there any more: no error. */
static struct row *load_all(const struct paths *paths, const struct strv *ids, size_t *ret_n)
{
	struct row *rows = xcalloc(ids->n + 1, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < ids->n; i++)
		if (load_row(paths, ids->v[i], &rows[n]) == 0)
			n++;
	qsort(rows, n, sizeof(*rows), compare);
	*ret_n = n;
	return rows;
}

static void print_json(const struct row *rows, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(array, row_to_json(&rows[i]));
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY));
	json_object_put(array);
}

static void print_table(const struct row *rows, size_t n)
{
	struct list_row *lines = xcalloc(n + 1, sizeof(*lines));

	for (size_t i = 0; i < n; i++)
		lines[i] = (struct list_row){.spec = &rows[i].spec, .status = rows[i].status};
	list_table_print(lines, n);
	free(lines);
}

static void print_all(const struct paths *paths, const struct strv *ids,
		      const struct list_options *how)
{
	size_t n;
	struct row *rows = load_all(paths, ids, &n);

	if (how->format && strcmp(how->format, "json") == 0)
		print_json(rows, n);
	else if (!how->quiet)
		print_table(rows, n);
	else
		for (size_t i = 0; i < n; i++)
			puts(rows[i].spec.id);
	for (size_t i = 0; i < n; i++)
		row_done(&rows[i]);
	free(rows);
}

static int list_main(const struct command *self, int argc, char **argv)
{
	struct list_options how = {.format = NULL};
	_cleanup_strv_ struct strv ids = STRV_NULL;
	struct paths paths = PATHS_NULL;
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &how, &err);

	if (r >= 0)
		r = opts_check_words(self, argv + r, 0, 0, "", &err);
	if (r >= 0)
		r = paths_find(&paths, &err);
	if (r >= 0) {
		record_sweep(&paths);
		image_sweep(paths.root);
		r = record_list(&paths, &ids, &err);
	}
	if (r >= 0)
		print_all(&paths, &ids, &how);
	paths_done(&paths);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_list = {
	.name = "list",
	.usage = "[OPTIONS]",
	.summary = "List all containers, ended ones too.",
	.opts = options,
	.failure = 1,
	.run = list_main,
};
