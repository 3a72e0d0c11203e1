/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/disk.h"
#include "sandbox/oci-devices.h"
#include "sandbox/slots.h"

/*
 * Block devices of the host's that a container has as such (Kubernetes' volumeDevices), where it comes to a VM that
 * runs: each is put into one of the VM's places for disks (slots.h) before the container is created there, and goes
 * with it. In config.json they get the guest's numbers.
 */

struct container;

/**
 * struct blocks - those of a container
 * @n: how many; @next: the one that is on its way, from @source
 */
struct blocks {
	struct oci_block all[DISKS_MAX];
	size_t n, next;
	char *source;
	struct slots_waiter waiter;
	void (*done)(struct container *container, const struct err *err);
};

/** blocks_init() - none */
void blocks_init(struct blocks *blocks);

/** blocks_needed() - has it any that are not there yet? It has its config.json then */
bool blocks_needed(const struct container *container);

/**
 * blocks_attach() - have them come
 * @done: called once, perhaps from here, unless blocks_leave() is called before; @err: NULL: they are there
 */
void blocks_attach(struct container *container,
		   void (*done)(struct container *container, const struct err *err));

/** blocks_done() - forget them, the VM has gone; may be called again */
void blocks_done(struct blocks *blocks);

/** blocks_leave() - the container is gone in the guest: they follow, and nobody waits for that */
void blocks_leave(struct container *container);
