/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static char root[] = "/tmp/test-workspace-XXXXXX";

static void make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	test_true(fd >= 0);
	fd_close(fd);
}

static void owned(const char *name, uid_t uid, gid_t gid)
{
	struct stat st;

	test_int(lstat(name, &st), 0);
	if (st.st_uid != uid || st.st_gid != gid)
		test_fail("%s is %u:%u's, not %u:%u's", name, st.st_uid, st.st_gid, uid, gid);
}

static int give(const char *name, uid_t uid, gid_t gid)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return workspace_make(path, uid, gid);
}

static void test_made(void)
{
	test_int(give("a/b/c", 5, 6), 0);
	owned("a/b/c", 5, 6);
	owned("a/b", 0, 0);
}

static void test_with_all_that_is_in_it(void)
{
	test_int(mkdir("w", 0755), 0);
	test_int(mkdir("w/sub", 0755), 0);
	make("w/sub/file");
	make("outside");
	test_int(mkdir("other", 0755), 0);
	make("other/file");
	test_int(symlink("../outside", "w/link"), 0);
	test_int(symlink("../other", "w/folder"), 0);
	test_int(mkfifo("w/fifo", 0600), 0);
	test_int(give("w", 5, 6), 0);
	owned("w", 5, 6);
	owned("w/sub/file", 5, 6);
	owned("w/link", 5, 6);
	owned("w/fifo", 5, 6);
	owned("outside", 0, 0);
	owned("other", 0, 0);
	owned("other/file", 0, 0);
}

static void test_only_once(void)
{
	make("w/roots");
	test_int(give("w", 5, 6), 0);
	owned("w/roots", 0, 0);
	test_int(give("w", 5, 7), 0);
	owned("w/roots", 0, 0);
	owned("w", 5, 6);
	test_int(give("w", 7, 6), 0);
	owned("w/roots", 7, 6);
}

static void test_no_folder(void)
{
	test_int(give("outside", 5, 6), -ENOTDIR);
	test_int(give("outside/x", 5, 6), -ENOTDIR);
	owned("outside", 0, 0);
}

/* The user of a folder above may make it one. */
static void test_no_link(void)
{
	test_int(symlink("other", "as-link"), 0);
	test_int(mkdir("other/below", 0755), 0);
	test_int(give("as-link", 5, 6), -ELOOP);
	test_int(give("as-link/below", 5, 6), -ELOOP);
	owned("other", 0, 0);
	owned("other/below", 0, 0);
}

/* Too deep to be entered: that is told, and the rest is given. */
static void test_very_deep(void)
{
	int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	test_int(mkdir("deep", 0755), 0);
	make("deep/zz");
	test_int(chdir("deep"), 0);
	for (int i = 0; i < 300; i++) {
		test_int(mkdir("d", 0755), 0);
		test_int(chdir("d"), 0);
	}
	test_int(fchdir(fd), 0);
	fd_close(fd);
	test_int(give("deep", 5, 6), -ELOOP);
	owned("deep", 5, 6);
	owned("deep/zz", 5, 6);
	owned("deep/d/d/d", 5, 6);
}

static void remove_tree(void)
{
	char command[64];

	test_int(chdir("/"), 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", root);
	test_int(system(command), 0);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("giving files away needs root\n");
		return 77;
	}
	test_true(mkdtemp(root));
	test_int(chdir(root), 0);
	test_run(test_made);
	test_run(test_with_all_that_is_in_it);
	test_run(test_only_once);
	test_run(test_no_folder);
	test_run(test_no_link);
	test_run(test_very_deep);
	remove_tree();
	return 0;
}
