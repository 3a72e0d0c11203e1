/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "abi/abi.h"
#include "base/list.h"
#include "guest/task/cgroup.h"
#include "guest/task/relay.h"
#include "loop/loop.h"
#include "rpc/process.h"
#include "ttrpc/server.h"

/*
 * The processes that the host knows: containers' first ones, and those executed in them later. They
 * live in a table of fixed size. A slot's state is PROCESS_NONE when it is free.
 */

#define PROCESS_EXECS_MAX   (4 * ABI_EXECS_MAX) /* of all containers together */
#define PROCESS_MAX	    (ABI_CONTAINERS_MAX + PROCESS_EXECS_MAX)
#define PROCESS_WAITERS_MAX 1024

/* What is kept of execs that have not been started, bytes: two of the largest that there can be. */
#define PROCESS_SPECS_MAX (8u << 20)

/* What the host called things, for State. */
enum process_name {
	PROCESS_NAME_BUNDLE,
	PROCESS_NAME_STDIN,
	PROCESS_NAME_STDOUT,
	PROCESS_NAME_STDERR,
	PROCESS_NAME_MAX_,
};

struct executor;
struct process_table;

/**
 * struct process - a slot of the table
 * @container: the container's first process, which may be this one
 * @deleted: forgotten by the host; the slot is kept until its output has been taken
 * @removing: what is left of the container is being removed, before its slot is free
 * @ending: it has ended, with @exit_status, but an exec of it has not: its state is the one before
 * @executor: who runs it
 * @pid: 0: none yet
 * @reaped: the pid may be another process' by now
 * @pidfd, @mntns, @ctl, @ctl_io: the executor's; owned
 * @resumed_at: nanoseconds, of the loop's clock; 0: it was never paused
 * @cgroup: a container's; those executed in it are in there, too
 * @divided: a container's: that is its own to divide
 * @pending: Create, Start, Delete or Pause, to be answered
 * @spec: what an exec runs, as it came, until it is started; malloc()ed
 * @capabilities: an exec's, if the executor takes no bundles
 * @names: in the order of enum process_name, one string behind the other; malloc()ed
 * @stream: stdin, stdout, stderr of the host that no relay has yet; owned
 * @child_io: the other ends, for the process; owned until it is there; -EBADF: none
 * @muted: our ends of its output, as long as it is not to be heard; owned
 * @relay: the copying between them
 * @tty: master of the terminal; owned
 * @console: its other end, kept open while the process is there; owned; -EBADF: nobody needs it
 * @held: a terminal's output between two calls; malloc()ed
 */
struct process {
	struct process_table *table;
	struct process *container;
	struct executor *executor;
	enum process_state state;
	bool deleted, removing, ending, terminal, reaped, divided;
	char id[ABI_ID_MAX + 1];
	pid_t pid;
	int pidfd, mntns, ctl;
	struct loop_io ctl_io;
	uint32_t exit_status;
	struct timespec exited_at;
	uint64_t resumed_at;
	struct cgroup cgroup;
	struct ttrpc_call *pending;
	struct list waiters;
	void *spec;
	size_t spec_len;
	uint64_t capabilities;
	char *names;
	int stream[3], child_io[3], muted[3];
	struct relay relay[3];
	int tty, console;
	char *held;
	uint16_t rows, columns;
};

/* A Wait that has not been answered. */
struct process_waiter {
	struct list link;
	struct ttrpc_call *call;
	struct process_table *table;
};

/**
 * struct process_table - must be all zero before process_table_init()
 * @drained: called when a process has no more output that the host has not taken
 * @kept: bytes of all @spec together
 * @n_seen, @n_waiters_seen: slots from here on were never used, and their memory never touched
 */
struct process_table {
	void (*drained)(struct process *process);
	size_t kept;
	size_t n_seen, n_waiters_seen;
	struct list free_waiters;
	struct process slots[PROCESS_MAX];
	struct process_waiter waiters[PROCESS_WAITERS_MAX];
};

/** process_table_init() - an empty table */
void process_table_init(struct process_table *table, void (*drained)(struct process *process));

/**
 * process_new() - take a slot
 * @container: NULL: this is a container's first process
 * @id: valid, and not in use
 *
 * Return: the process, its state still to be set, or NULL: there are as many containers, as many
 * execs in @container or in all of them, as there may be.
 */
struct process *process_new(struct process_table *table, struct process *container, const char *id);

/** process_free() - give the slot back; pid, calls and executor must have been dealt with */
void process_free(struct process *process);

/** process_set_names() - in the order of enum process_name. Return: 0 or -ENOMEM. */
int process_set_names(struct process *process, const char *const names[PROCESS_NAME_MAX_]);

/** process_name() - one of them; "" before they were set */
const char *process_name(const struct process *process, enum process_name which);

/** process_find() - @exec_id: "" for the container's first process. Return: NULL if unknown. */
struct process *process_find(struct process_table *table, const char *id, const char *exec_id);

/** process_find_pid() - of one that was not reaped. Return: NULL if it is none of the table's. */
struct process *process_find_pid(struct process_table *table, pid_t pid);

/** process_next() - walk over all that are not free; begin with NULL */
struct process *process_next(struct process_table *table, const struct process *after);

/** process_is_exec() - not the container's first one */
static inline bool process_is_exec(const struct process *process)
{
	return process->container != process;
}

/**
 * process_wait() - keep a Wait call until process_stopped(); it is forgotten when it is cancelled
 *
 * Return: 0 or -ENOBUFS when too many wait.
 */
int process_wait(struct process *process, struct ttrpc_call *call);

/** process_take_waiter() - the next call to answer, no longer kept. Return: NULL: no more. */
struct ttrpc_call *process_take_waiter(struct process *process);

/** process_keep_call() - a call that is answered later; it is forgotten when it is cancelled */
void process_keep_call(struct process *process, struct ttrpc_call *call);

/** process_take_call() - that call, no longer kept. Return: NULL: none, or its client has gone. */
struct ttrpc_call *process_take_call(struct process *process);

/**
 * process_keep_spec() - keep an exec's message until it is started
 *
 * Return: 0, -ENOMEM, or -ENOBUFS when all that are kept would be more than PROCESS_SPECS_MAX.
 */
int process_keep_spec(struct process *process, const void *data, size_t len);

/** process_drop_spec() - forget it; harmless when there is none */
void process_drop_spec(struct process *process);
