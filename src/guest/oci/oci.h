/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/executor.h"
#include "guest/worker.h"

/* How many calls of crun are under way at most, and early ends of processes remembered meanwhile. */
#define OCI_TASKS_MAX 256
#define OCI_EARLY_MAX 1024

struct oci;

/**
 * struct oci_task - a crun under way, for a process
 * @process: NULL: nobody wants to know any more
 * @done: what to do when it has ended
 * @console: where crun passes the terminal on; -EBADF: there is none
 * @sign: ends when the process has executed its program, or has ended itself; -EBADF: there is none
 * @signo: what to send as soon as the process has a number; 0: nothing
 * @code, @text: why the container could not be made, while what it left is removed
 * @again, @delay: when that is tried again, and how long after the last time, nanoseconds
 */
struct oci_task {
	struct worker worker;
	struct oci *oci;
	bool busy;
	struct process *process;
	void (*done)(struct oci_task *task, uint32_t status);
	int console, sign;
	int signo;
	enum ttrpc_code code;
	char id[ABI_ID_MAX + 1], text[400];
	struct loop_timer again;
	uint64_t delay;
};

/**
 * struct oci_end - of a process
 * @crun: it was still crun's: its program could not be executed
 */
struct oci_end {
	pid_t pid;
	uint32_t status;
	bool crun;
};

/**
 * struct oci - the executor for containers that come as bundles: crun runs them
 * @base: what the Task service uses
 * @last: of the child that is being reaped
 * @ended: a process of ours had ended before it was known to be one
 *
 * Each process that the host knows is a child of vminitd: its parent, crun, ends when it stands.
 * One that ends even before that is kept in @early until crun's file tells its number. It has not
 * started before its program is executed, and if that cannot be, it says why on its stderr.
 * Must be all zero before oci_init().
 */
struct oci {
	struct executor base;
	struct workers *workers;
	struct process_table *processes;
	int null_fd;
	void (*ended)(pid_t pid, uint32_t status);
	size_t n_early, n_busy;
	struct oci_end last, early[OCI_EARLY_MAX];
	struct oci_task tasks[OCI_TASKS_MAX];
};

/** oci_available() - does this VM have crun? */
bool oci_available(void);

/** oci_init() - @null_fd: /dev/null; what is passed stays the caller's; set @oci->ended */
void oci_init(struct oci *oci, struct workers *workers, struct process_table *processes,
	      const struct executor_events *events, int null_fd);

/** oci_ending() - a child of vminitd has ended, and is about to be reaped */
void oci_ending(struct oci *oci, pid_t pid, uint32_t status);

/** oci_reaped() - a child of vminitd has ended that is no worker: it may be one of ours; after oci_ending() */
void oci_reaped(struct oci *oci, pid_t pid);
