/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/direct.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sched.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "guest/direct/setup.h"
#include "guest/pidns.h"
#include "guest/procfs.h"

static struct direct *direct_of(struct executor *executor)
{
	return container_of(executor, struct direct, base);
}

/* Like fork(), into a control group; signal handlers are at their default in the child. */
static pid_t clone_child(uint64_t flags, int cgroup, int *ret_pidfd)
{
	struct clone_args args = {.flags = flags | CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
	long pid;

	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup;
	}
	if (ret_pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)ret_pidfd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	return pid < 0 ? -errno : (pid_t)pid;
}

/*
 * A child in the container's PID namespace, but not in its control group, which may be full, frozen, or
 * divided. In the child this returns 0, as clone does.
 */
static pid_t clone_into(const struct process *container)
{
	int r = pidns_enter(container->pidfd, container);
	pid_t pid = r < 0 ? r : clone_child(0, -EBADF, NULL);

	/* The first process has ended: no more can be added. */
	return pid == -ENOMEM ? -ESRCH : pid;
}

static pid_t clone_first(struct process *p)
{
	int r = pidns_come_home();

	return r < 0 ? r : clone_child(CLONE_NEWPID | CLONE_NEWNS, p->cgroup.dir, &p->pidfd);
}

static void message_ready(struct loop_io *io, uint32_t revents);

static _noreturn_ void first_process(struct direct *d, struct process *p,
				     const struct executor_request *request, int ctl)
{
	static struct setup setup;

	setup.request = request;
	setup.join_pidfd = -EBADF;
	memcpy(setup.stdio, p->child_io, sizeof(setup.stdio));
	setup.null_fd = d->null_fd;
	setup.ctl = ctl;
	setup.root_dir = d->root_dir;
	setup.rows = p->rows;
	setup.columns = p->columns;
	setup_run(&setup);
}

/* Only those that hand descriptors over, or wait for a word, need a socket; a pipe costs half. */
static bool reports_only(const struct process *p)
{
	return process_is_exec(p) && !p->terminal;
}

