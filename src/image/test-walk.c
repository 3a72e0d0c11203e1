/* SPDX-License-Identifier: Apache-2.0 */
#include "image/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

#define DEPTH 1500

static char place[] = "/tmp/test-walk-XXXXXX";
static int root = -EBADF;

static void touch(const char *path)
{
	test_int(close(openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
}

static void begin(void)
{
	test_int(mkdirat(AT_FDCWD, place, 0700), 0);
	root = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_true(root >= 0);
}

static void end(void)
{
	root = fd_close(root);
	test_int(path_remove_tree(AT_FDCWD, place), 0);
}

/* struct seen - paths, and what to do at "a" */
struct seen {
	char text[512];
	const char *remove;
	int result;
};

static int note(const struct walk_entry *e, void *userdata)
{
	struct seen *seen = userdata;
	size_t len = strlen(seen->text);
	struct stat st;

	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s ", e->path);
	test_int(fstatat(e->dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	test_true(st.st_ino == e->st.st_ino && st.st_mode == e->st.st_mode);
	if (strcmp(e->path, "a") != 0)
		return 0;
	if (seen->remove)
		test_int(path_remove_tree(root, seen->remove), 0);
	return seen->result;
}

static void make_tree(void)
{
	begin();
	test_int(mkdirat(root, "c", 0700), 0);
	test_int(mkdirat(root, "c/sub", 0700), 0);
	touch("c/sub/y");
	touch("c/x");
	touch("c/sub.z");
	touch("a");
	touch(".b");
	test_int(mkdirat(root, "d", 0700), 0);
	touch("d/\n");
	test_int(symlinkat("c", root, "link"), 0);
	test_int(symlinkat("/", root, "away"), 0);
}

/* A folder first, then what is in it, sorted, and then the folders in it; links lead nowhere. */
static void names_decide_the_order(void)
{
	struct seen seen;

	make_tree();
	for (int i = 0; i < 2; i++) {
		seen = (struct seen){.text = ""};
		test_int(walk_folder(root, note, &seen), 0);
		test_str(seen.text, " .b a away c d link c/sub c/sub.z c/x c/sub/y d/\n ");
	}
	end();
}

static void who_visits_can_end_it(void)
{
	struct seen seen = {.result = -ECANCELED};

	make_tree();
	test_int(walk_folder(root, note, &seen), -ECANCELED);
	test_str(seen.text, " .b a ");
	end();
}

/* What went meanwhile is told of at the end, and all else was seen. */
static void one_that_is_gone_does_not_end_it(void)
{
	struct seen seen = {.remove = "link"};

	make_tree();
	test_int(walk_folder(root, note, &seen), -ENOENT);
	test_str(seen.text, " .b a away c d c/sub c/sub.z c/x c/sub/y d/\n ");
	end();
}

static void an_empty_folder(void)
{
	struct seen seen = {.text = ""};

	begin();
	test_int(walk_folder(root, note, &seen), 0);
	test_str(seen.text, " ");
	test_int(walk_folder(-EBADF, note, &seen), -EBADF);
	end();
}

static int measure(const struct walk_entry *e, void *userdata)
{
	size_t *longest = userdata;

	*longest = MAX(*longest, strlen(e->path));
	return 0;
}

/* Deeper than a path can be long, with few descriptors. */
static void depth_costs_no_descriptors(void)
{
	struct rlimit before, few;
	size_t longest = 0;
	int at;

	begin();
	at = fcntl(root, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < DEPTH; i++) {
		int next;

		test_int(mkdirat(at, "ab", 0700), 0);
		next = openat(at, "ab", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(at);
		at = next;
	}
	test_int(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)at + 4;
	fd_close(at);
	test_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	test_int(walk_folder(root, measure, &longest), 0);
	test_int(longest, 3 * DEPTH - 1);
	test_int(setrlimit(RLIMIT_NOFILE, &before), 0);
	end();
}

static void names_are_sorted(void)
{
	_cleanup_strv_ struct strv names = STRV_NULL;

	make_tree();
	test_int(walk_names(root, &names), 0);
	test_int(names.n, 6);
	test_str(names.v[0], ".b");
	test_str(names.v[5], "link");
	end();
}

int main(void)
{
	test_true(mkdtemp(place));
	test_int(rmdir(place), 0);
	test_run(names_decide_the_order);
	test_run(who_visits_can_end_it);
	test_run(one_that_is_gone_does_not_end_it);
	test_run(an_empty_folder);
	test_run(depth_costs_no_descriptors);
	test_run(names_are_sorted);
	return 0;
}
