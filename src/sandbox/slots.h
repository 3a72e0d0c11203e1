/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "ttrpc/client.h"
#include "vmm/vmm.h"

/*
 * Disks that come while the VM runs, and go: each is in one of the places that the VM was started with (struct
 * vmm_slots), and mounted in a container, or a block device of one. What they are made of, and who else may use them,
 * is as with disks that were there from the start (disk-open.h). One comes, or goes, at a time.
 */

struct sandbox;
struct disk;

enum slot_state {
	SLOT_EMPTY,
	SLOT_BUSY,    /* its disk comes or goes */
	SLOT_MOUNTED, /* or, as it is, a device */
	SLOT_LOST,    /* nobody knows what is in it: it is not used again */
};

/**
 * struct slot - one place
 * @fd: of the disk, which nobody else uses as long as this is open
 * @container, @target: where it is mounted; no target: it is a device
 * @source: the disk's, for messages
 * @guest_device: the guest's number, of a device
 * @leaving: the container has gone
 */
struct slot {
	enum slot_state state;
	int fd;
	char *container, *target, *source;
	dev_t guest_device;
	bool leaving;
};

/** struct slots_waiter - who has something to do once no disk comes or goes. @call: it is taken out of the list before */
struct slots_waiter {
	struct list link;
	void (*call)(struct slots_waiter *waiter);
};

/**
 * struct slots - those of a VM
 * @count: how many it has
 * @busy: the one whose disk comes or goes, for @done; NULL: none
 * @size: bytes of its disk, as the guest sees it
 * @readonly, @grow: how it is mounted; @device: it is a block device of the host's, or else a file
 * @over: the VM has ended
 * @why: why it goes again, while it does
 * @next: the first whose container may have gone
 * @waiting: struct slots_waiter's
 */
struct slots {
	struct sandbox *sandbox;
	struct vmm_slots count;
	struct slot all[VMM_DISKS_MAX];
	struct slot *busy;
	uint64_t size;
	bool readonly, grow, device, over;
	struct err why;
	size_t next;
	struct list waiting;
	struct ttrpc_request request;
	void (*done)(void *userdata, const struct err *err);
	void *userdata;
};

/** slots_init() - none */
void slots_init(struct slots *slots, struct sandbox *sandbox);

/**
 * slots_attach() - open a disk and mount it in a container that runs
 * @container: empty: in none, for one that is still to be made of it; the target is below the guest's /run/mounts then
 * @disk: its @source is absolute; without a target it is not mounted: what is on it is nobody's here, and the container
 *	is still to be made
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

/** slots_device() - the guest's number of a disk that came without a target. Return: 0: there is none */
dev_t slots_device(const struct slots *slots, const char *container, const char *source);

/**
 * slots_wait() - call @waiter once no disk comes or goes, and the VMM does nothing else: it is its turn. list_del() of its
 *	link ends that
 */
void slots_wait(struct slots *slots, struct slots_waiter *waiter);

/** slots_go_on() - the VMM has done something else, for which others may have waited */
void slots_go_on(struct slots *slots);

/**
 * slots_forget() - a container has gone, in the guest too: its disks follow, one after the other, whether the guest likes
 *	it or not
 * @userdata: whoever waits with that is not told any more
 */
void slots_forget(struct slots *slots, const char *container, const void *userdata);

/** slots_filled() - is there any disk in them? */
bool slots_filled(const struct slots *slots);

/** slots_end() - the VM is gone; whoever waits is told. May be called again */
void slots_end(struct slots *slots);
