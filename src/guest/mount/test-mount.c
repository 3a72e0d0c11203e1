/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/path.h"
#include "base/test.h"

static void places(void)
{
	static const char *const good[] = {"/run/mounts/a", "/run/mounts/a/b c", "/run/mounts/...",
					   "/run/bundles/c/rootfs", "/run/bundles/c/rootfs/x"};
	static const char *const bad[] = {"",
					  "/",
					  "/run",
					  "/run/mounts",
					  "/run/mounts/",
					  "/run/mounts/a/",
					  "/run/mounts//a",
					  "/run/mounts/.\\./.\\./usr",
					  "/run/mounts/.",
					  "/run/mounts/..",
					  "/run/mounts/a/../b",
					  "/run/mounts/a/./b",
					  "/run/mountsx/a",
					  "run/mounts/a",
					  "/run/bundles/c",
					  "/run/bundles/c/config.json",
					  "/run/bundles/../rootfs",
					  "/run/bundles//rootfs",
					  "/run/bundles/c/rootfsx",
					  "/run/bundles/c/rootfs/..",
					  "/run/crun/c"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!mount_path_valid(good[i]))
			test_fail("%s is refused", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (mount_path_valid(bad[i]))
			test_fail("%s is not refused", bad[i]);
		test_int(mount_open(bad[i]), -EXDEV);
	}
}

static void no_links(void)
{
	char path[] = "/tmp/test-mount-XXXXXX";
	int dir, fd;

	test_true(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(mkdirat(dir, "a", 0700), 0);
	test_int(mkdirat(dir, "a/b", 0700), 0);
	test_int(symlinkat("a", dir, "link"), 0);
	test_int(symlinkat("/", dir, "a/out"), 0);
	fd = path_open_strict(dir, "a/b", O_PATH, 0);
	test_true(fd >= 0);
	fd_close(fd);
	test_int(path_open_strict(dir, "link", O_PATH, 0), -ELOOP);
	test_int(path_open_strict(dir, "link/b", O_PATH, 0), -ELOOP);
	test_int(path_open_strict(dir, "a/out/etc", O_PATH, 0), -ELOOP);
	test_int(path_open_strict(dir, "a/../..", O_PATH, 0), -EXDEV);
	test_int(path_open_strict(dir, "/etc", O_PATH, 0), -EXDEV);
	fd_close(dir);
	test_int(path_remove_tree(AT_FDCWD, path), 0);
}

/* Refused before anything is mounted. */
static void unknown_words(void)
{
	Containerd__Types__Mount what = CONTAINERD__TYPES__MOUNT__INIT;
	char *options[] = {(char *)"ro"};
	struct mount_error error;
	int target = open("/", O_PATH | O_CLOEXEC);

	what.type = (char *)"nfs";
	test_int(mount_request(&what, target, true, &error), -EOPNOTSUPP);
	test_int(error.code, TTRPC_UNIMPLEMENTED);
	test_str(error.text, "mount type \"nfs\" is not supported");
	what.type = (char *)"bind";
	what.source = (char *)"/etc";
	what.options = options;
	what.n_options = 1;
	test_true(mount_request(&what, target, true, &error) < 0);
	test_str(error.text, "bind: \"/etc\" is not below /run/mounts");
	options[0] = (char *)"size=1m";
	test_int(mount_request(&what, target, false, &error), -EINVAL);
	test_str(error.text, "mount option \"size=1m\" of type bind is not supported");
	fd_close(target);
}

int main(void)
{
	test_run(places);
	test_run(no_links);
	test_run(unknown_words);
	return 0;
}
