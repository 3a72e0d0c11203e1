/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What processes are for, of those that a VM has on the host; and the guest's memory, which they share. */
enum metrics_part {
	METRICS_SHIM,
	METRICS_VMM,
	METRICS_HELPERS, /* virtiofsd and the like */
	METRICS_GUEST,
	METRICS_PART_MAX,
};

/** metrics_part_name() - a word */
const char *metrics_part_name(enum metrics_part part);

/**
 * struct metrics_host - what a VM takes of this machine
 * @bytes: proportional set sizes; of METRICS_GUEST what the guest has touched of its memory
 * @processes: how many; of METRICS_GUEST none
 */
struct metrics_host {
	uint64_t bytes[METRICS_PART_MAX];
	unsigned int processes[METRICS_PART_MAX];
};

/**
 * struct metrics_tree - the processes of this machine, at some time
 */
struct metrics_tree {
	struct metrics_process {
		pid_t pid, parent;
		char comm[16];
	} * v;
	size_t n;
};

/** metrics_tree_read() - all that there are now; free(@ret->v). Return: 0 or negative errno. */
int metrics_tree_read(struct metrics_tree *ret);

/**
 * metrics_host_measure() - what a process and all below it take
 * @keeper: the process that stands for a container
 *
 * What ends meanwhile, or is not ours to look at, counts as nothing.
 */
void metrics_host_measure(const struct metrics_tree *tree, pid_t keeper, struct metrics_host *ret);

/**
 * metrics_maps_add() - take a /proc/PID/smaps apart
 * @text: is written to
 * @vmm: it is a VMM's, in which the guest's memory need have no name
 * @ret_guest, @ret_rest: bytes are added
 */
void metrics_maps_add(char *text, bool vmm, uint64_t *ret_guest, uint64_t *ret_rest);
