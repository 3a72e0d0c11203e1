/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static char root[] = "/tmp/test-lookup-XXXXXX";
static char found[4096];

static void make(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	test_true(fd >= 0);
	fd_close(fd);
	test_int(chmod(name, mode), 0);
}

static void build_tree(void)
{
	test_true(mkdtemp(root));
	test_int(chdir(root), 0);
	test_int(mkdir("a", 0755), 0);
	test_int(mkdir("b", 0755), 0);
	test_int(mkdir("a/folder", 0755), 0);
	test_int(mkdir("b/folder", 0755), 0);
	make("a/plain", 0644);
	make("b/plain", 0755);
	make("b/only", 0755);
	make("here", 0755);
	test_int(symlink("nowhere", "a/only"), 0);
}

static void remove_tree(void)
{
	static const char *const files[] = {"a/plain", "b/plain", "b/only", "here", "a/only"};
	static const char *const folders[] = {"a/folder", "b/folder", "a", "b", root};

	for (size_t i = 0; i < 5; i++)
		test_int(unlink(files[i]), 0);
	for (size_t i = 0; i < 5; i++)
		test_int(rmdir(folders[i]), 0);
}

static int lookup(const char *name, const char *path)
{
	found[0] = '\0';
	return lookup_command(name, path, found, sizeof(found));
}

static void path_is_searched_in_order(void)
{
	test_int(lookup("only", "a:b"), 0);
	test_str(found, "b/only");
	/* Not executable, or a folder: the search goes on, and "not found" is the end of it. */
	test_int(lookup("plain", "a:b"), 0);
	test_str(found, "b/plain");
	test_int(lookup("plain", "a"), -ENOENT);
	test_int(lookup("folder", "a:b"), -ENOENT);
	test_int(lookup("nothing", "a:b"), -ENOENT);
	test_int(lookup("", "a:b"), -ENOENT);
	test_int(lookup("here", "a::b"), 0);
	test_str(found, "./here");
	test_int(lookup("here", "a:"), 0);
	test_int(lookup("here", ""), 0);
	test_int(lookup("here", "a:b"), -ENOENT);
}

static void paths_are_taken_as_they_are(void)
{
	test_int(lookup("./here", "a"), 0);
	test_str(found, "./here");
	test_int(lookup("b/only", ""), 0);
	test_int(lookup("a/plain", "b"), -EACCES);
	test_int(lookup("a/folder", "b"), -EACCES);
	test_int(lookup("a/nothing", "b"), -ENOENT);
	test_int(lookup("a/only", "b"), -ENOENT);
	test_int(lookup("here/x", "b"), -ENOTDIR);
}

static void long_names(void)
{
	char name[5000];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	test_int(lookup(name, "a:b"), -ENOENT);
	name[0] = '/';
	test_int(lookup(name, "a:b"), -ENAMETOOLONG);
	test_int(lookup_command("./here", "", found, 6), -ENAMETOOLONG);
}

int main(void)
{
	build_tree();
	test_run(path_is_searched_in_order);
	test_run(paths_are_taken_as_they_are);
	test_run(long_names);
	remove_tree();
	return 0;
}
