/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/copy-target.h"

#include <errno.h>

#include "base/macro.h"
#include "base/test.h"

static const struct {
	const char *from;
	bool folder;
	const char *to;
	enum copy_kind kind;
	int result;
	const char *in, *name;
} cases[] = {
	/* Docker's reference of `docker cp`, in its order. A file: */
	{"f", false, "new", COPY_MISSING, 0, ".", "new"},
	{"f", false, "/a/new", COPY_MISSING, 0, "/a/", "new"},
	{"f", false, "/a/new/", COPY_MISSING, -ENOENT, NULL, NULL},
	{"/b/f", false, "/a/old", COPY_OTHER, 0, "/a/", "old"},
	{"/b/f", false, "/a/old/", COPY_OTHER, -ENOTDIR, NULL, NULL},
	{"/b/f", false, "/a", COPY_FOLDER, 0, "/a", "f"},
	{"/b/f", false, "/", COPY_FOLDER, 0, "/", "f"},
	/* A folder: */
	{"/b/d", true, "/a/new", COPY_MISSING, 0, "/a/", "new"},
	{"/b/d", true, "/a/new/", COPY_MISSING, 0, "/a/", "new"},
	{"/b/d/.", true, "/a/new", COPY_MISSING, 0, "/a/", "new"},
	{"/b/d", true, "/a/old", COPY_OTHER, -ENOTDIR, NULL, NULL},
	{"/b/d/.", true, "/a/old", COPY_OTHER, -ENOTDIR, NULL, NULL},
	{"/b/d", true, "/a", COPY_FOLDER, 0, "/a", "d"},
	{"/b/d/", true, "/a/", COPY_FOLDER, 0, "/a/", "d"},
	{"/b/d/.", true, "/a", COPY_FOLDER, 0, "/a", "."},
	/* Folders without a name of their own. */
	{".", true, "/a", COPY_FOLDER, 0, "/a", "."},
	{"..", true, "/a", COPY_FOLDER, 0, "/a", "."},
	{"/", true, "/a", COPY_FOLDER, 0, "/a", "."},
	{"/", true, "/new", COPY_MISSING, 0, "/", "new"},
	{"d", true, "/missing/..", COPY_MISSING, -ENOENT, NULL, NULL},
	{"d", true, "/missing/.", COPY_MISSING, -ENOENT, NULL, NULL},
};

static void paths_mean_what_they_mean_to_docker(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct copy_target target;
		struct err err = ERR_NULL;
		int r = copy_target_choose(cases[i].to, cases[i].kind, cases[i].from,
					   cases[i].folder, &target, &err);

		if (r != cases[i].result)
			test_fail("%s to %s: %d %s", cases[i].from, cases[i].to, r, err.text);
		test_int(err.code, r);
		if (r < 0)
			continue;
		test_str(target.folder, cases[i].in);
		test_str(target.name, cases[i].name);
	}
}

static void what_is_too_long_is_told(void)
{
	static char name[NAME_MAX + 3], path[PATH_MAX + 1];
	struct copy_target target;
	struct err err = ERR_NULL;

	memset(name, 'n', sizeof(name) - 1);
	memset(path, '/', sizeof(path) - 1);
	test_int(copy_target_choose(name, COPY_MISSING, "f", false, &target, &err), -ENAMETOOLONG);
	test_int(copy_target_choose("/a", COPY_FOLDER, name, false, &target, &err), -ENAMETOOLONG);
	test_int(copy_target_choose(path, COPY_FOLDER, "f", false, &target, &err), -ENAMETOOLONG);
	name[NAME_MAX] = '\0';
	test_int(copy_target_choose(name, COPY_MISSING, "f", false, &target, &err), 0);
	test_str(target.name, name);
}

/* What a destination in a container leads to, its guest has said. */
static void no_path_moves_a_terminals_cursor(void)
{
	struct copy_target target;
	struct err err = ERR_NULL;

	test_int(copy_target_choose("/a\033[2J", COPY_OTHER, "d", true, &target, &err), -ENOTDIR);
	test_str(err.text, "cannot copy the folder \"d\" over \"/a\\x1b[2J\", which is none");
	test_int(copy_target_choose("/\r/", COPY_MISSING, "f", false, &target, &err), -ENOENT);
	test_str(err.text, "there is no folder \"/\\x0d/\"");
	test_int(copy_target_choose("/\a/.", COPY_OTHER, "f", false, &target, &err), -ENOTDIR);
	test_str(err.text, "\"/\\x07/.\" is not a folder");
}

int main(void)
{
	test_run(no_path_moves_a_terminals_cursor);
	test_run(paths_mean_what_they_mean_to_docker);
	test_run(what_is_too_long_is_told);
	return 0;
}
