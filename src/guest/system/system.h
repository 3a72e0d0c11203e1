/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/task.h"
#include "guest/worker.h"
#include "system.pb-c.h"

/**
 * struct system - the service "caisson.guest.v1.System": the guest as a whole
 * @task: for its containers
 * @frozen: file systems may be
 * @workers: do what takes long
 * @undo: what takes back that which is under way, should it fail
 * @describe_supervisor: fills what Info says of the supervisor; NULL: there is none
 *
 * One thing at a time: FreezeFilesystems, ThawFilesystems and PrepareShutdown are refused while one
 * of them is under way.
 */
struct system {
	struct loop *loop;
	struct task *task;
	void (*describe_supervisor)(Caisson__Guest__V1__Supervisor *ret);
	struct workers *workers;
	struct worker worker;
	bool frozen;
	int (*undo)(void *arg, int out);
	struct ttrpc_call *call;
	struct loop_timer deadline;
};

/** system_thaw() - whatever is frozen goes on, soon: processes that are to end can */
void system_thaw(struct system *system);

/**
 * system_init() - @loop, @task and @describe_supervisor are set by the caller
 * @workers: kept
 *
 * Return: the service; @system is its userdata.
 */
struct ttrpc_service system_init(struct system *system, struct workers *workers);
