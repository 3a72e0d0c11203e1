/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"

#define ROOT_MARK  "/./"
#define PROCS	   "cgroup.procs"
#define PROCS_MAX  (1u << 20)
#define CPUSET_MAX 4096
#define YIELDS_MAX 1000

/* Of version 2, those that limits are made of. */
static const char *const controllers[] = {"+cpu", "+cpuset", "+io", "+memory", "+pids"};

static int open_folder(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* @ret_rest: the group's path below it, without a "/" in front */
static int open_root(const char *place, const char **ret_rest)
{
	const char *mark = strstr(place, ROOT_MARK);
	_cleanup_free_ char *root = NULL;

	if (!mark)
		return -EINVAL;
	*ret_rest = mark + strlen(ROOT_MARK);
	root = xstrndup(place, (size_t)(mark - place) + 1);
	return open_folder(AT_FDCWD, root);
}

static int write_file(int dir, const char *file, const char *value)
{
	_cleanup_close_ int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

bool cgroup_is_v2(const struct strv *places)
{
	const char *rest;
	_cleanup_close_ int root = places->n == 1 ? open_root(places->v[0], &rest) : -EBADF;

	return root >= 0 && faccessat(root, "cgroup.controllers", F_OK, 0) == 0;
}

/* What a group does not have it cannot hand down: who sets such a limit will see. */
static void hand_down(int dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		(void)write_file(dir, "cgroup.subtree_control", controllers[i]);
}

/* Of version 1: a new group may use no CPU and no memory, and so take no process. */
static int inherit(int parent, int dir, const char *file)
{
	_cleanup_free_ char *have = NULL, *wanted = NULL;
	int r = file_slurp_at(dir, file, CPUSET_MAX, &have, NULL);

	if (r < 0 || strspn(have, "\n") < strlen(have))
		return r == -ENOENT ? 0 : r;
	r = file_slurp_at(parent, file, CPUSET_MAX, &wanted, NULL);
	return r < 0 ? r : write_file(dir, file, wanted);
}

static int make_last(int dir, const char *name)
{
	if (mkdirat(dir, name, 0755) == 0)
		return 0;
	/* Only an empty one goes. So of two who want the same at once only one gets it. */
	if (errno == EEXIST && unlinkat(dir, name, AT_REMOVEDIR) == 0 &&
	    mkdirat(dir, name, 0755) == 0)
		return 0;
	return errno == EEXIST || errno == ENOTEMPTY ? -EBUSY : -errno;
}

static int make_below(int dir, const char *name, bool last, bool v2)
{
	_cleanup_close_ int below = -EBADF;
	int r = 0;

	if (v2)
		hand_down(dir);
	if (last)
		r = make_last(dir, name);
	else if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = below = open_folder(dir, name);
	if (r >= 0 && !v2)
		r = inherit(dir, below, "cpuset.cpus");
	if (r >= 0 && !v2)
		r = inherit(dir, below, "cpuset.mems");
	return r < 0 ? r : take_fd(below);
}

static int make_place(const char *place, bool v2, struct err *err)
{
	const char *rest = "";
	_cleanup_close_ int dir = open_root(place, &rest);
	_cleanup_free_ char *path = xstrdup(rest);
	char *at = path, *name;

	while (dir >= 0 && (name = strsep(&at, "/"))) {
		int below = make_below(dir, name, !at, v2);

		fd_close(dir);
		dir = below;
	}
	if (dir == -EBUSY)
		return err_set(err, dir,
			       "the control group %s is somebody else's: there are processes or "
			       "groups in it",
			       place);
	return dir < 0 ? err_errno(err, dir, "cannot make the control group %s", place) : 0;
}

int cgroup_make(const struct strv *places, struct err *err)
{
	const bool v2 = cgroup_is_v2(places);
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < places->n; i++)
		r = make_place(places->v[i], v2, err);
	/* Nor is what somebody else has ours to remove. */
	if (r < 0)
		for (i--; i-- > 0;)
			(void)rmdir(places->v[i]);
	return r;
}

int cgroup_set(const struct strv *places, const char *file, const char *value, struct err *err)
{
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < places->n; i++) {
		_cleanup_close_ int dir = open_folder(AT_FDCWD, places->v[i]);

		r = dir < 0 ? dir : write_file(dir, file, value);
		if (r < 0 && r != -ENOENT)
			return err_errno(err, r, "cannot set %s to \"%.64s\" in %s", file, value,
					 places->v[i]);
	}
	if (r < 0 && places->n > 0)
		return err_set(err, r,
			       "cannot limit %s: this machine's control groups, or the one above "
			       "%s, do not have it",
			       file, places->v[0]);
	return r;
}

int cgroup_join(const struct strv *places, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < places->n; i++) {
		_cleanup_close_ int dir = open_folder(AT_FDCWD, places->v[i]);

		r = dir < 0 ? dir : write_file(dir, PROCS, "0");
		if (r < 0)
			return err_errno(err, r, "cannot enter the control group %s", places->v[i]);
	}
	return r;
}

/* Return: the first of the processes in the group that is, or with @not is not, @pid; 0: none */
static pid_t find_process(int dir, pid_t pid, bool not )
{
	_cleanup_free_ char *text = NULL;
	char *at, *line;
	uint32_t n;

	if (dir < 0 || file_slurp_at(dir, PROCS, PROCS_MAX, &text, NULL) < 0)
		return 0;
	for (at = text; (line = strsep(&at, "\n"));)
		if (parse_u32(line, 1, INT32_MAX, &n) == 0 && ((pid_t)n == pid) != not )
			return (pid_t)n;
	return 0;
}

bool cgroup_leave(const struct strv *places, pid_t pid)
{
	_cleanup_free_ char *number = xasprintf("%d", (int)pid);
	bool was_in = false;

	for (size_t i = 0; i < places->n; i++) {
		_cleanup_close_ int dir = open_folder(AT_FDCWD, places->v[i]);
		const char *rest;
		_cleanup_close_ int root = open_root(places->v[i], &rest);

		if (root < 0 || !find_process(dir, pid, false))
			continue;
		was_in = true;
		(void)write_file(root, PROCS, number);
	}
	return was_in;
}

/* Return: false: there is nobody to wait for */
static bool await_process(const char *place, uint64_t until)
{
	_cleanup_close_ int dir = open_folder(AT_FDCWD, place);
	pid_t pid = find_process(dir, getpid(), true);
	_cleanup_close_ int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -EBADF;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = clock_now();

	if (fd < 0 || now >= until)
		return false;
	return poll(&p, 1, (int)((until - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC)) > 0;
}

static int remove_place(const char *place, uint64_t until)
{
	unsigned int yields = 0;

	while (rmdir(place) < 0 && errno != ENOENT) {
		if (errno != EBUSY || clock_now() >= until)
			return -errno;
		/* Kernels take a process out of its group a moment before or after it counts as ended. */
		if (!await_process(place, until) && yields++ == YIELDS_MAX)
			return -EBUSY;
		(void)sched_yield();
	}
	return 0;
}

int cgroup_remove(const struct strv *places, unsigned int patience)
{
	const uint64_t until = clock_now() + patience * NSEC_PER_MSEC;
	int r = 0;

	for (size_t i = 0; i < places->n; i++) {
		int one = remove_place(places->v[i], until);

		if (r == 0)
			r = one;
	}
	return r;
}
