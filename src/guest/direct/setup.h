/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>

#include "abi/abi.h"
#include "base/user.h"
#include "guest/task/executor.h"

/*
 * What happens between the fork of a process and its program. All of it is a table of steps, one
 * for a container's first process and for those executed in it; some steps are for one of the two.
 * Steps allocate no memory: for those executed it is the spawner's (spawner.h).
 *
 * The child talks to vminitd through a socket of messages, ctl: its terminal's master, "ready", or
 * why it failed. It waits there for the word to go. The socket is closed by a successful exec,
 * which tells vminitd that the program runs.
 */

enum setup_report_kind {
	SETUP_TERMINAL = 1, /* with the master */
	SETUP_READY,	    /* waiting for the word to go; with the mount namespace */
	SETUP_FAILED,
};

/**
 * struct setup_report - a message of the child
 * @code, @text: SETUP_FAILED: what to answer
 */
struct setup_report {
	uint32_t kind;
	uint32_t code;
	char text[504];
};

/* Callers make an exit status of it. */
#define SETUP_CONTAINER_STOPPED "cannot exec in a stopped container"
#define SETUP_KILLED		"the process was killed while it was being set up"

/**
 * struct setup - everything that the child needs
 * @request: what to run
 * @is_exec: not the container's first process
 * @join_pidfd: of that first process, whose namespaces an exec enters
 * @stdio: -EBADF: @null_fd
 * @ctl: the child's end of the socket
 * @root_dir: where the root file system is assembled, in the container's own mount namespace
 * @rows, @columns: of the terminal; 0: unknown
 *
 * @mntns: the container's own
 * @volumes: made, and not in their place yet
 * @folder_refused: root may not enter the working directory; perhaps the user may
 * @argv, @env: with room for one variable more: @home
 * @user, @path: found out on the way; @found: @path, if that was looked for
 * @report: the text of a failure, when a step knows better than strerror()
 */
struct setup {
	const struct executor_request *request;
	bool is_exec;
	int join_pidfd;
	int stdio[3];
	int null_fd;
	int ctl;
	const char *root_dir;
	uint16_t rows, columns;

	int mntns;
	int volumes[ABI_MOUNTS_MAX];
	bool folder_refused;
	char **argv, **env;
	const char *path;
	struct setup_report report;
	struct user user;
	char home[sizeof("HOME=") + USER_HOME_MAX];
	char found[PATH_MAX];
};

/** setup_allocate() - @argv and @env of @request. Return: 0 or -ENOMEM. */
int setup_allocate(struct setup *setup);

/** setup_release() - free them; may be called again */
void setup_release(struct setup *setup);

/** setup_run() - in the child: become the process, or say why not and exit */
_noreturn_ void setup_run(struct setup *setup);

/** setup_report() - tell vminitd of the failure in @report */
void setup_report(const struct setup *setup);

/**
 * setup_fail() - for steps: say why in words, instead of strerror()
 *
 * Return: @error, negative errno, to return from the step.
 */
int setup_fail(struct setup *setup, int error, enum ttrpc_code code, const char *fmt, ...)
	_printf_(4, 5);

/**
 * setup_hand_over() - for steps: a descriptor for vminitd
 *
 * Return: 0 or negative errno.
 */
int setup_hand_over(const struct setup *setup, enum setup_report_kind kind, int fd);

/** setup_error() - text of a negative errno as Go programs write it: "no such file or directory" */
const char *setup_error(int error, char buf[64]);
