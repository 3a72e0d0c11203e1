/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Once in folders that look like control groups, to see what is written where: mkdir and rmdir treat the
 * files in them as the kernel would. Then in those of this machine, of whichever version.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "cgroup/cgroup.h"

static const char *const files_v2[] = {
	"cgroup.controllers", "cgroup.procs", "cgroup.subtree_control", "memory.max", NULL,
};
static const char *const files_v1[] = {
	"cgroup.procs", "cpuset.cpus", "cpuset.mems", "pids.max", NULL,
};
/* What a new folder gets; NULL: this is no fake. */
static const char *const *fake;
static char root[] = "/tmp/test-cgroup.XXXXXX";
static struct err err;

int __real_mkdirat(int dir, const char *name, mode_t mode);
int __wrap_mkdirat(int dir, const char *name, mode_t mode);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_rmdir(const char *name);
int __wrap_rmdir(const char *name);

static void put(int dir, const char *file, const char *text)
{
	_cleanup_close_ int fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	test_true(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
}

static void populate(int dir)
{
	for (size_t i = 0; fake[i]; i++)
		put(dir, fake[i], "");
}

int __wrap_mkdirat(int dir, const char *name, mode_t mode)
{
	int r = __real_mkdirat(dir, name, mode);

	if (r == 0 && fake) {
		_cleanup_close_ int made = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		populate(made);
	}
	return r;
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (!fake || fd < 0)
		return __real_unlinkat(dir, name, flags);
	if (fstatat(fd, "cgroup.procs", &st, 0) < 0 || st.st_size > 0) {
		errno = EBUSY;
		return -1;
	}
	for (size_t i = 0; fake[i]; i++)
		(void)__real_unlinkat(fd, fake[i], 0);
	return __real_unlinkat(dir, name, flags);
}

int __wrap_rmdir(const char *name)
{
	return fake ? unlinkat(AT_FDCWD, name, AT_REMOVEDIR) : __real_rmdir(name);
}

static struct strv begin(const char *const *files, const char *path)
{
	struct strv places = STRV_NULL;
	_cleanup_close_ int dir = -EBADF;

	fake = files;
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	test_true(mkdtemp(root));
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	populate(dir);
	strv_addf(&places, "%s/./%s", root, path);
	return places;
}

static const char *content(const char *file)
{
	static char text[256];
	_cleanup_free_ char *path = path_join(root, file), *data = NULL;

	if (file_slurp_at(AT_FDCWD, path, sizeof(text) - 1, &data, NULL) < 0)
		return "(none)";
	strcpy(text, data);
	return text;
}

static void end(struct strv *places)
{
	fake = NULL;
	test_int(path_remove_tree(AT_FDCWD, root), 0);
	strv_done(places);
}

static void version_2_hands_controllers_down(void)
{
	struct strv places = begin(files_v2, "a/b");

	test_true(cgroup_is_v2(&places));
	test_int(cgroup_make(&places, &err), 0);
	/* "+memory", and "+pids" over it: a file keeps what is not overwritten. */
	test_str(content("cgroup.subtree_control"), "+pidsry");
	test_str(content("a/cgroup.subtree_control"), "+pidsry");
	test_str(content("a/b/cgroup.subtree_control"), "");
	test_int(cgroup_set(&places, "memory.max", "4096", &err), 0);
	test_str(content("a/b/memory.max"), "4096");
	test_int(cgroup_set(&places, "cpu.max", "1", &err), -ENOENT);
	test_true(strstr(err.text, "cannot limit cpu.max"));
	test_int(cgroup_join(&places, &err), 0);
	test_str(content("a/b/cgroup.procs"), "0");
	test_str(content("a/cgroup.procs"), "");
	end(&places);
}

static void version_1_inherits_cpus_and_nodes(void)
{
	struct strv places = begin(files_v1, "a/b");
	_cleanup_close_ int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	put(dir, "cpuset.cpus", "0-3\n");
	put(dir, "cpuset.mems", "0\n");
	test_true(!cgroup_is_v2(&places));
	test_int(cgroup_make(&places, &err), 0);
	test_str(content("a/cpuset.cpus"), "0-3\n");
	test_str(content("a/b/cpuset.cpus"), "0-3\n");
	test_str(content("a/b/cpuset.mems"), "0\n");
	end(&places);
}

static void nothing_is_left_of_half_a_group(void)
{
	struct strv places = begin(files_v1, "a");
	_cleanup_close_ int dir = -EBADF;

	strv_addf(&places, "%s/./b", root);
	test_int(cgroup_make(&places, &err), 0);
	test_int(cgroup_remove(&places, 0), 0);
	test_int(cgroup_make(&places, &err), 0);
	dir = open(places.v[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(dir, "cgroup.procs", "4294967\n");
	test_int(cgroup_make(&places, &err), -EBUSY);
	test_int(access(places.v[0], F_OK), -1);
	test_str(content("b/cgroup.procs"), "4294967\n");
	end(&places);
}

static void one_in_use_is_left_alone(void)
{
	struct strv places = begin(files_v2, "a/b");
	_cleanup_close_ int dir = -EBADF;

	test_int(cgroup_make(&places, &err), 0);
	test_int(cgroup_set(&places, "memory.max", "4096", &err), 0);
	/* An empty one is made anew. */
	test_int(cgroup_make(&places, &err), 0);
	test_str(content("a/b/memory.max"), "");
	dir = open(places.v[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(dir, "cgroup.procs", "4294967\n");
	test_int(cgroup_make(&places, &err), -EBUSY);
	test_true(strstr(err.text, "somebody else's"));
	test_int(cgroup_remove(&places, 0), -EBUSY);
	test_str(content("a/b/cgroup.procs"), "4294967\n");
	put(dir, "cgroup.procs", "");
	test_int(cgroup_remove(&places, 0), 0);
	test_int(cgroup_remove(&places, 0), 0);
	test_int(cgroup_set(&places, "memory.max", "1", &err), -ENOENT);
	end(&places);
}

/* The groups of this machine that we may make, below one of our own. */
static struct strv find_real(const char *path)
{
	struct strv places = STRV_NULL;
	_cleanup_free_ char *full = xasprintf("/caisson-test-%d/%s", (int)getpid(), path);

	test_int(cgroup_places("", "caisson", &places, &err), 0);
	if (places.n > 0 && access(places.v[0], F_OK) < 0 && geteuid() == 0) {
		strv_done(&places);
		test_int(cgroup_places(full, "", &places, &err), 0);
	} else {
		strv_done(&places);
	}
	return places;
}

static struct strv find_unified(void)
{
	struct strv places = STRV_NULL;
	struct statfs fs;

	if (statfs("/sys/fs/cgroup/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		strv_addf(&places, "/sys/fs/cgroup/unified/./caisson-test-%d/a", (int)getpid());
	return places;
}

static pid_t start_in(const struct strv *places)
{
	int fds[2];
	pid_t pid;
	char byte;

	test_int(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		byte = cgroup_join(places, &err) == 0 ? 'y' : 'n';
		(void)!write(fds[1], &byte, 1);
		for (;;)
			(void)pause();
	}
	test_int(read(fds[0], &byte, 1), 1);
	test_int(byte, 'y');
	fd_close(fds[0]);
	fd_close(fds[1]);
	return pid;
}

static bool is_in(pid_t pid, const char *place)
{
	_cleanup_free_ char *file = xasprintf("/proc/%d/cgroup", (int)pid), *text = NULL;

	test_int(file_slurp_at(AT_FDCWD, file, 65536, &text, NULL), 0);
	return strstr(text, strstr(place, "/./") + 2);
}

static void remove_above(const struct strv *places)
{
	for (size_t i = 0; i < places->n; i++) {
		*strrchr(places->v[i], '/') = '\0';
		test_int(rmdir(places->v[i]), 0);
	}
}

/* Killed, and not reaped: as who removes a group finds the processes of it. */
static void live(struct strv *places)
{
	pid_t pid;

	test_int(cgroup_make(places, &err), 0);
	pid = start_in(places);
	for (size_t i = 0; i < places->n; i++)
		test_true(is_in(pid, places->v[i]));
	test_int(cgroup_make(places, &err), -EBUSY);
	test_int(cgroup_remove(places, 0), -EBUSY);
	test_true(cgroup_leave(places, pid));
	test_true(!is_in(pid, places->v[0]) && !cgroup_leave(places, pid));
	test_int(cgroup_remove(places, 0), 0);
	test_int(kill(pid, SIGKILL), 0);
	test_int(waitpid(pid, NULL, 0), pid);
	test_int(cgroup_make(places, &err), 0);
	pid = start_in(places);
	test_int(kill(pid, SIGKILL), 0);
	test_int(cgroup_remove(places, 60000), 0);
	test_int(waitpid(pid, NULL, 0), pid);
	for (size_t i = 0; i < places->n; i++)
		test_int(access(places->v[i], F_OK), -1);
	test_int(cgroup_make(places, &err), 0);
	pid = fork();
	if (pid == 0) {
		/* Who is not in it stays where it is. */
		test_true(!cgroup_leave(places, getpid()));
		test_int(cgroup_join(places, &err), 0);
		test_true(is_in(getpid(), places->v[0]));
		test_true(cgroup_leave(places, getpid()));
		_exit(cgroup_remove(places, 0) == 0 ? 0 : 1);
	}
	test_int(waitpid(pid, &err.code, 0), pid);
	test_int(err.code, 0);
	remove_above(places);
}

static void real_groups_are_made_entered_and_removed(void)
{
	struct strv places = find_real("a");

	if (places.n > 0)
		live(&places);
	strv_done(&places);
	places = find_unified();
	if (places.n > 0)
		live(&places);
	strv_done(&places);
}

static void real_limits_are_set(void)
{
	struct strv places = find_real("a");
	const char *memory = cgroup_is_v2(&places) ? "memory.max" : "memory.limit_in_bytes";

	if (places.n == 0)
		return;
	test_int(cgroup_make(&places, &err), 0);
	test_int(cgroup_set(&places, memory, "67108864", &err), 0);
	test_int(cgroup_set(&places, "pids.max", "77", &err), 0);
	test_int(cgroup_set(&places, "pids.max", "many", &err), -EINVAL);
	test_true(strstr(err.text, "pids.max"));
	test_int(cgroup_remove(&places, 0), 0);
	remove_above(&places);
	strv_done(&places);
}

int main(void)
{
	test_run(version_2_hands_controllers_down);
	test_run(version_1_inherits_cpus_and_nodes);
	test_run(nothing_is_left_of_half_a_group);
	test_run(one_in_use_is_left_alone);
	test_run(real_groups_are_made_entered_and_removed);
	test_run(real_limits_are_set);
	return 0;
}
