/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char folder[] = "/tmp/test-rootfs-XXXXXX";
static char *image, *dir, *target;

static void write_file(const char *parent, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(parent, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, text, strlen(text)), 0);
}

static void expect_file(const char *parent, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(parent, name), *have = NULL;

	test_int(file_slurp_at(AT_FDCWD, path, 100, &have, NULL), 0);
	test_str(have, text);
}

/* Names that mean something in an overlay's options, all at once. */
static void make_folders(void)
{
	test_true(mkdtemp(folder));
	image = path_join(folder, "im,age:\\ 1,upperdir=x");
	dir = path_join(folder, "con:tainer,workdir=y");
	target = path_join(folder, "tar get");
	test_int(mkdir(image, 0700), 0);
	test_int(mkdir(dir, 0700), 0);
	test_int(mkdir(target, 0700), 0);
	test_int(chown(image, 123, 456), 0);
	test_int(chmod(image, 01751), 0);
	write_file(image, "file", "image");
}

static void the_image_is_never_written_to(void)
{
	struct err err = ERR_NULL;
	struct stat st;

	if (rootfs_mount(image, dir, target, &err) < 0)
		test_fail("%s", err.text);
	expect_file(target, "file", "image");
	write_file(target, "file", "changed");
	write_file(target, "new", "new");
	expect_file(target, "file", "changed");
	expect_file(image, "file", "image");
	/* What the container sees as "/" looks as the image's maker left it. */
	test_int(stat(target, &st), 0);
	test_int(st.st_mode & 07777, 01751);
	test_int(st.st_uid, 123);
	test_int(st.st_gid, 456);
	rootfs_unmount(target);
	test_int(rmdir(target), 0);
	test_int(mkdir(target, 0700), 0);
	rootfs_unmount(target);
	/* The changes are the container's, and are there again. */
	test_int(rootfs_mount(image, dir, target, &err), 0);
	expect_file(target, "new", "new");
	test_int(chmod(target, 0700), 0);
	rootfs_unmount(target);
	test_int(rootfs_mount(image, dir, target, &err), 0);
	test_int(stat(target, &st), 0);
	test_int(st.st_mode & 07777, 0700);
	rootfs_unmount(target);
}

static void refused(const char *from, const char *into, const char *on, int code, const char *part)
{
	struct err err = ERR_NULL;

	test_int(rootfs_mount(from, into, on, &err), code);
	test_int(err.code, code);
	if (!strstr(err.text, part))
		test_fail("\"%s\" is not in: %s", part, err.text);
}

static void what_is_missing_is_named(void)
{
	_cleanup_free_ char *file = path_join(image, "file"), *gone = path_join(folder, "gone");

	refused(gone, dir, target, -ENOENT, gone);
	refused(file, dir, target, -ENOTDIR, file);
	refused(image, gone, target, -ENOENT, gone);
	refused(image, dir, gone, -ENOENT, gone);
	rootfs_unmount(gone);
}

static void tests(void)
{
	struct err err = ERR_NULL;

	if (rootfs_private_mounts(&err) < 0) {
		printf("%s\n", err.text);
		exit(TEST_SKIPPED);
	}
	test_run(the_image_is_never_written_to);
	test_run(what_is_missing_is_named);
}

int main(void)
{
	int status;

	if (!test_is_root())
		return TEST_SKIPPED;
	make_folders();
	status = test_in_child(tests);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	free(image);
	free(dir);
	free(target);
	return status;
}
