/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/supervisor/logfile.h"
#include "guest/supervisor/supervisor-policy.h"
#include "guest/task/cgroup.h"
#include "system.pb-c.h"

/*
 * The supervisor: an optional agent beside the containers, in vminitd's own root file system and
 * process IDs. Where there is none nothing is done. It is kept running (guest/supervisor/supervisor-policy.h)
 * until the VM ends:
 *
 *	ABSENT --start()--> BACKING_OFF <--failed, exited-- RUNNING
 *			      |  |  `-----started-------------^
 *			      |  `--too often--> GIVEN_UP
 *			      `--stop()--> STOPPED, from any state but ABSENT
 *
 * BACKING_OFF is also while it is being started. What it leaves behind in its control group, and in
 * its process group, is killed at its end.
 */

#define SUPERVISOR_ERROR_MAX 200

/* No container can have this name. */
#define SUPERVISOR_CGROUP ".spin-supervisor"

/**
 * struct supervisor_places - where everything is
 * @programs: the first that is there is run; ends with NULL
 * @pid_file: in @pid_dir
 * @machine: give it /proc, /sys and /dev, in a mount namespace of its own
 */
struct supervisor_places {
	const char *const *programs;
	const char *pid_dir, *pid_file, *log_file;
	bool machine;
};

/** The places in a VM. */
extern const struct supervisor_places supervisor_places;

/**
 * struct supervisor - the agent and its process
 * @places: kept, not copied
 * @null_fd: /dev/null, borrowed
 * @metadata_port: vsock port of the host that it is told of
 * @cgroups: where its control group is made; may be NULL
 * @changed: may be NULL; the state or something that shows with it is another now
 * @pid: 0: there is no process
 * @ctl: what its start says: nothing when the program runs, else why it does not
 */
struct supervisor {
	struct loop *loop;
	const struct supervisor_places *places;
	int null_fd;
	uint32_t metadata_port;
	const struct cgroups *cgroups;
	void (*changed)(struct supervisor *supervisor);

	Caisson__Guest__V1__Supervisor__State state;
	struct supervisor_policy policy;
	const char *program;
	pid_t pid;
	bool start_failed;
	int ctl;
	struct loop_io ctl_io;
	struct loop_timer again;
	struct logfile log;
	struct cgroup cgroup;
	uint32_t restarts, last_exit_status;
	bool has_exited;
	Google__Protobuf__Timestamp last_exited_at;
	char last_error[SUPERVISOR_ERROR_MAX];
};

/** supervisor_init() - nothing happens yet; @cgroups and @changed are set afterwards */
void supervisor_init(struct supervisor *supervisor, struct loop *loop,
		     const struct supervisor_places *places, int null_fd, uint32_t metadata_port);

/** supervisor_start() - run the program, if there is one; else nothing */
void supervisor_start(struct supervisor *supervisor);

/** supervisor_unavailable() - there is none, and should be one: why */
void supervisor_unavailable(struct supervisor *supervisor, const char *why);

/**
 * supervisor_reaped() - a child of vminitd has ended
 * @status: exit status, or 128 + signal
 *
 * Return: was it the supervisor?
 */
bool supervisor_reaped(struct supervisor *supervisor, pid_t pid, uint32_t status);

/** supervisor_alive() - is there a process that was not reaped yet? */
static inline bool supervisor_alive(const struct supervisor *supervisor)
{
	return supervisor->pid > 0;
}

/**
 * supervisor_stop() - SIGTERM, and no start any more; may be called again
 *
 * Return: was it sent, now?
 */
bool supervisor_stop(struct supervisor *supervisor);

/** supervisor_kill() - supervisor_stop() with SIGKILL, to all that it has started */
void supervisor_kill(struct supervisor *supervisor);

/** supervisor_fill() - how it is doing; @ret points into @supervisor */
void supervisor_fill(const struct supervisor *supervisor, Caisson__Guest__V1__Supervisor *ret);

/** supervisor_deinit() - the process is left alone; may be called again */
void supervisor_deinit(struct supervisor *supervisor);
