/* SPDX-License-Identifier: Apache-2.0 */
/* What is mounted in the share while somebody else serves it, in a mount namespace that is a slave of ours. */
#include "sandbox/share.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char folder[] = "/tmp/test-share-XXXXXX";
static struct record record = RECORD_NULL;
static struct sandbox_spec first = SANDBOX_SPEC_NULL, later = SANDBOX_SPEC_NULL;
static pid_t server;

static void make_folder(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(folder, name), *file = path_join(path, "file");
	_cleanup_close_ int fd = -EBADF;

	test_int(mkdir(path, 0700), 0);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	test_true(fd >= 0);
	test_int(fd_write_full(fd, text, strlen(text)), 0);
}

static void make_spec(struct sandbox_spec *spec, uint32_t part, const char *rootfs)
{
	sandbox_spec_done(spec);
	spec->part = part;
	spec->rootfs_mode = xstrdup("virtiofs");
	spec->bundle = xstrdup(folder);
	spec->rootfs = path_join(folder, rootfs);
}

static void add_volume(struct sandbox_spec *spec, const char *form, const char *source)
{
	strv_addf(&spec->volumes, "%s%s", form, source);
	strv_addf(&spec->volume_targets, "/v%zu", spec->volumes.n);
}

/* Where the other one has @path of the share, a new string */
static char *served(const char *path)
{
	return xasprintf("/proc/%d/root%s/" SHARE_FOLDER "/%s", (int)server, record.run_path, path);
}

/* What it has there; @text: NULL: nothing */
static void expect_served(const char *path, const char *text)
{
	_cleanup_free_ char *whole = served(path);
	_cleanup_free_ char *have = NULL;
	int r = file_slurp_at(AT_FDCWD, whole, 100, &have, NULL);

	test_int(r, text ? 0 : -ENOENT);
	if (text)
		test_str(have, text);
}

static int open_served(const char *path)
{
	_cleanup_free_ char *whole = served(path);
	int fd = open(whole, O_PATH | O_DIRECTORY | O_CLOEXEC);

	test_true(fd >= 0);
	return fd;
}

static void expect_text_written(const char *path)
{
	_cleanup_free_ char *whole = served(path);
	_cleanup_close_ int fd = open(whole, O_WRONLY | O_TRUNC | O_CLOEXEC);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, "others", 6), 0);
	expect_served(path, "others");
}

static void expect_no_file(const char *in, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", folder, in, name);

	test_int(access(path, F_OK) == 0 ? 0 : -errno, -ENOENT);
}

static void serve(void)
{
	int ready[2];
	char byte;

	test_int(pipe2(ready, O_CLOEXEC), 0);
	server = fork();
	if (server == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
		    write(ready[1], "", 1) != 1)
			exit(1);
		for (;;)
			(void)pause();
	}
	fd_close(ready[1]);
	test_int(read(ready[0], &byte, 1), 1);
	fd_close(ready[0]);
}

static void the_first_has_no_number(void)
{
	_cleanup_close_ int rootfs = -EBADF;
	struct err err = ERR_NULL;

	make_spec(&first, 0, "a");
	if (share_make(&record, &first, NULL, &err) < 0 ||
	    share_add(&record, &record, &first, NULL, &err) < 0)
		test_fail("%s", err.text);
	serve();
	expect_served("rootfs/file", "of a");
	rootfs = share_open_rootfs(&record, &first);
	test_true(rootfs >= 0);
	share_remove(&record, &first, NULL);
	expect_served("rootfs/file", "of a");
}

static void a_part_comes_and_goes(void)
{
	_cleanup_free_ char *volume = path_join(folder, "a");
	_cleanup_close_ int known = -EBADF, text = -EBADF;
	struct err err = ERR_NULL;

	make_spec(&later, 3, "b");
	add_volume(&later, "ro:", volume);
	add_volume(&later, "text:", "words");
	if (share_add(&record, &record, &later, NULL, &err) < 0)
		test_fail("%s", err.text);
	expect_served("3/rootfs/file", "of b");
	expect_served("3/volumes/0/file", "of a");
	expect_served("3/volumes/1", "words");
	text = share_open_volume(&record, &later, 1);
	test_true(text >= 0);
	expect_no_file("run", SHARE_NEXT);
	known = open_served("3");
	share_remove(&record, &later, NULL);
	/* Who knows the part's folder has nothing of what was in it. */
	test_int(openat(known, "rootfs/file", O_PATH | O_CLOEXEC) < 0 ? -errno : 0, -ENOENT);
	expect_served("3/rootfs/file", NULL);
	expect_no_file("run/" SHARE_FOLDER, "3");
	expect_served("rootfs/file", "of a");
}

