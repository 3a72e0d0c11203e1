/* SPDX-License-Identifier: Apache-2.0 */
/* What several containers have in common in the share, as whoever serves that sees it. */
#include "sandbox/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "sandbox/rootfs.h"

static char folder[] = "/tmp/test-sources-XXXXXX";
static struct proc server = PROC_NULL;
static struct sources sources;
static struct source_uses one = {.sources = &sources}, two = {.sources = &sources},
			  three = {.sources = &sources};
/* Of what may be written to, and what not, to follow the host or not. */
static const struct volume rw = {.source = "/v"}, ro = {.source = "/v", .readonly = true},
			   rw_follows = {.source = "/v", .follows = true};

static char *path_to(const char *name)
{
	return path_join(folder, name);
}

static void make_folder(const char *name)
{
	_cleanup_free_ char *path = path_to(name);

	test_int(mkdir(path, 0700), 0);
}

static void make_file(const char *name)
{
	_cleanup_free_ char *path = path_to(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	test_true(fd >= 0);
	fd_close(fd);
}

static int serve(const char *share, int ready)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount(share, share, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(share) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    write(ready, "", 1) != 1)
		return 1;
	for (;;)
		(void)pause();
}

static void start_server(const char *share)
{
	int ready[2];
	char byte;

	test_int(pipe2(ready, O_CLOEXEC), 0);
	server.pid = fork();
	if (server.pid == 0)
		exit(serve(share, ready[1]));
	fd_close(ready[1]);
	test_int(read(ready[0], &byte, 1), 1);
	fd_close(ready[0]);
}

static char *served(unsigned int number, const char *rest)
{
	return xasprintf("/proc/%d/root/" SHARE_IN_COMMON "/%u%s", (int)server.pid, number, rest);
}

