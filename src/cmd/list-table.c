/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/list-table.h"

#include <stdio.h>

#include "base/macro.h"
#include "base/mem.h"
#include "cmd/table.h"
#include "sandbox/cri.h"

#define COMMAND_WIDTH 24

/* Of a character of UTF-8. */
#define CHARACTER_MAX 4

/* As much of it as can be shown: there may be a hundred thousand words. */
static char *joined_args(const struct sandbox_spec *spec)
{
	char *line = xstrdup("");

	for (size_t i = 0; i < spec->args.n && strlen(line) <= COMMAND_WIDTH * CHARACTER_MAX; i++) {
		_cleanup_free_ char *before = line;

		line = xasprintf("%s%s%s", before, i > 0 ? " " : "", spec->args.v[i]);
	}
	return line;
}

static char *id_of(const struct sandbox_spec *spec)
{
	return xstrdup(spec->id);
}

/* Return: "": none is known. */
static const char *annotation(const struct sandbox_spec *spec, const char *name)
{
	const char *value = strv_env_get(&spec->annotations, name);

	return value ? value : "";
}

static char *pod_of(const struct sandbox_spec *spec)
{
	const char *name = annotation(spec, CRI_NAME), *space = annotation(spec, CRI_NAMESPACE);

	return *name ? xasprintf("%s/%s", space, name) : xstrdup("-");
}

static char *container_of_pod(const struct sandbox_spec *spec)
{
	const char *name = annotation(spec, CRI_CONTAINER_NAME);

	return xstrdup(*name ? name : "-");
}

/* The place of a bundle that the CRI has made tells nobody anything. */
static char *image_of(const struct sandbox_spec *spec)
{
	const char *type = annotation(spec, CRI_TYPE), *name = annotation(spec, CRI_IMAGE_NAME);

	if (cri_is_sandbox(type))
		name = annotation(spec, CRI_SANDBOX_IMAGE_NAME);
	if (*name)
		return xstrdup(name);
	return xstrdup(*type ? "-" : spec->image);
}

/**
 * struct column - what all containers have one text of
 * @width: it is as wide as that, or, where a text is longer, up to @max
 * @keep_end: see table_cell()
 * @of_pods: left out where there are none
 */
static const struct column {
	const char *title;
	size_t width, max;
	bool keep_end, of_pods;
	char *(*text)(const struct sandbox_spec *spec);
} columns[] = {
	{"NAME", 20, 64, false, false, id_of},
	{"POD", 10, 64, true, true, pod_of},
	{"CONTAINER", 10, 64, true, true, container_of_pod},
	{"IMAGE", 30, 30, true, false, image_of},
	{"COMMAND", COMMAND_WIDTH, COMMAND_WIDTH, false, false, joined_args},
};

static char *cell_text(const struct column *column, const struct sandbox_spec *spec)
{
	_cleanup_free_ char *text = column->text(spec);

	return table_printable(text);
}

/* Return: 0: it is left out. */
static size_t column_width(const struct column *column, const struct list_row *rows, size_t n)
{
	size_t width = column->width;
	bool has = !column->of_pods;

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *text = cell_text(column, rows[i].spec);

		width = table_width(text, width, column->max);
		has = has || *annotation(rows[i].spec, CRI_NAME);
	}
	return has ? width : 0;
}

static void print_row(const struct list_row *row, const size_t *widths)
{
	char age[40];

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		_cleanup_free_ char *text = cell_text(&columns[i], row->spec);

		if (widths[i] > 0)
			table_cell(text, widths[i], columns[i].keep_end);
	}
	table_age(row->spec->created, age, sizeof(age));
	printf("%-16s %s\n", age, row->status);
}

void list_table_print(const struct list_row *rows, size_t n)
{
	size_t widths[ARRAY_SIZE(columns)];

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		widths[i] = column_width(&columns[i], rows, n);
		if (widths[i] > 0)
			table_cell(columns[i].title, widths[i], false);
	}
	printf("%-16s %s\n", "CREATED", "STATUS");
	for (size_t i = 0; i < n; i++)
		print_row(&rows[i], widths);
}
