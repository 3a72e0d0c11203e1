/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cmd/metrics-facts.h"
#include "cmd/metrics-host.h"

/**
 * struct metrics_container - what is known of a container, and of its VM, at a scrape
 * @root: the folder that it is kept in
 * @vm: the container that its VM was started for, by which that goes: of a pod, its sandbox
 * @id: its own
 * @memory: bytes, the VM's
 * @state: a word; NULL: the shim does not answer, and nothing that follows is known
 * @facts: what has been answered; of a paused one not by its guest, which is not woken for that
 * @host: what the VM takes of this machine; of the one it was started for
 */
struct metrics_container {
	char *root, *vm, *id, *hypervisor;
	uint64_t memory;
	const char *state;
	struct metrics_facts facts;
	struct metrics_host host;
};

/** metrics_container_done() - may be called again */
void metrics_container_done(struct metrics_container *c);

/** metrics_is_vm() - is it the one that its VM was started for? */
bool metrics_is_vm(const struct metrics_container *c);

/**
 * metrics_print() - all that is known, in Prometheus' text exposition format
 * @list: of each VM, one has its own name
 * @seconds: how long it took to find out
 */
void metrics_print(FILE *out, const struct metrics_container *const *list, size_t n,
		   double seconds);