/* Whether it may be written to there: 0, or why not. */
static int open_served(unsigned int number, const char *rest, int flags)
{
	_cleanup_free_ char *path = served(number, rest);
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int try(unsigned int number, const char *rest, int flags)
{
	int fd = open_served(number, rest, flags);

	if (fd < 0)
		return fd;
	fd_close(fd);
	return 0;
}

static int use(struct source_uses *uses, const char *name, const struct volume *volume,
	       unsigned int *ret)
{
	_cleanup_free_ char *path = path_to(name);
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	test_true(fd >= 0);
	return sources_use(uses, fd, volume, ret, NULL);
}

static unsigned int have(struct source_uses *uses, const char *name, const struct volume *volume)
{
	unsigned int number = 0;

	test_int(use(uses, name, volume, &number), 0);
	return number;
}

static void expect_gone(unsigned int number)
{
	_cleanup_free_ char *path = served(number, "");

	test_int(access(path, F_OK) == 0 ? 0 : -errno, -ENOENT);
}

static void one_mount_until_the_last_has_left(void)
{
	unsigned int number = have(&one, "a", &rw);

	test_int(have(&two, "a", &rw), number);
	test_int(have(&two, "a", &rw), number);
	test_true(have(&two, "a/file", &rw) != number);
	test_int(try(number, "/file", O_RDWR), 0);
	sources_leave(&one);
	sources_leave(&one);
	test_int(try(number, "/file", O_RDWR), 0);
	sources_leave(&two);
	expect_gone(number);
	expect_gone(number + 1);
	test_true(have(&one, "a", &rw) > number + 1);
	sources_leave(&one);
}

static void written_to_as_long_as_somebody_may(void)
{
	unsigned int number = have(&one, "a", &ro);

	test_int(try(number, "/file", O_RDONLY), 0);
	test_int(try(number, "/file", O_RDWR), -EROFS);
	test_int(have(&two, "a", &rw), number);
	test_int(try(number, "/file", O_RDWR), 0);
	test_int(have(&three, "a", &ro), number);
	sources_leave(&two);
	test_int(try(number, "/file", O_RDWR), -EROFS);
	sources_leave(&one);
	test_int(try(number, "/file", O_RDONLY), 0);
	sources_leave(&three);
	expect_gone(number);
}

static void who_writes_still_is_not_cut_off(void)
{
	unsigned int number = have(&one, "a", &ro), other;
	int fd;

	(void)have(&two, "a", &rw);
	other = have(&three, "b", &rw);
	fd = open_served(number, "/file", O_RDWR);
	test_true(fd >= 0);
	sources_leave(&two);
	test_int(try(number, "/file", O_RDWR), 0);
	fd_close(fd);
	sources_leave(&three);
	test_int(try(number, "/file", O_RDWR), -EROFS);
	expect_gone(other);
	sources_leave(&one);
}

/* Whoever serves it knows files, and may open them otherwise than by the place. */
static void what_was_looked_at_is_not_written_to_later(void)
{
	unsigned int number = have(&one, "a", &rw);
	_cleanup_close_ int known = open_served(number, "/file", O_PATH);
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", known);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	test_true(known >= 0 && fd >= 0);
	sources_leave(&one);
	test_int(try(number, "/file", O_RDWR), 0);
	fd = fd_close(fd);
	(void)have(&two, "b", &rw);
	sources_leave(&two);
	expect_gone(number);
	test_int(open(path, O_RDWR | O_CLOEXEC) < 0 ? -errno : 0, -EROFS);
}

/* It has not gone then, and is nobody else's. */
static void one_that_stays_for_a_writer_is_had_again(void)
{
	unsigned int number = have(&one, "a", &rw);
	int fd = open_served(number, "/file", O_RDWR);

	test_true(fd >= 0);
	sources_leave(&one);
	test_int(have(&two, "a", &ro), number);
	fd_close(fd);
	sources_leave(&two);
	expect_gone(number);
}

static void a_part(void)
{
	_cleanup_free_ char *places = path_to("places/7"), *place = path_to("share/7");
	_cleanup_free_ char *a = path_to("a"), *name = xasprintf("%s/file", place);
	_cleanup_free_ char *theirs = xasprintf("/proc/%d/root/7/file", (int)server.pid);
	_cleanup_close_ int known = -EBADF;

	test_int(mkdir(places, 0700), 0);
	test_int(mount(a, place, NULL, MS_BIND, NULL), 0);
	known = open(theirs, O_RDWR | O_CLOEXEC);
	test_true(known >= 0);
	test_int(sources_protect(&sources, "7"), -EBUSY);
	known = fd_close(known);
	test_int(sources_protect(&sources, "7"), 0);
	test_int(open(theirs, O_RDWR | O_CLOEXEC) < 0 ? -errno : 0, -EROFS);
	test_int(access(name, W_OK), 0);
	test_int(umount(place), 0);
	test_int(rmdir(places), 0);
}

static void files(void)
{
	unsigned int number = have(&one, "a/file", &ro);

	test_int(have(&two, "a/file", &ro), number);
	test_int(try(number, "", O_RDWR), -EROFS);
	test_int(have(&three, "a/file", &rw), number);
	test_int(try(number, "", O_RDWR), 0);
	sources_leave(&one);
	sources_leave(&two);
	sources_leave(&three);
	expect_gone(number);
}

/* Where the host has it read only, nobody makes it anything else. */
static void read_only_on_the_host(void)
{
	_cleanup_free_ char *a = path_to("a"), *b = path_to("b");
	unsigned int number;

	test_int(mount(a, b, NULL, MS_BIND, NULL), 0);
	test_int(mount(NULL, b, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	number = have(&one, "a", &rw);
	test_true(have(&two, "b", &ro) != number);
	test_int(have(&three, "b", &rw), number + 1);
	test_int(try(number, "/file", O_RDWR), 0);
	test_int(try(number + 1, "/file", O_RDWR), -EROFS);
	sources_leave(&one);
	sources_leave(&two);
	sources_leave(&three);
	test_int(umount(b), 0);
}

/* What is mounted on the host later shows where that was asked for. */
static void following_the_host(void)
{
	_cleanup_free_ char *a = path_to("shared/a"), *below = path_to("shared/a/below");
	unsigned int stays = have(&one, "shared/a", &rw);
	unsigned int follows = have(&two, "shared/a", &rw_follows);

	test_true(stays != follows);
	test_int(mount("test", below, "tmpfs", 0, NULL), 0);
	make_file("shared/a/below/inner");
	test_int(try(stays, "/below/inner", O_RDONLY), -ENOENT);
	test_int(try(follows, "/below/inner", O_RDONLY), 0);
	test_int(umount(below), 0);
	test_int(try(follows, "/below/inner", O_RDONLY), -ENOENT);
	sources_leave(&one);
	sources_leave(&two);
}

/* They could lead anywhere. */
static void nobody_else_makes_names_there(void)
{
	_cleanup_free_ char *place = served(sources.numbers + 1, ""), *moved = served(0, "");
	unsigned int number;

	test_int(mkdir(place, 0700) < 0 ? -errno : 0, -EROFS);
	test_int(symlink(folder, place) < 0 ? -errno : 0, -EROFS);
	number = have(&one, "a", &rw);
	test_int(try(number, "/file", O_RDWR), 0);
	test_int(rename(place, moved) < 0 ? -errno : 0, -EROFS);
	sources_leave(&one);
	expect_gone(number);
}

/* The same folder, but not the same things are mounted in it. */
static void what_is_mounted_in_it_counts(void)
{
	_cleanup_free_ char *a = path_to("shared/a"), *b = path_to("b");
	_cleanup_free_ char *below = path_to("shared/a/below");
	unsigned int number;

	test_int(mount(a, b, NULL, MS_BIND, NULL), 0);
	test_int(mount(NULL, b, NULL, MS_PRIVATE, NULL), 0);
	number = have(&one, "shared/a", &rw);
	test_int(have(&two, "b", &rw), number);
	sources_leave(&one);
	sources_leave(&two);
	test_int(mount("test", below, "tmpfs", 0, NULL), 0);
	make_file("shared/a/below/inner");
	number = have(&one, "b", &rw);
	test_true(have(&two, "shared/a", &rw) != number);
	test_int(have(&three, "shared/a", &ro), number + 1);
	test_int(try(number, "/below/inner", O_RDONLY), -ENOENT);
	test_int(try(number + 1, "/below/inner", O_RDONLY), 0);
	sources_leave(&one);
	sources_leave(&two);
	sources_leave(&three);
	test_int(umount(below), 0);
	test_int(umount(b), 0);
}

/* We have only one loop. */
static void a_file_system_that_does_not_answer(void)
{
	_cleanup_close_ int silent = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	_cleanup_free_ char *options =
		xasprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", silent);
	_cleanup_free_ char *b = path_to("b");

	if (silent < 0 || mount("test", b, "fuse", MS_NOEXEC, options) < 0) {
		puts("the kernel has no FUSE");
		return;
	}
	(void)have(&one, "b", &ro);
	test_true(one.v[0].source->noexec && one.v[0].source->folder);
	sources_leave(&one);
	test_int(umount2(b, MNT_DETACH), 0);
}

/* As a VM does: whoever is left leaves after that, and there is nothing to complain about. */
static void the_vm_may_end_first(void)
{
	struct proc had = server;
	int said[2];
	char c;

	(void)have(&one, "a", &rw);
	(void)have(&two, "a", &ro);
	two.v[0].source->asked = 1;
	test_int(pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
	log_init("test", said[1], LOG_LEVEL_WARN);
	server = (struct proc)PROC_NULL;
	sources_done(&sources);
	sources_leave(&one);
	sources_leave(&two);
	test_true(list_empty(&sources.all) && list_empty(&sources.gone));
	test_int(read(said[0], &c, 1), -1);
	server = had;
	log_init("test", STDERR_FILENO, LOG_LEVEL_WARN);
	fd_close(said[0]);
	fd_close(said[1]);
}

static void make_share(void)
{
	_cleanup_free_ char *share = path_to("share"), *shared = path_to("shared");
	_cleanup_free_ char *places = path_to("places");
	struct err err = ERR_NULL;

	if (rootfs_private_mounts(&err) < 0)
		test_fail("%s", err.text);
	test_int(mount("test", shared, "tmpfs", 0, NULL), 0);
	test_int(mount(NULL, shared, NULL, MS_SHARED, NULL), 0);
	make_folder("shared/a");
	make_folder("shared/a/below");
	test_int(mount("test", share, "tmpfs", 0, NULL), 0);
	test_int(mount(share, places, NULL, MS_BIND, NULL), 0);
	test_int(mount(NULL, share, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	test_int(mount(NULL, share, NULL, MS_SHARED, NULL), 0);
	if (sources_make(&sources, share, places, &err) < 0)
		test_fail("%s", err.text);
	start_server(share);
}

static void tests(void)
{
	int status;

	sources_init(&sources, &server);
	make_share();
	test_run(one_mount_until_the_last_has_left);
	test_run(written_to_as_long_as_somebody_may);
	test_run(who_writes_still_is_not_cut_off);
	test_run(what_was_looked_at_is_not_written_to_later);
	test_run(one_that_stays_for_a_writer_is_had_again);
	test_run(a_part);
	test_run(files);
	test_run(read_only_on_the_host);
	test_run(following_the_host);
	test_run(what_is_mounted_in_it_counts);
	test_run(a_file_system_that_does_not_answer);
	test_run(nobody_else_makes_names_there);
	test_run(the_vm_may_end_first);
	test_int(kill(server.pid, SIGKILL), 0);
	test_int(waitpid(server.pid, &status, 0), server.pid);
}

int main(void)
{
	int status;

	if (!test_is_root())
		return TEST_SKIPPED;
	test_true(mkdtemp(folder));
	make_folder("a");
	make_file("a/file");
	make_folder("b");
	make_file("b/file");
	make_folder("share");
	make_folder("places");
	make_folder("shared");
	status = test_in_child(tests);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return status;
}
