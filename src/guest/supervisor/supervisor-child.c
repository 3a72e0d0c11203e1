/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/supervisor-child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* As the kernel gives to init (include/linux/fs.h); vminitd has more. */
#define FILES_SOFT 1024
#define FILES_HARD 4096

/* Return: 0 or negative errno, as all steps do. */
static int check_place(const struct supervisor *s _unused_)
{
	/* Who is forked into a container's process IDs sees no parent. */
	return getppid() == 0 ? -EAGAIN : 0;
}

static int join_cgroup(const struct supervisor *s)
{
	return s->cgroup.dir < 0 ? 0 : cgroup_write(&s->cgroup, "cgroup.procs", "0");
}

static int begin_session(const struct supervisor *s _unused_)
{
	sigset_t none;

	sigemptyset(&none);
	if (setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	(void)umask(022);
	return 0;
}

static int limit_resources(const struct supervisor *s _unused_)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = MIN(files.rlim_cur, FILES_SOFT);
	files.rlim_max = MIN(files.rlim_max, FILES_HARD);
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

static int place_stdio(const struct supervisor *s)
{
	int out = s->log.pipe[1] >= 0 ? s->log.pipe[1] : s->null_fd;

	if (dup2(s->null_fd, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

static const struct {
	const char *type, *target;
	unsigned long flags;
	const char *data;
} machine[] = {
	{"proc", "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
	{"sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
	/* What is not said here the containers would lose: guest/mount/root.c. */
	{"cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV, "nsdelegate"},
	{"devtmpfs", "/dev", MS_NOSUID, NULL},
	{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, NULL},
	{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, NULL},
};

/*
 * vminitd has none of these, since each would cost something for every container that is made. A
 * kernel may lack one: then the supervisor has to do without.
 */
static int show_machine(const struct supervisor *s)
{
	if (!s->places->machine)
		return 0;
	/* Containers may be in the IPC and UTS namespaces of vminitd's. */
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(machine); i++) {
		(void)mkdir(machine[i].target, 0755);
		(void)mount(machine[i].type, machine[i].target, machine[i].type, machine[i].flags,
			    machine[i].data);
	}
	return 0;
}

/* On a disk that cannot be written the mode is what it was packed with. */
static int make_executable(const struct supervisor *s)
{
	_cleanup_close_ int fd =
		open(s->program, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	if ((st.st_mode & 07777) != 0755 && fchmod(fd, 0755) < 0 && errno != EROFS)
		return -errno;
	return 0;
}

static int execute(const struct supervisor *s)
{
	char port[sizeof("CAISSON_METADATA_PORT=") + 10];
	char *const argv[] = {(char *)s->program, NULL};
	char *const env[] = {
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"HOME=/",
		port,
		NULL,
	};

	(void)snprintf(port, sizeof(port), "CAISSON_METADATA_PORT=%u", s->metadata_port);
	if (chdir("/") < 0)
		return -errno;
	(void)execve(s->program, argv, env);
	return -errno;
}

static const struct {
	int (*run)(const struct supervisor *s);
	const char *what;
} steps[] = {
	{check_place, "fork beside the containers"},
	{join_cgroup, "join its control group"},
	{begin_session, "begin a session"},
	{limit_resources, "set resource limits"},
	{place_stdio, "place descriptors"},
	{show_machine, "mount what it sees of the machine"},
	{make_executable, NULL},
	{execute, NULL},
};

void supervisor_child(const struct supervisor *s, int ctl)
{
	struct supervisor_report report = {.error = 0};
	const char *what = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && report.error == 0; i++) {
		what = steps[i].what;
		report.error = steps[i].run(s);
	}
	if (what)
		(void)snprintf(report.what, sizeof(report.what), "cannot %s", what);
	else if (report.error == -ENOENT && access(s->program, F_OK) == 0)
		(void)snprintf(report.what, sizeof(report.what), "%s or its interpreter or loader",
			       s->program);
	else
		(void)snprintf(report.what, sizeof(report.what), "%s", s->program);
	(void)write(ctl, &report, sizeof(report));
	_exit(EXIT_FAILURE);
}
