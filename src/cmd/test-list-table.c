/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/list-table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"

#define LONG_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *printed(const struct list_row *rows, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size), *before = stdout;

	test_true(out);
	stdout = out;
	list_table_print(rows, n);
	stdout = before;
	(void)fclose(out);
	return text;
}

static struct sandbox_spec spec_of(const char *id, const char *image, const char *annotations)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	_cleanup_free_ char *words = xstrdup(annotations);

	spec.id = xstrdup(id);
	spec.image = xstrdup(image);
	spec.created = INT64_MAX;
	strv_add(&spec.args, "sleep");
	strv_add(&spec.args, "1000");
	for (char *at = words, *word; (word = strsep(&at, " ")) && *word;)
		strv_add(&spec.annotations, word);
	return spec;
}

static void expect(struct sandbox_spec *specs, size_t n, const char *want)
{
	struct list_row *rows = xcalloc(n + 1, sizeof(*rows));
	char *text;

	for (size_t i = 0; i < n; i++)
		rows[i] = (struct list_row){.spec = &specs[i], .status = "running"};
	text = printed(rows, n);
	test_str(text, want);
	free(text);
	free(rows);
	for (size_t i = 0; i < n; i++)
		sandbox_spec_done(&specs[i]);
}

#define IMAGE " IMAGE                          COMMAND                  CREATED          STATUS\n"
#define REST  " sleep 1000               0 seconds ago    running\n"

/* Nothing is of pods where there are none. */
static void short_names_have_a_narrow_column(void)
{
	struct sandbox_spec specs[] = {spec_of("web", "/bundles/x", "")};

	expect(specs, 1,
	       "NAME                " IMAGE "web                  "
	       "/bundles/x                    " REST);
	expect(NULL, 0, "NAME                " IMAGE);
}

static void long_commands_are_cut(void)
{
	struct sandbox_spec specs[] = {spec_of("web", "/bundles/x", "")};

	for (int i = 0; i < 1000; i++)
		strv_add(&specs[0].args, "x");
	expect(specs, 1,
	       "NAME                " IMAGE "web                  "
	       "/bundles/x                     sleep 1000 x x x x x x x "
	       "0 seconds ago    running\n");
}

static void long_names_are_whole(void)
{
	struct sandbox_spec specs[] = {spec_of("web", "debian:12", ""),
				       spec_of(LONG_ID, "debian:12", "")};
	_cleanup_free_ char *want =
		xasprintf("%-64s" IMAGE "%-64s debian:12                     " REST
			  "%-64s debian:12                     " REST,
			  "NAME", "web", LONG_ID);

	expect(specs, 2, want);
}

static void pods_are_told(void)
{
	struct sandbox_spec specs[] = {
		spec_of("web", "debian:12", ""),
		spec_of("pause", "/run/pause",
			"io.kubernetes.cri.container-type=sandbox "
			"io.kubernetes.cri.sandbox-name=box "
			"io.kubernetes.cri.sandbox-namespace=default"),
		spec_of("named", "/run/named",
			"io.kubernetes.cri.container-type=sandbox "
			"io.kubernetes.cri.podsandbox.image-name=pause:3.9 "
			"io.kubernetes.cri.sandbox-name=a-longer-name\033 "
			"io.kubernetes.cri.sandbox-namespace=default"),
		spec_of("main", "/run/main",
			"io.kubernetes.cri.container-type=container "
			"io.kubernetes.cri.image-name=docker.io/library/debian:12 "
			"io.kubernetes.cri.container-name=main "
			"io.kubernetes.cri.sandbox-name=box "
			"io.kubernetes.cri.sandbox-namespace=default"),
	};
	static const char *const cells[][4] = {
		{"web", "-", "-", "debian:12"},
		{"pause", "default/box", "-", "-"},
		{"named", "default/a-longer-name?", "-", "pause:3.9"},
		{"main", "default/box", "main", "docker.io/library/debian:12"},
	};
	char *want = xasprintf("%-20s %-22s %-10s" IMAGE, "NAME", "POD", "CONTAINER");

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		_cleanup_free_ char *before = want,
				    *line = xasprintf("%-20s %-22s %-10s %-30s" REST, cells[i][0],
						      cells[i][1], cells[i][2], cells[i][3]);

		want = xasprintf("%s%s", before, line);
	}
	expect(specs, ARRAY_SIZE(specs), want);
	free(want);
}

int main(void)
{
	test_run(short_names_have_a_narrow_column);
	test_run(long_commands_are_cut);
	test_run(long_names_are_whole);
	test_run(pods_are_told);
	return 0;
}
