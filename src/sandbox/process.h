/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "base/list.h"
#include "guest.pb-c.h"
#include "rpc/process.h"
#include "sandbox/container.h"
#include "sandbox/sandbox.h"
#include "sandbox/stream.h"

/*
 * One process of the guest: the container's first (its exec id is ""), or an exec.
 *
 * Its states are those of rpc/process.h. When something fails it is STOPPED; STOPPING: the guest
 * has said how it ended, but its output has not reached its user yet. Nobody hears of the end
 * before: Delete follows at once, and would cut the output short.
 */

/* Most calls are answered at once by a guest that is well: it has this long, in nanoseconds. */
#define PROCESS_GUEST_ANSWERS (10 * NSEC_PER_SEC)

/* To end something takes longer: it has this long. */
#define PROCESS_GUEST_ENDS (3 * PROCESS_GUEST_ANSWERS)

/* Of what has ended already nothing is asked of it but to forget it: whoever asks has less time than that. */
#define PROCESS_GUEST_FORGETS (5 * NSEC_PER_SEC)

/** Of one that nobody saw end: as a shell and runc say it, killed by SIGKILL. */
#define PROCESS_STATUS_LOST (128 + 9)

/**
 * struct process_result - how an operation went
 * @code: TTRPC_OK, or the status to pass on
 * @message: for people; "" on success; valid only during the callback
 */
struct process_result {
	enum ttrpc_code code;
	const char *message;
};

/**
 * struct process_stdio - what a process' user gave for its streams
 * @in, @out, @err: paths of FIFOs; "" for none
 * @fds: what is opened already, three descriptors, -EBADF for none, which are the process' from here on; or NULL.
 *	Of those @in, @out and @err are names for State
 * @late_input: @in is opened once the process is started, since its user cannot say before that it has ended
 * @holder: who holds the process back until process_release(): his pointer to it, which is NULL again once it is
 *	freed; NULL: nobody
 */
struct process_stdio {
	const char *in, *out, *err;
	const int *fds;
	struct process **holder;
	bool terminal, late_input;
};

/* A stream's name in the guest, with its end. */
#define PROCESS_URI_MAX 128

/**
 * struct process - one process
 * @link: for its owner's list
 * @conn: for its owner: the connection that it is spoken of over
 * @start_asked: for its owner: when somebody wanted it to run
 * @exec_id: "" for the container's first
 * @command: an exec's, for messages about it
 * @fifos: stdin, stdout, stderr, as its user named them
 * @input: it has an stdin; @late_input: which is to be opened yet
 * @pid: in the guest; 0 until CREATED (an exec: until RUNNING)
 * @status: exit status, once STOPPED
 * @exited_at: CLOCK_REALTIME of the end
 * @lost: the VM went, and the process with it
 * @patience: how long the end is held back for output that nobody reads, in nanoseconds; 0: as long as it takes
 * @holder: who holds it back, as in struct process_stdio; @held_err: what he said meanwhile; NULL: nothing bad
 * @killed: how long it may live yet, of process_killed()
 * @forgetting: process_forget() was called, and @deleted has not followed yet
 * @created, @started, @deleted: how process_create(), process_start() and process_delete() went;
 *	each called once, the last one with @status and @exited_at set
 * @frozen: how process_pause() or process_resume() went, the state tells which it is now; or that it is lost
 * @checkpoint: the name that it was saved under; NULL: it was not
 * @adopted, @was_named: process-adopt.c's
 * @drained: all of its output that was on its way has been read; while it is being saved
 * @stopped: called once, when STOPPED is reached from RUNNING or because the VM is gone
 * @answered: process-oci.c's: who gets the last of several answers
 * @userdata: for the callbacks
 */
struct process {
	struct list link;
	uint64_t conn, start_asked;
	struct container *container;
	char *exec_id, *command, *fifos[3], *checkpoint, *was_named;
	enum process_state state;
	bool terminal, input, late_input, lost, forgetting;
	uint32_t pid, status;
	struct timespec exited_at;
	struct stream in, out, err;
	int opening;
	struct process **holder;
	struct err *held_err;
	struct loop_timer deadline, killed;
	uint64_t patience;
	struct ttrpc_request request, wait, forget;
	Caisson__Guest__V1__Process *exec_spec;
	char *exec_json;
	void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer);
	void (*created)(struct process *process, const struct process_result *result);
	void (*started)(struct process *process, const struct process_result *result);
	void (*deleted)(struct process *process, const struct process_result *result);
	void (*frozen)(struct process *process, const struct process_result *result);
	void (*adopted)(struct process *process, const struct process_result *result);
	void (*drained)(struct process *process);
	void (*stopped)(struct process *process);
	void *userdata;
};

