/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/spawner.h"
#include "guest/task/executor.h"
#include "loop/loop.h"

/**
 * struct direct - the executor for a container that owns the VM
 * @base: what the Task service uses
 * @null_fd: /dev/null; the caller's
 * @root_dir: made when it is missing
 * @spawner: of the container's execs, which are in @processes
 *
 * One container at a time. It has a PID namespace, whose first process it is, and a mount
 * namespace; host name, network and all else are the VM's. So nothing in it sees or signals
 * vminitd, and when its first process ends the kernel ends all others.
 */
struct direct {
	struct executor base;
	struct loop *loop;
	int null_fd;
	const char *root_dir;
	struct process_table *processes;
	struct spawner spawner;
};

#define DIRECT_NULL               \
	{                         \
		.null_fd = -EBADF \
	}

/**
 * direct_init() - an executor without a container
 *
 * Return: 0 or negative errno.
 */
int direct_init(struct direct *direct, struct loop *loop, struct process_table *processes,
		const struct executor_events *events, int null_fd, const char *root_dir);

/** direct_deinit() - may be called again */
void direct_deinit(struct direct *direct);
