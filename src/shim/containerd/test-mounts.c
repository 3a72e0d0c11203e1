/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/test.h"

static char folder[] = "/tmp/test-mounts-XXXXXX";
static struct err err;

static char *in_folder(const char *name)
{
	return path_join(folder, name);
}

static void make_folder(const char *name)
{
	_cleanup_free_ char *path = in_folder(name);

	test_int(path_mkdirs(path, 0755), 0);
}

static void write_file(const char *name, const char *text)
{
	_cleanup_free_ char *path = in_folder(name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, text, strlen(text)), 0);
}

static void expect_file(const char *name, const char *text)
{
	_cleanup_free_ char *path = in_folder(name), *have = NULL;

	test_int(file_slurp_at(AT_FDCWD, path, 100, &have, NULL), 0);
	test_str(have, text);
}

static unsigned long flags_of(const char *name)
{
	_cleanup_free_ char *path = in_folder(name);
	struct statvfs vfs;

	test_int(statvfs(path, &vfs), 0);
	return vfs.f_flag;
}

struct wanted {
	const char *type, *source, *target, *options[4];
};

static int make(const struct wanted *list, size_t n)
{
	Containerd__Types__Mount mounts[4], *pointers[4];
	_cleanup_free_ char *target = in_folder("root");
	size_t k;
	int r;

	for (size_t i = 0; i < n; i++) {
		mounts[i] = (Containerd__Types__Mount)CONTAINERD__TYPES__MOUNT__INIT;
		mounts[i].type = (char *)list[i].type;
		mounts[i].source = (char *)list[i].source;
		if (list[i].target)
			mounts[i].target = (char *)list[i].target;
		for (k = 0; k < ARRAY_SIZE(list[i].options) && list[i].options[k]; k++)
			;
		mounts[i].options = (char **)list[i].options;
		mounts[i].n_options = k;
		pointers[i] = &mounts[i];
	}
	err = (struct err)ERR_NULL;
	r = mounts_check(pointers, n, &err);
	return r == 0 ? mounts_make(pointers, n, target, &err) : r;
}

static void unmount(void)
{
	_cleanup_free_ char *target = in_folder("root");

	while (umount2(target, MNT_DETACH) == 0)
		;
}

static void a_bind_is_one(void)
{
	_cleanup_free_ char *source = in_folder("a");
	const struct wanted rw = {.type = "bind", .source = source, .options = {"rbind", "rw"}};
	const struct wanted ro = {.type = "bind", .source = source, .options = {"rbind", "ro"}};

	test_int(make(&rw, 1), 0);
	expect_file("root/name", "a");
	test_int(flags_of("root") & (ST_RDONLY | ST_NOSUID | ST_NODEV), ST_NOSUID | ST_NODEV);
	unmount();
	test_int(make(&ro, 1), 0);
	test_int(flags_of("root") & (ST_RDONLY | ST_NOSUID | ST_NODEV),
		 ST_RDONLY | ST_NOSUID | ST_NODEV);
	unmount();
}

static void an_overlay_is_one(void)
{
	_cleanup_free_ char *lower = xasprintf("lowerdir=%s/b:%s/a", folder, folder);
	_cleanup_free_ char *upper = xasprintf("upperdir=%s/upper", folder);
	_cleanup_free_ char *work = xasprintf("workdir=%s/work", folder);
	const struct wanted overlay = {
		.type = "overlay", .source = "overlay", .options = {work, upper, lower}};

	test_int(make(&overlay, 1), 0);
	expect_file("root/name", "b");
	expect_file("root/only-a", "a");
	write_file("root/new", "new");
	unmount();
	expect_file("upper/new", "new");
}

/* More than a page of names. */
static void there_may_be_many_layers(void)
{
	_cleanup_free_ char *lower = xasprintf("lowerdir="), *last = NULL;
	struct wanted overlay = {.type = "overlay", .source = "overlay"};

	for (int i = 0; i < 40; i++) {
		_cleanup_free_ char *name =
			xasprintf("layers-of-an-image-with-a-name-that-is-as-long-as-one-of-a-"
				  "snapshotter-may-be/and-a-number-of-its-own/%d/fs",
				  i);
		char *old = lower;

		make_folder(name);
		lower = xasprintf("%s%s%s/%s", old, i ? ":" : "", folder, name);
		free(old);
		last = i == 39 ? path_join(name, "deepest") : NULL;
	}
	write_file(last, "deepest");
	test_true(strlen(lower) > 4096);
	overlay.options[0] = lower;
	test_int(make(&overlay, 1), 0);
	expect_file("root/deepest", "deepest");
	unmount();
}

static void one_may_be_in_another(void)
{
	_cleanup_free_ char *a = in_folder("a"), *b = in_folder("b");
	_cleanup_free_ char *link = in_folder("a/out"), *elsewhere = in_folder("outside");
	const struct wanted two[] = {
		{.type = "bind", .source = a, .options = {"bind"}},
		{.type = "bind", .source = b, .target = "/sub", .options = {"bind"}},
	};
	const struct wanted outside[] = {
		{.type = "bind", .source = a, .options = {"bind"}},
		{.type = "bind", .source = b, .target = "out", .options = {"bind"}},
	};

	make_folder("a/sub");
	make_folder("outside");
	test_int(make(two, 2), 0);
	expect_file("root/sub/name", "b");
	unmount();
	/* A link leads nowhere else. */
	test_int(symlink(elsewhere, link), 0);
	test_int(make(outside, 2), -ENOENT);
	test_int(unlink(link), 0);
	unmount();
}

static void what_cannot_be_had_is_named(void)
{
	static const struct {
		struct wanted wanted;
		int code;
		const char *part;
	} rows[] = {
		{{.type = "ext4", .source = "/x", .options = {"loop"}}, -ENOTSUP, "loop"},
		{{.type = "mkfs/ext4", .source = "/x"}, -ENOTSUP, "mkfs/ext4"},
		{{.type = "bind", .source = "/x", .options = {"remount"}}, -ENOTSUP, "remount"},
		{{.type = "nonesuch", .source = "/x"}, -ENODEV, "nonesuch"},
		{{.type = "bind", .source = "/nonesuch", .options = {"bind"}},
		 -ENOENT,
		 "/nonesuch"},
		{{.type = "tmpfs", .source = "x", .options = {"nonesuch"}}, -EINVAL, "tmpfs"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_int(make(&rows[i].wanted, 1), rows[i].code);
		if (!strstr(err.text, rows[i].part))
			test_fail("no %s in: %s", rows[i].part, err.text);
	}
}

int main(void)
{
	if (!test_is_root())
		return TEST_SKIPPED;
	test_int(unshare(CLONE_NEWNS), 0);
	test_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	test_true(mkdtemp(folder));
	make_folder("root");
	make_folder("a");
	make_folder("b");
	make_folder("upper");
	make_folder("work");
	write_file("a/name", "a");
	write_file("a/only-a", "a");
	write_file("b/name", "b");
	test_run(a_bind_is_one);
	test_run(an_overlay_is_one);
	test_run(there_may_be_many_layers);
	test_run(one_may_be_in_another);
	test_run(what_cannot_be_had_is_named);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
