/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/**
 * struct proc_spec - a program to start (host only)
 * @argv: argv[0] is the path or a name looked up in $PATH; ends with NULL
 * @program: its path, where argv[0] is another word; NULL: argv[0]
 * @env: environment, ends with NULL; NULL: the caller's own
 * @stdin_fd, @stdout_fd, @stderr_fd: become 0, 1, 2; -EBADF: /dev/null
 * @fds: further descriptors that the program inherits, at @fd_base, @fd_base + 1, …; -EBADF:
 *	/dev/null
 * @n_fds: how many
 * @fd_base: at least 3
 * @death_signal: sent to the program when the starting thread's process ends; 0: none
 * @new_session: setsid() first
 * @expendable: where the caller is one of those that are spared when memory runs out (oom_score_adj), the
 *	program is not
 * @file_bytes_max: no file may be written beyond that (RLIMIT_FSIZE); 0: as for the caller
 * @guarded: the program is in a PID namespace whose first process is a guard, which ends with the starting
 *	thread's process, and with the program's status: for a program that changes its user, upon which the
 *	kernel forgets @death_signal (prctl(2), PR_SET_PDEATHSIG). Needs CAP_SYS_ADMIN
 * @prepare: called in the new process before all else, with all signals blocked; returns 0, or negative
 *	errno with a message; NULL: nothing
 * @prepare_data: for it
 * @prepare_err: gets its message
 *
 * Nothing else is inherited. All signals are unblocked and at their default in the program.
 */
struct proc_spec {
	const char *const *argv;
	const char *program;
	char *const *env;
	int stdin_fd, stdout_fd, stderr_fd;
	const int *fds;
	size_t n_fds;
	int fd_base;
	int death_signal;
	bool new_session, guarded, expendable;
	uint64_t file_bytes_max;
	int (*prepare)(void *data, struct err *err);
	void *prepare_data;
	struct err *prepare_err;
};

#define PROC_SPEC_NULL                                                                     \
	{                                                                                  \
		.stdin_fd = -EBADF, .stdout_fd = -EBADF, .stderr_fd = -EBADF, .fd_base = 3 \
	}

/**
 * struct proc - a started child
 * @pid: 0: none
 * @pidfd: readable once it has ended; owned
 */
struct proc {
	pid_t pid;
	int pidfd;
};

#define PROC_NULL                         \
	{                                 \
		.pid = 0, .pidfd = -EBADF \
	}

/**
 * proc_start() - start a program; returns once exec has succeeded or failed
 * @ret: set on success; end it with proc_wait() or proc_done()
 *
 * Return: 0 or the negative errno of fork, exec, a descriptor, or @prepare (-ENOENT: no such program).
 */
int proc_start(const struct proc_spec *spec, struct proc *ret);

/**
 * proc_call() - call a function in a process of its own, and wait
 * @call: Return: 0 or negative errno with a message
 *
 * What it changes of the process, as its namespaces, changes nothing here.
 *
 * Return: what it returned, with its message; or negative errno with one.
 */
int proc_call(int (*call)(void *data, struct err *err), void *data, struct err *err);

/**
 * proc_call_begin() - the same, without waiting; what @call returns may be positive, too
 * @ret: the process, which ends with the calling thread's; end it with proc_call_end(), or proc_done()
 * @ret_fd: readable once there is a result; owned by the caller
 *
 * Return: 0 or negative errno with a message.
 */
int proc_call_begin(int (*call)(void *data, struct err *err), void *data, struct proc *ret,
		    int *ret_fd, struct err *err);

/** proc_call_end() - wait for the result. Return: what was returned, with its message; or negative errno with one. */
int proc_call_end(struct proc *proc, int fd, struct err *err);

/** proc_kill() - send a signal through the pidfd; harmless when there is none or it has ended */
void proc_kill(const struct proc *p, int sig);

/**
 * proc_wait() - wait for the end, reap, and close the pidfd
 *
 * Return: exit status, 128 + signal, or negative errno.
 */
int proc_wait(struct proc *p);

/** proc_done() - SIGKILL and reap what is left; may be called again */
void proc_done(struct proc *p);

/**
 * proc_ask() - run a program for what it prints first
 * @argv: as in struct proc_spec
 * @patience: nanoseconds; one that takes longer is killed
 * @ret: the first line, a new string, if it has ended; perhaps empty
 *
 * Return: its exit status, 128 + signal, -ETIMEDOUT, or the negative errno of proc_start().
 */
int proc_ask(const char *const *argv, uint64_t patience, char **ret);