static int make_ctl(const struct process *p, int pair[2])
{
	if (reports_only(p))
		return pipe2(pair, O_CLOEXEC | O_NONBLOCK);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int begin_first(struct direct *d, struct process *p, const struct executor_request *request,
		       int ctl)
{
	pid_t pid = clone_first(p);

	if (pid == 0)
		first_process(d, p, request, ctl);
	p->pid = MAX(pid, 0);
	return MIN(pid, 0);
}

static uint32_t slot_of(const struct process *p)
{
	return (uint32_t)(p - p->table->slots);
}

static int begin_exec(struct direct *d, struct process *p, const struct executor_request *request,
		      int ctl)
{
	const struct spawner_place place = {
		.pidfd = p->container->pidfd,
		.cgroup = p->container->cgroup.dir,
		.divided = p->container->divided,
		.null_fd = d->null_fd,
		.slots = d->spawner.slots,
		.capabilities = p->capabilities,
	};
	const struct spawner_order order = {
		.slot = slot_of(p),
		.spec_len = (uint32_t)request->spec_len,
		.rows = p->rows,
		.columns = p->columns,
		.terminal = p->terminal,
	};

	return spawner_send(&d->spawner, &place, &order, ctl, p->child_io, request->spec);
}

static int spawn(struct direct *d, struct process *p, const struct executor_request *request,
		 int (*begin)(struct direct *d, struct process *p,
			      const struct executor_request *request, int ctl))
{
	int pair[2], r;

	if (make_ctl(p, pair) < 0)
		return -errno;
	r = loop_io_start(d->loop, &p->ctl_io, pair[0], EPOLLIN, message_ready);
	if (r == 0)
		r = begin(d, p, request, pair[1]);
	fd_close(pair[1]);
	if (r < 0) {
		loop_io_stop(&p->ctl_io);
		fd_close(pair[0]);
		return r;
	}
	p->ctl = pair[0];
	return 0;
}

static void close_ctl(struct process *p)
{
	if (p->ctl < 0)
		return;
	loop_io_stop(&p->ctl_io);
	p->ctl = fd_close(p->ctl);
	if (process_is_exec(p))
		spawner_done(&direct_of(p->executor)->spawner);
}

/* A number that is no child's any more is never learnt: each is reaped only after that. */
static void direct_learn(struct executor *executor, struct process *p)
{
	if (process_is_exec(p) && p->ctl >= 0 && !p->reaped)
		p->pid = direct_of(executor)->spawner.slots[slot_of(p)].pid;
}

static void direct_release(struct executor *executor, struct process *p)
{
	pidns_forget(p);
	close_ctl(p);
	if (!process_is_exec(p))
		spawner_stop(&direct_of(executor)->spawner);
	p->pidfd = fd_close(p->pidfd);
	p->mntns = fd_close(p->mntns);
}

/* Return: bytes, 0 at the end, or negative errno; @ret_fd: a descriptor that came along. */
static ssize_t receive(int ctl, struct setup_report *report, int *ret_fd)
{
	struct iovec iov = {.iov_base = report, .iov_len = sizeof(*report)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header;
	ssize_t n = recvmsg(ctl, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_fd = -EBADF;
	if (n <= 0)
		return n < 0 ? -errno : 0;
	header = CMSG_FIRSTHDR(&msg);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
	return n;
}

/* In one piece, as it was written: it is smaller than PIPE_BUF. */
static ssize_t read_report(int ctl, struct setup_report *report)
{
	ssize_t n = read(ctl, report, sizeof(*report));

	return n < 0 ? -errno : n;
}

/* The program runs, or the child was killed on its way there; or the spawner was before it made it. */
static void ended(struct direct *d, struct process *p)
{
	direct_learn(&d->base, p);
	close_ctl(p);
	if (p->state == PROCESS_STARTING && p->pid > 0)
		d->base.events->started(p);
	else if (p->state == PROCESS_STARTING || p->state == PROCESS_CREATING)
		d->base.events->failed(p, TTRPC_INTERNAL, SETUP_KILLED);
}

/* Return: whether there may be more. */
static bool read_message(struct direct *d, struct process *p)
{
	struct setup_report report;
	_cleanup_close_ int fd = -EBADF;
	ssize_t n = reports_only(p) ? read_report(p->ctl, &report) : receive(p->ctl, &report, &fd);

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n != sizeof(report)) {
		ended(d, p);
		return false;
	}
	switch (report.kind) {
	case SETUP_TERMINAL:
		d->base.events->terminal(p, take_fd(fd));
		return true;
	case SETUP_READY:
		p->mntns = take_fd(fd);
		d->base.events->prepared(p);
		return true;
	default:
		direct_learn(&d->base, p);
		close_ctl(p);
		report.text[sizeof(report.text) - 1] = '\0';
		if (!process_is_exec(p))
			log_error("%s", report.text);
		d->base.events->failed(p, report.code, report.text);
		return false;
	}
}

static void message_ready(struct loop_io *io, uint32_t revents _unused_)
{
	struct process *p = container_of(io, struct process, ctl_io);

	(void)read_message(direct_of(p->executor), p);
}

/* The spawner has the other end open for a moment longer than an exec that has ended. */
static void direct_settle(struct executor *executor, struct process *p)
{
	while (p->ctl >= 0 && read_message(direct_of(executor), p))
		continue;
	if (p->ctl >= 0 && process_is_exec(p))
		ended(direct_of(executor), p);
}

static int direct_create(struct executor *executor, struct process *p,
			 const struct executor_request *request)
{
	p->divided = request->container->delegate_cgroups;
	return spawn(direct_of(executor), p, request, begin_first);
}

static int direct_exec(struct executor *executor, struct process *p,
		       const struct executor_request *request)
{
	return spawn(direct_of(executor), p, request, begin_exec);
}

static int direct_start(struct executor *executor _unused_, struct process *p)
{
	return send(p->ctl, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/*
 * kill(-1) reaches all that its caller can see but itself and the first process: one step that no
 * fork bomb can outrun, taken by a child in the container's PID namespace.
 */
static int signal_others(const struct process *container, int signo)
{
	pid_t pid = clone_into(container);

	if (pid == 0) {
		(void)kill(-1, signo);
		_exit(0);
	}
	return pid < 0 ? pid : 0;
}

static int direct_signal(struct executor *executor, struct process *p, int signo, bool all)
{
	int r = 0;

	if (process_is_exec(p) && p->state == PROCESS_STARTING && p->ctl >= 0) {
		p->pid = spawner_signal(&direct_of(executor)->spawner, slot_of(p), signo);
		if (p->pid == 0)
			return 0;
	}
	if (p->pid <= 0 || p->reaped)
		return -ESRCH;
	/* The kernel ends the others when the first process is killed. */
	if (all && !process_is_exec(p) && signo != SIGKILL && signo != 0)
		r = signal_others(p, signo);
	if (r < 0 && r != -ESRCH)
		return r;
	/* Not reaped yet, so the number is still this process'. */
	return kill(p->pid, signo) < 0 ? -errno : 0;
}

static bool same_namespace(int proc, const char *pid, const struct stat *wanted)
{
	char path[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%.16s/ns/pid", pid);
	return fstatat(proc, path, &st, 0) == 0 && st.st_dev == wanted->st_dev &&
	       st.st_ino == wanted->st_ino;
}

static int open_proc(void)
{
	int proc = procfs_get(), fd;

	if (proc < 0)
		return proc;
	fd = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int direct_pids(struct executor *executor _unused_, const struct process *p, pid_t *ret,
		       int max)
{
	int fd = open_proc(), n = 0;
	DIR *proc = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat wanted;
	char first[32];

	if (!proc) {
		fd_close(fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	(void)snprintf(first, sizeof(first), "%d/ns/pid", (int)p->pid);
	if (fstatat(fd, first, &wanted, 0) == 0)
		while (n < max && (entry = readdir(proc)))
			if (isdigit((unsigned char)entry->d_name[0]) &&
			    same_namespace(fd, entry->d_name, &wanted))
				ret[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
	(void)closedir(proc);
	return n;
}

static const struct executor_ops direct_ops = {
	.create = direct_create,
	.start = direct_start,
	.exec = direct_exec,
	.signal = direct_signal,
	.pids = direct_pids,
	.learn = direct_learn,
	.settle = direct_settle,
	.release = direct_release,
};

/* What goes on when the container does has all of its time from then on. */
static bool was_paused(const struct direct *d, const struct process *container)
{
	uint64_t until = container->resumed_at + SPAWNER_SECONDS * NSEC_PER_SEC;

	return container->state != PROCESS_RUNNING ||
	       (container->resumed_at && loop_now(d->loop) < until);
}

/* Of what was ordered, nothing has got on: all of it has failed, and is not waited for one by one. */
static void late(struct spawner *spawner)
{
	struct direct *d = container_of(spawner, struct direct, spawner);

	for (struct process *p = NULL; (p = process_next(d->processes, p));) {
		if (p->state != PROCESS_STARTING || p->executor != &d->base || p->ctl < 0)
			continue;
		if (was_paused(d, p->container))
			return;
		/* Its program may run since a moment ago. */
		direct_learn(&d->base, p);
		while (p->ctl >= 0 && p->pid > 0 && read_message(d, p))
			continue;
		if (p->ctl < 0 || p->pid <= 0)
			continue;
		(void)kill(p->pid, SIGKILL);
		close_ctl(p);
		d->base.events->failed(p, TTRPC_INTERNAL, SETUP_KILLED);
	}
	spawner_kill(spawner);
}

int direct_init(struct direct *d, struct loop *loop, struct process_table *processes,
		const struct executor_events *events, int null_fd, const char *root_dir)
{
	d->base.ops = &direct_ops;
	d->base.events = events;
	d->loop = loop;
	d->processes = processes;
	d->null_fd = null_fd;
	d->root_dir = root_dir;
	return spawner_init(&d->spawner, loop, PROCESS_MAX, late);
}

void direct_deinit(struct direct *d)
{
	(void)pidns_come_home();
	spawner_deinit(&d->spawner, PROCESS_MAX);
}
