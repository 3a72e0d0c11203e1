/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ttrpc/client.h"
#include "vmm/vmm.h"

/*
 * Disks that come while the VM runs, and go: each is in one of the places that the VM was started with (struct
 * vmm_slots), and mounted in a container. What they are made of, and who else may use them, is as with disks that
 * were there from the start (disk-open.h). One comes, or goes, at a time.
 */

struct sandbox;
struct disk;

enum slot_state {
	SLOT_EMPTY,
	SLOT_BUSY, /* its disk comes or goes */
	SLOT_MOUNTED,
	SLOT_LOST, /* nobody knows what is in it: it is not used again */
};

/**
 * struct slot - one place
 * @fd: of the disk, which nobody else uses as long as this is open
 * @container, @target: where it is mounted
 * @source: the disk's, for messages
 */
struct slot {
	enum slot_state state;
	int fd;
	char *container, *target, *source;
};

/**
 * struct slots - those of a VM
 * @count: how many it has
 * @busy: the one whose disk comes or goes, for @done; NULL: none
 * @size: bytes of its disk, as the guest sees it
 * @readonly, @grow: how it is mounted
 * @why: why it goes again, while it does
 */
struct slots {
	struct sandbox *sandbox;
	struct vmm_slots count;
	struct slot all[VMM_DISKS_MAX];
	struct slot *busy;
	uint64_t size;
	bool readonly, grow, device;
	struct err why;
	struct ttrpc_request request;
	void (*done)(void *userdata, const struct err *err);
	void *userdata;
};

/** slots_init() - none */
void slots_init(struct slots *slots, struct sandbox *sandbox);

/**
 * slots_attach() - open a disk and mount it in a container that runs
 * @container: empty: in none, for one that is still to be made of it; the target is below the guest's /run/mounts then
 * @disk: its @source is absolute
 * @done: called once, if this returns 0; @err: why it could not be, and its place is empty; NULL: it is mounted
 *
 * Return: 0; -EBUSY with a message: another one is coming or going; -ENOSPC with one: no place is empty; -ENOTSUP,
 * with one: there are none; or another negative errno with one.
 */
int slots_attach(struct slots *slots, const char *container, const struct disk *disk,
		 void (*done)(void *userdata, const struct err *err), void *userdata,
		 struct err *err);

/**
 * slots_detach() - unmount a disk that came so, and close it
 * @target: where the container has it
 * @done: as above; after an error it is still mounted, but where the error says otherwise
 *
 * Return: 0; -ENOENT with a message: there is none; or as slots_attach().
 */
int slots_detach(struct slots *slots, const char *container, const char *target,
		 void (*done)(void *userdata, const struct err *err), void *userdata,
		 struct err *err);

/** slots_filled() - is there any disk in them? */
bool slots_filled(const struct slots *slots);

/** slots_end() - the VM is gone; whoever waits is told. May be called again */
void slots_end(struct slots *slots);
