/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "p9/node.h"

static char dir[] = "/tmp/test-isolate-XXXXXX";
static struct p9_cell cell;

static bool same_file(const char *a, const char *b)
{
	struct stat one, other;

	test_int(stat(a, &one), 0);
	test_int(stat(b, &other), 0);
	return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* A file of the host's that the working folder could lead to, if it were in the whole of /proc. */
static void leads_nowhere(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		test_fail("%s can be opened", path);
	if (errno != ENOENT)
		test_fail("%s: %s", path, strerror(errno));
}

static void only_its_own_descriptors(void)
{
	char name[P9_FD_NAME_SIZE];
	_cleanup_close_ int again = p9_reopen(cell.root, O_RDONLY | O_DIRECTORY);

	test_true(again >= 0);
	test_true(same_file(p9_fd_name(cell.root, name), "/"));
	test_true(same_file("/inside", "/../inside"));
	test_true(same_file("..", "."));
	leads_nowhere("../status");
	leads_nowhere("../../self/status");
	leads_nowhere("../../sys/kernel/core_pattern");
	leads_nowhere("/proc/self/status");
}

static void no_way_back(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	test_int(cell.outside, -EBADF);
	test_int(cell.inside, -EBADF);
	test_int(unshare(CLONE_NEWNS), -1);
	test_int(chroot("/"), -1);
	test_int(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	test_int(syscall(SYS_capget, &header, caps), 0);
	test_int(caps[0].permitted & (1u << CAP_SYS_ADMIN | 1u << CAP_SYS_CHROOT), 0);
	test_true(caps[0].effective & 1u << CAP_DAC_OVERRIDE);
	test_int(caps[1].permitted, 0);
}

/* In a process that serves; the parent of all that do is one that ends with it. */
static void serve(void)
{
	const char *what;
	int r = p9_isolate(dir, &cell, &what);

	if (r < 0)
		test_fail("%s: %s", what, strerror(-r));
	test_int(p9_enter(&cell), 0);
	test_run(only_its_own_descriptors);
	test_run(no_way_back);
}

int main(void)
{
	_cleanup_free_ char *path = NULL;
	int status, file;
	pid_t pid;

	test_true(mkdtemp(dir));
	path = path_join(dir, "inside");
	file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	test_true(file >= 0);
	fd_close(file);
	pid = fork();
	test_true(pid >= 0);
	if (pid == 0) {
		serve();
		/* No handlers: a sanitizer's look for what is not there any more. */
		(void)fflush(NULL);
		_exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
