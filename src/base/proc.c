/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define PROC_FDS_MAX 32

static void reset_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Descriptors may be in each other's places: first all are copied above every target, then down to
 * where the program wants them. Everything above the last target is closed on exec.
 */
static int place_fds(const struct proc_spec *spec, int status_fd)
{
	int copies[3 + PROC_FDS_MAX], first_free = spec->fd_base + (int)spec->n_fds, target;
	const int std[3] = {spec->stdin_fd, spec->stdout_fd, spec->stderr_fd};

	for (size_t i = 0; i < 3 + spec->n_fds; i++) {
		int fd = i < 3 ? std[i] : spec->fds[i - 3];

		if (fd < 0)
			fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		copies[i] = fcntl(fd, F_DUPFD_CLOEXEC, first_free);
		if (copies[i] < 0)
			return -errno;
	}
	status_fd = fcntl(status_fd, F_DUPFD_CLOEXEC, first_free);
	if (status_fd < 0)
		return -errno;
	if (syscall(SYS_close_range, 3, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) < 0)
		return -errno;
	for (size_t i = 0; i < 3 + spec->n_fds; i++) {
		target = i < 3 ? (int)i : spec->fd_base + (int)(i - 3);
		if (dup2(copies[i], target) < 0)
			return -errno;
	}
	return status_fd;
}

static int limit_files(uint64_t bytes)
{
	const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};

	return bytes > 0 && setrlimit(RLIMIT_FSIZE, &limit) < 0 ? -errno : 0;
}

/* What cannot be read or written there is as it was. */
static void spare_no_more(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char sign;

	if (fd >= 0 && pread(fd, &sign, 1, 0) == 1 && sign == '-')
		(void)!write(fd, "0", 1);
	fd_close(fd);
}

static void prepare(const struct proc_spec *spec, int status_fd)
{
	struct err err = ERR_NULL;
	int r = spec->prepare(spec->prepare_data, &err);

	if (r == 0)
		return;
	(void)fd_write_full(status_fd, &r, sizeof(r));
	(void)fd_write_full(status_fd, &err, sizeof(err));
	_exit(127);
}

/* Whether nobody reads any more what is written there. */
static bool is_deserted(int status_fd)
{
	struct pollfd pfd = {.fd = status_fd};

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLERR;
}

