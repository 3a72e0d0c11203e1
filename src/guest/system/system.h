/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/job.h"
#include "guest/task/task.h"
#include "system.pb-c.h"

/**
 * struct system - the service "caisson.guest.v1.System": the guest as a whole
 * @task: for its containers
 * @frozen: file systems may be
 * @undo: what takes back the job that is under way, should it fail
 * @describe_supervisor: fills what Info says of the supervisor; NULL: there is none
 *
 * One thing at a time: FreezeFilesystems, ThawFilesystems and PrepareShutdown are refused while one
 * of them is under way.
 */
struct system {
	struct loop *loop;
	struct task *task;
	void (*describe_supervisor)(Caisson__Guest__V1__Supervisor *ret);
	struct job job;
	bool frozen;
	void (*undo)(void *arg, int out);
	struct ttrpc_call *call;
	struct loop_timer deadline;
};

/** system_thaw() - whatever is frozen goes on, soon: processes that are to end can */
void system_thaw(struct system *system);

/**
 * system_init() - @loop, @task and @describe_supervisor are set by the caller
 *
 * Return: the service; @system is its userdata.
 */
struct ttrpc_service system_init(struct system *system);
