/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/executor.h"

/* How crun is called, and the files that it and vminitd exchange: one set for each call. */

enum crun_verb {
	CRUN_CREATE,
	CRUN_START,
	CRUN_EXEC,
	CRUN_DELETE,
	CRUN_VERB_MAX_,
};

/**
 * struct crun - one call
 * @speaks: the stdio is the process'
 * @request: what to create or execute; NULL: neither
 * @rows, @columns: of an exec's terminal; 0: unknown
 * @number: of the files
 * @container: its id
 * @stdio: borrowed
 * @sign: a pipe's end, which is open until the process has executed its program, or has ended;
 *	-EBADF: none; borrowed
 */
struct crun {
	enum crun_verb verb;
	bool speaks;
	const struct executor_request *request;
	uint16_t rows, columns;

	size_t number;
	const char *container;
	int stdio[3], sign;
	bool terminal;
};

/*
 * Lest a container write to the file that it is executed from (CVE-2019-5736), crun copies itself to memory
 * nobody can change and executes that, unless it was executed from there: a file with just these seals
 * (src/libcrun/cloned_binary.c, is_self_cloned()).
 */
#define CRUN_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/**
 * crun_program() - crun in such a file, for fexecve()
 *
 * It is copied once, so that no crun has to do it.
 *
 * Return: it, which stays open, or negative errno.
 */
int crun_program(void);

/** crun_tar() - the same for ABI_TAR, of which the same is true */
int crun_tar(void);

/**
 * crun_prepare() - make the files
 * @ret_console: where the terminal will come from; unchanged unless @terminal
 *
 * Return: 0 or negative errno.
 */
int crun_prepare(struct crun *crun, bool terminal, int *ret_console);

/**
 * crun_run() - for worker_start(): mount or unmount, and become crun
 *
 * Return: an exit status: CRUN_MOUNT_FAILED and an enum ttrpc_code when it did not come to crun.
 */
#define CRUN_MOUNT_FAILED 64
int crun_run(void *crun, int words);

/** crun_read_pid() - the number of the process that it made. Return: 0 or negative errno. */
int crun_read_pid(size_t number, pid_t *ret);

/** crun_take_terminal() - its master. Return: it, -ENOTTY if none has come, or negative errno. */
int crun_take_terminal(int console);

/** crun_remove_files() - harmless when there are none */
void crun_remove_files(size_t number);