/* All that the program leaves behind is ours to reap, until it ends itself; the kernel then kills the rest. */
static _noreturn_ void await(pid_t program)
{
	int status = 0;
	pid_t r;

	(void)syscall(SYS_close_range, 0, ~0U, 0);
	do
		r = waitpid(-1, &status, 0);
	while (r != program && (r > 0 || errno == EINTR));
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* By its path: execvpe(3) would have a shell read what is no program. */
static int execute(const struct proc_spec *spec)
{
	const char *name = spec->program ? spec->program : spec->argv[0];
	char *const *argv = (char *const *)spec->argv;
	char *const *env = spec->env ? spec->env : environ;

	if (strchr(name, '/'))
		(void)execve(name, argv, env);
	else
		(void)execvpe(name, argv, env);
	return -errno;
}

/* It may be in its parent's memory, which stands still until then (vfork(2)): it changes no more than its stack. */
static _noreturn_ void become(const struct proc_spec *spec, int status_fd)
{
	int r;

	if (spec->new_session)
		(void)setsid();
	reset_signals();
	if (spec->expendable)
		spare_no_more();
	r = limit_files(spec->file_bytes_max);
	if (r == 0)
		r = place_fds(spec, status_fd);
	if (r >= 0) {
		status_fd = r;
		r = execute(spec);
	}
	(void)fd_write_full(status_fd, &r, sizeof(r));
	_exit(127);
}

/*
 * In the first process of a namespace: make the second one. From outside there is no parent to be compared with; if
 * it is gone by now, nobody reads our status.
 */
static _noreturn_ void guard(const struct proc_spec *spec, int status_fd)
{
	pid_t program;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (is_deserted(status_fd))
		_exit(127);
	program = vfork();
	if (program == 0)
		become(spec, status_fd);
	if (program > 0)
		await(program);
	program = -errno;
	(void)fd_write_full(status_fd, &program, sizeof(program));
	_exit(127);
}

static _noreturn_ void child(const struct proc_spec *spec, pid_t parent, int status_fd)
{
	if (spec->prepare)
		prepare(spec, status_fd);
	if (spec->guarded)
		guard(spec, status_fd);
	if (spec->death_signal) {
		(void)prctl(PR_SET_PDEATHSIG, spec->death_signal);
		/* The parent may be gone already: then the signal will never come. */
		if (getppid() != parent)
			_exit(127);
	}
	become(spec, status_fd);
}

/* What is prepared, or stays, needs memory of its own; to copy that takes longer than all else here. */
static pid_t start(const struct proc_spec *spec, pid_t parent, int status_fd)
{
	pid_t pid;

	if (spec->guarded)
		pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
	else
		pid = spec->prepare ? fork() : vfork();
	if (pid == 0)
		child(spec, parent, status_fd);
	return pid < 0 ? -errno : pid;
}

/* There is none where it is not @prepare that failed. */
static void read_message(int fd, struct err *ret)
{
	struct err err;

	if (fd_read_full(fd, &err, sizeof(err)) == sizeof(err))
		*ret = err;
}

int proc_start(const struct proc_spec *spec, struct proc *ret)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	struct proc p = PROC_NULL;
	int status[2], error = 0;
	pid_t self = getpid();
	sigset_t all, old;

	if (spec->n_fds > PROC_FDS_MAX || spec->fd_base < 3)
		return -EINVAL;
	if (pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	rd = status[0];
	wr = status[1];
	/* No handler of the parent's may run in the child. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	p.pid = start(spec, self, wr);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (p.pid < 0)
		return p.pid;
	wr = fd_close(wr);
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	if (p.pidfd < 0)
		error = -errno;
	else if (fd_read_full(rd, &error, sizeof(error)) != sizeof(error))
		error = 0;
	if (error) {
		if (spec->prepare_err)
			read_message(rd, spec->prepare_err);
		(void)kill(p.pid, SIGKILL);
		(void)proc_wait(&p);
		return error;
	}
	*ret = p;
	return 0;
}

static _noreturn_ void call_and_tell(int (*call)(void *data, struct err *err), void *data, int fd)
{
	struct err err = ERR_NULL;

	err.code = call(data, &err);
	_exit(fd_write_full(fd, &err, sizeof(err)) < 0);
}

int proc_call_begin(int (*call)(void *data, struct err *err), void *data, struct proc *ret,
		    int *ret_fd, struct err *err)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	pid_t self = getpid(), pid;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	rd = fds[0];
	wr = fds[1];
	pid = fork();
	if (pid < 0)
		return err_errno(err, -errno, "cannot start a process");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(1);
		call_and_tell(call, data, wr);
	}
	*ret = (struct proc){.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
	*ret_fd = take_fd(rd);
	return 0;
}

int proc_call_end(struct proc *proc, int fd, struct err *err)
{
	struct err told = ERR_NULL;

	if (fd_read_full(fd, &told, sizeof(told)) != sizeof(told))
		told.code = err_set(&told, -EIO, "the process for it has ended");
	(void)proc_wait(proc);
	return told.code < 0 ? err_set(err, told.code, "%s", told.text) : told.code;
}

int proc_call(int (*call)(void *data, struct err *err), void *data, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct proc proc = PROC_NULL;
	int r = proc_call_begin(call, data, &proc, &fd, err);

	return r < 0 ? r : proc_call_end(&proc, fd, err);
}

void proc_kill(const struct proc *p, int sig)
{
	if (p->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
}

int proc_wait(struct proc *p)
{
	int status = 0;
	pid_t r;

	if (p->pid <= 0)
		return -ECHILD;
	do
		r = waitpid(p->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	p->pid = 0;
	p->pidfd = fd_close(p->pidfd);
	if (r < 0)
		return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void proc_done(struct proc *p)
{
	if (p->pid <= 0)
		return;
	proc_kill(p, SIGKILL);
	(void)proc_wait(p);
}