static void a_failure_leaves_nothing(void)
{
	struct err err = ERR_NULL;

	make_spec(&later, 4, "b");
	add_volume(&later, "rw:", "/nowhere");
	test_int(share_add(&record, &record, &later, NULL, &err), -ENOENT);
	test_true(strstr(err.text, "/nowhere"));
	expect_no_file("run", SHARE_NEXT);
	expect_no_file("run/" SHARE_FOLDER, "4");
}

/* Return: 0, or why whoever serves it cannot make a folder of that name. */
static int make_served(const char *path)
{
	_cleanup_free_ char *whole = served(path);

	return mkdir(whole, 0700) < 0 ? -errno : 0;
}

/* They would be followed, or mounted on. */
static void nobody_else_makes_names_there(void)
{
	_cleanup_free_ char *from = served("6"), *to = served("rootfs");
	struct err err = ERR_NULL;

	make_spec(&later, 6, "b");
	add_volume(&later, "text:", "words");
	if (share_add(&record, &record, &later, NULL, &err) < 0)
		test_fail("%s", err.text);
	test_int(make_served("7"), -EROFS);
	test_int(make_served("6/other"), -EROFS);
	test_int(make_served("6/volumes/other"), -EROFS);
	test_int(rename(from, to) < 0 ? -errno : 0, -EROFS);
	/* What is mounted there is written to as before. */
	test_int(make_served("6/rootfs/other"), 0);
	expect_text_written("6/volumes/0");
	share_remove(&record, &later, NULL);
	expect_no_file("run/" SHARE_FOLDER, "6");
}

/* Where something is mounted nobody can have put anything else. */
static void what_is_not_mounted_is_not_found(void)
{
	_cleanup_free_ char *place = xasprintf("%s/" SHARE_PLACES "/7", record.run_path);
	_cleanup_free_ char *rootfs = path_join(place, SHARE_IN_ROOTFS);

	make_spec(&later, 7, "b");
	add_volume(&later, "rw:", "/nowhere");
	test_int(mkdir(place, 0700), 0);
	test_int(symlink("/", rootfs), 0);
	test_int(share_open_rootfs(&record, &later), -ELOOP);
	test_int(unlink(rootfs), 0);
	test_int(mkdir(rootfs, 0700), 0);
	test_int(share_open_rootfs(&record, &later), -ENOENT);
	test_int(share_open_volume(&record, &later, 0), -ENOENT);
	test_int(rmdir(rootfs), 0);
	test_int(rmdir(place), 0);
}

/* In a process of its own, whose parent's parent has never left it. */
static void mount_outside(const char *name, const char *text)
{
	_cleanup_free_ char *ns = xasprintf("/proc/%d/ns/mnt", (int)getppid());
	_cleanup_free_ char *path = path_join(folder, name), *file = path_join(path, "file");
	_cleanup_close_ int fd = open(ns, O_RDONLY | O_CLOEXEC);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setns(fd, CLONE_NEWNS) < 0 || mount("test", path, "tmpfs", 0, NULL) < 0)
			_exit(1);
		fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		_exit(fd_write_full(fd, text, strlen(text)) < 0 || fd < 0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
}

/* Where mounts are not shared nobody tells our namespace of them. */
static void what_is_mounted_outside_later_is_found(void)
{
	_cleanup_free_ char *volume = path_join(folder, "c"), *below = path_join(volume, "file");
	struct err err = ERR_NULL;

	mount_outside("c", "of outside");
	make_spec(&later, 8, "b");
	add_volume(&later, "rw:", volume);
	add_volume(&later, "ro:", below);
	if (share_add(&record, &record, &later, NULL, &err) < 0)
		test_fail("%s", err.text);
	expect_served("8/volumes/0/file", "of outside");
	expect_served("8/volumes/1", "of outside");
	expect_no_file("run", SHARE_OUTSIDE);
	share_remove(&record, &later, NULL);
}

static void tests(void)
{
	int status;

	test_run(the_first_has_no_number);
	test_run(a_part_comes_and_goes);
	test_run(a_failure_leaves_nothing);
	test_run(nobody_else_makes_names_there);
	test_run(what_is_not_mounted_is_not_found);
	test_run(what_is_mounted_outside_later_is_found);
	test_int(kill(server, SIGKILL), 0);
	test_int(waitpid(server, &status, 0), server);
	sandbox_spec_done(&first);
	sandbox_spec_done(&later);
}

int main(void)
{
	_cleanup_free_ char *volume = NULL;
	int status;

	if (!test_is_root())
		return TEST_SKIPPED;
	test_int(unshare(CLONE_NEWNS), 0);
	test_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	test_true(mkdtemp(folder));
	make_folder("a", "of a");
	make_folder("b", "of b");
	make_folder("c", "of c");
	make_folder("run", "");
	record.run_path = path_join(folder, "run");
	record.dir_path = xstrdup(folder);
	status = test_in_child(tests);
	volume = path_join(folder, "c");
	test_int(umount2(volume, MNT_DETACH), 0);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	free(record.run_path);
	free(record.dir_path);
	return status;
}
