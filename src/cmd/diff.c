/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/layer.h"
#include "cmd/table.h"

/* Sorted as Docker has them, so all are kept: a container decides how many and how long. */
#define LINES_MAX (4u << 20)
#define BYTES_MAX (256u << 20)

struct lines {
	char **v;
	size_t n, room, bytes;
};

static int keep(enum change change, const char *path, void *userdata)
{
	struct lines *lines = userdata;

	lines->bytes += strlen(path);
	if (lines->n == LINES_MAX || lines->bytes > BYTES_MAX)
		return -EFBIG;
	if (lines->n == lines->room) {
		lines->room = lines->room ? 2 * lines->room : 64;
		lines->v = xreallocarray(lines->v, lines->room, sizeof(*lines->v));
	}
	lines->v[lines->n++] = xasprintf("%c %s", change, path);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 2, *(char *const *)b + 2);
}

/* Others may want the very bytes. */
static void show(struct lines *lines)
{
	bool terminal = isatty(STDOUT_FILENO);

	if (lines->n > 1)
		qsort(lines->v, lines->n, sizeof(*lines->v), compare);
	for (size_t i = 0; i < lines->n; i++) {
		_cleanup_free_ char *shown = terminal ? table_printable(lines->v[i]) : NULL;

		puts(shown ? shown : lines->v[i]);
	}
}

static void forget(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i]);
	free(lines->v);
}

static int diff_main(const struct command *self, int argc, char **argv)
{
	struct visit visit = VISIT_NULL;
	struct lines lines = {.v = NULL};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err), r;

	r = at < 0 ? at : opts_check_words(self, argv + at, 1, 1, "which container?", &err);
	if (r == 0)
		r = visit_find(&visit, argv[at], &err);
	if (r == 0)
		r = layer_changes(&visit, keep, &lines, &err);
	if (r == 0)
		show(&lines);
	r = r < 0 ? cmd_fail(self, &err) : 0;
	forget(&lines);
	visit_end(&visit);
	return r;
}

const struct command command_diff = {
	.name = "diff",
	.usage = "NAME",
	.summary = "Show what a container has changed of its image.",
	.details = "One line each: A was added, C changed, D deleted, with the path.\n",
	.failure = 1,
	.run = diff_main,
};