/**
 * process_new() - a process in state NONE
 * @exec_id, @stdio: copied; @exec_id is "" for the container's first
 * @log: output is copied to it; may be NULL
 */
struct process *process_new(struct container *container, const char *exec_id,
			    const struct process_stdio *stdio, struct iolog *log);

/**
 * process_free() - forget it, without callbacks and without ending it in the guest
 *
 * One that was only ADDED is forgotten there too.
 */
void process_free(struct process *process);

/** process_is_live() - is it there, and has not ended? @process: may be NULL */
static inline bool process_is_live(const struct process *process)
{
	return process && process->state >= PROCESS_CREATED && process->state <= PROCESS_PAUSED;
}

/** process_is_drained() - has all output reached its reader, and its streams their ends? */
static inline bool process_is_drained(const struct process *process)
{
	return stream_done(&process->out) && stream_done(&process->err);
}

/** process_watch() - hear of its end, from the guest that there is now. Return: 0 or negative errno. */
int process_watch(struct process *process);

/**
 * process_create() - open its streams and create it in the guest; @process->created follows
 * @exec: what to run, for an exec; taken over, freed with rpc_free(). NULL: the container's spec, or @json
 * @json: what to run instead, as OCI has it, where the container is a bundle; taken over
 *
 * Its sandbox must be READY.
 */
void process_create(struct process *process, Caisson__Guest__V1__Process *exec, char *json);

/**
 * process_release() - for who holds it back: the guest may be asked for it
 * @holder: his pointer to it, which becomes NULL; it may be that already
 * @err: why it cannot be created; NULL: it can
 */
void process_release(struct process **holder, const struct err *err);

/**
 * process_starting() - it is about to be let run, from CREATED or ADDED only; @process->started follows
 *
 * A guest for which neither process_start() nor process_not_started() comes, or that has not answered, or
 * process_create(), in the time that it has for its boot is taken for broken: TTRPC_DEADLINE_EXCEEDED. A container that
 * shares its VM may be there all the same, which is not broken for the others: one that was to start is RUNNING then,
 * and of one that was to be created and came to its VM later @process->deleted follows once the guest has nothing of it.
 */
void process_starting(struct process *process);

/** process_not_started() - what had to be done first has failed; after process_starting() */
void process_not_started(struct process *process, const struct err *err);

/** process_start() - let it run; after process_starting() */
void process_start(struct process *process);

/** process_delete() - end it before it ever ran, from CREATED or ADDED; @process->deleted follows
 */
void process_delete(struct process *process);

/**
 * process_forget() - have the guest remove a container that has ended, whose first process it is; @process->deleted
 * follows
 *
 * Nothing of it is left there then; or after an error, of a guest that refuses or does not answer within
 * PROCESS_GUEST_FORGETS, nobody knows. The state stays STOPPED.
 */
void process_forget(struct process *p);

/**
 * process_pause() - stop all processes of the container, from RUNNING; @process->frozen follows
 * @standby: and then the VM, as long as nobody needs it
 *
 * If they do not stop in the time that a guest has for an answer, they go on: DEADLINE_EXCEEDED.
 */
void process_pause(struct process *process, bool standby);

/** process_resume() - from PAUSING or PAUSED, let them go on; @process->frozen follows */
void process_resume(struct process *process);

/** process_freeze_lost() - for process_lost(): whoever pauses it, or has it go on, will hear nothing of the guest any more */
void process_freeze_lost(struct process *process, const char *message);

/**
 * process_signal() - send it a signal, if there is a guest to do that; nobody hears how it went
 *
 * A paused VM runs from then on: the process may end of it. A guest that does not answer SIGKILL is lost, and its VM ends.
 */
void process_signal(struct process *process, int signo);

/**
 * process_killed() - the first process of a container whose VM others may be in was sent SIGKILL
 *
 * A guest may say that it has done so, and not tell of the end: if that has not come after PROCESS_GUEST_ENDS, there is no
 * other way left to be rid of the container, and the VM ends.
 */
void process_killed(struct process *process);

/** process_resize() - its terminal has another size; as process_signal() */
void process_resize(struct process *process, uint32_t columns, uint32_t rows);

/** process_end() - it has ended so, and the guest knows nothing of it (hollow.h); @process->stopped follows */
void process_end(struct process *process, uint32_t status);

/** process_lost() - the VM is gone: what was printed is delivered, the status is 137 */
void process_lost(struct process *process);

/**
 * process_close_input() - no more stdin than its user has written (containerd's CloseIO)
 */
void process_close_input(struct process *process);
