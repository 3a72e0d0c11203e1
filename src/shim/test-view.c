/* SPDX-License-Identifier: Apache-2.0 */
/* Where a process ends up that stands for a container. */
#include "shim/view.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "sandbox/rootfs.h"
#include "sandbox/share.h"

static char folder[] = "/tmp/test-view-XXXXXX";
static char *rootfs;
static struct record record = RECORD_NULL;
static struct sandbox_spec spec = SANDBOX_SPEC_NULL;

/* Whether it is the container's root then: 0, or why it has not entered anything. */
static int enter(void)
{
	int r = view_enter(getppid(), &record, &spec);

	if (r < 0)
		return -r;
	return access("/mark", F_OK) < 0 ? 1 : 0;
}

static void expect_entered(int r)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(enter());
	test_int(waitpid(pid, &status, 0), pid);
	test_true(WIFEXITED(status));
	test_int(-WEXITSTATUS(status), r);
}

static void mount_image(void)
{
	_cleanup_free_ char *image = path_join(folder, "image");

	test_int(mkdir(rootfs, 0700), 0);
	test_int(mount(image, rootfs, NULL, MS_BIND, NULL), 0);
}

static void what_is_mounted(void)
{
	mount_image();
	expect_entered(0);
	test_int(umount(rootfs), 0);
	expect_entered(-ENOENT);
	test_int(rmdir(rootfs), 0);
}

/* Of the host's namespace, as it would be there. */
static void a_link_is_not_followed(void)
{
	test_int(symlink("/run", rootfs), 0);
	expect_entered(-ELOOP);
	test_int(unlink(rootfs), 0);
}

static void the_part_is_no_link(void)
{
	_cleanup_free_ char *part = xasprintf("%s/" SHARE_FOLDER "/1", record.run_path);
	_cleanup_free_ char *other = xasprintf("%s/" SHARE_FOLDER "/2", record.run_path);

	mount_image();
	test_int(symlink("1", other), 0);
	spec.part = 2;
	expect_entered(-ELOOP);
	spec.part = 1;
	expect_entered(0);
	test_int(umount(rootfs), 0);
	test_int(rmdir(rootfs), 0);
	test_int(rmdir(part), 0);
	test_int(unlink(other), 0);
}

static void tests(void)
{
	test_int(rootfs_private_mounts(NULL), 0);
	test_run(what_is_mounted);
	test_run(a_link_is_not_followed);
	test_run(the_part_is_no_link);
}

static void make(const char *name)
{
	_cleanup_free_ char *path = path_join(folder, name);

	test_int(path_mkdirs(path, 0700), 0);
}

int main(void)
{
	int status;

	if (!test_is_root())
		return TEST_SKIPPED;
	test_true(mkdtemp(folder));
	make("image/mark");
	make("run/" SHARE_FOLDER "/1");
	record.run_path = path_join(folder, "run");
	rootfs = xasprintf("%s/" SHARE_FOLDER "/1/" SHARE_IN_ROOTFS, record.run_path);
	spec.part = 1;
	status = test_in_child(tests);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	free(rootfs);
	free(record.run_path);
	return status;
}
