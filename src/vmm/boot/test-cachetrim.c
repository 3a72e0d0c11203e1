/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/cachetrim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

#define KIB UINT64_C(1024)

static char dir[] = "/tmp/caisson-test.XXXXXX";
static int folder;

static void used_at(const char *name, time_t seconds)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds}};

	test_int(utimensat(folder, name, times, 0), 0);
}

/* A file of so many KiB, used at that time. */
static void make(const char *name, size_t kib, time_t seconds)
{
	_cleanup_free_ char *data = xcalloc(kib + 1, KIB);
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	test_true(fd >= 0);
	memset(data, 'x', kib * KIB);
	test_int(fd_write_full(fd, data, kib * KIB), 0);
	/* Its size on the disk is known then. */
	test_int(fsync(fd), 0);
	fd_close(fd);
	used_at(name, seconds);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_no_dot(const struct dirent *de)
{
	return strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0;
}

/* What is there, as "a.img b.img"; and it is removed. */
static void there_is(const char *want)
{
	struct dirent **list;
	char have[512] = "";
	int n = scandir(dir, &list, is_no_dot, by_name);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(have);

		(void)snprintf(have + len, sizeof(have) - len, "%s%s", i > 0 ? " " : "",
			       list[i]->d_name);
		(void)unlinkat(folder, list[i]->d_name, 0);
		free(list[i]);
	}
	free(list);
	test_str(have, want);
}

static void trim(size_t files, uint64_t kib)
{
	const struct cache_limits limits = {files, kib * KIB};

	cache_trim(folder, ".img", &limits);
}

static void make_four(void)
{
	make("a.img", 100, 30);
	make("b.img", 100, 10);
	make("c.img", 100, 40);
	make("d.img", 100, 20);
}

static void what_fits_stays(void)
{
	make_four();
	trim(4, 1024);
	there_is("a.img b.img c.img d.img");
}

static void too_many(void)
{
	make_four();
	trim(2, 1024);
	there_is("a.img c.img");
	make_four();
	trim(0, 1024);
	there_is("");
}

static void too_large(void)
{
	make_four();
	trim(100, 350);
	there_is("a.img c.img d.img");
	make_four();
	trim(100, 150);
	there_is("c.img");
}

/* Holes take no room. */
static void sparse_files_are_small(void)
{
	int fd;

	make_four();
	fd = openat(folder, "a.img", O_WRONLY | O_CLOEXEC);
	test_int(ftruncate(fd, 100 << 20), 0);
	fd_close(fd);
	used_at("a.img", 30);
	trim(4, 1024);
	there_is("a.img b.img c.img d.img");
}

static void using_counts(void)
{
	make_four();
	fd_close(cache_use(folder, "b.img"));
	trim(2, 1024);
	there_is("b.img c.img");
}

static void what_is_in_use_stays(void)
{
	int b, copy;

	make_four();
	b = cache_use(folder, "b.img");
	test_true(b >= 0);
	used_at("b.img", 10);
	trim(1, 1024);
	there_is("b.img");
	fd_close(b);
	/* As long as anybody has it who was given it. */
	make_four();
	b = cache_use(folder, "b.img");
	copy = fcntl(b, F_DUPFD_CLOEXEC, 0);
	fd_close(b);
	trim(0, 0);
	test_int(faccessat(folder, "b.img", F_OK, 0), 0);
	fd_close(copy);
	trim(0, 0);
	there_is("");
}

/* A VM has it, and whoever made that has gone. */
static void a_process_may_have_it(void)
{
	int b, status;
	pid_t pid;

	make_four();
	b = cache_use(folder, "b.img");
	pid = fork();
	if (pid == 0)
		_exit(pause());
	fd_close(b);
	trim(0, 0);
	test_int(faccessat(folder, "b.img", F_OK, 0), 0);
	test_int(kill(pid, SIGKILL), 0);
	test_int(waitpid(pid, &status, 0), pid);
	trim(0, 0);
	there_is("");
}

static void what_is_gone_is_gone(void)
{
	test_int(cache_use(folder, "none.img"), -ENOENT);
	test_int(symlinkat("/etc/passwd", folder, "link.img"), 0);
	test_int(cache_use(folder, "link.img"), -ELOOP);
	trim(0, 0);
	there_is("link.img");
}

/* Whoever has the lock for it is not waited for: it is made anew, which nobody has locked. */
static void what_is_being_removed_is_gone(void)
{
	int remover, user;

	make("a.img", 1, 10);
	remover = openat(folder, "a.img", O_RDONLY | O_CLOEXEC);
	test_int(flock(remover, LOCK_EX), 0);
	test_int(cache_use(folder, "a.img"), -ENOENT);
	make("new", 1, 10);
	test_int(renameat(folder, "new", folder, "a.img"), 0);
	user = cache_use(folder, "a.img");
	test_true(user >= 0);
	fd_close(user);
	fd_close(remover);
	there_is("a.img");
}

static void what_was_left_goes(void)
{
	make(".tmp-1-0", 1, 10);
	make(".tmp-2-0", 1, time(NULL));
	make("other", 1, 10);
	make("a.img", 1, 10);
	trim(4, 1024);
	there_is(".tmp-2-0 a.img other");
}

/* Two would remove twice as much. */
static void one_does_it(void)
{
	int other = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make_four();
	test_int(flock(other, LOCK_EX), 0);
	trim(0, 0);
	fd_close(other);
	there_is("a.img b.img c.img d.img");
}

int main(void)
{
	test_true(mkdtemp(dir) != NULL);
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_run(what_fits_stays);
	test_run(too_many);
	test_run(too_large);
	test_run(sparse_files_are_small);
	test_run(using_counts);
	test_run(what_is_in_use_stays);
	test_run(a_process_may_have_it);
	test_run(what_is_gone_is_gone);
	test_run(what_is_being_removed_is_gone);
	test_run(what_was_left_goes);
	test_run(one_does_it);
	fd_close(folder);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
