/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vmm/firecracker/jail.h"

/*
 * Places for disks that come while a VM runs. Firecracker can be told to open another file for a drive, and whether
 * it may write to that was said at the start. So there is a folder of small files, one for each drive that waits:
 * by its serial the guest finds it, and no two files have the same.
 *
 * In a jail that folder is a mount of which the jail has a copy that follows it. So what is mounted on one of the
 * files, out here, is there as well, and Firecracker opens the same path again.
 */

/** The folder, in the VM's run_dir. */
#define FC_SLOTS_FOLDER "slots"

/**
 * struct fc_slots - the folder
 * @dir: descriptor of it; -EBADF: there is none
 * @path: of it
 * @jail: whose it is seen by; its uid is 0: nobody's
 */
struct fc_slots {
	int dir;
	char *path;
	struct vmm_jail jail;
	struct vmm_slots count;
};

#define FC_SLOTS_NULL                       \
	{                                   \
		.dir = -EBADF, .path = NULL \
	}

/**
 * fc_slots_make() - the folder and what is in it, if the VM has any
 * @slots: end it with fc_slots_done(), in any case
 *
 * With a jail, the mount namespace has to be the caller's alone. Return: 0 or negative errno with a message.
 */
int fc_slots_make(const struct vmm_spec *spec, struct fc_slots *slots, struct err *err);

/** fc_slots_count() - how many there are */
static inline size_t fc_slots_count(const struct fc_slots *slots)
{
	return slots->count.writable + slots->count.readonly;
}

/** fc_slots_tree() - what the jail is to have of it. Return: a mount that is nowhere yet, or negative errno. */
int fc_slots_tree(const struct fc_slots *slots);

/**
 * fc_slots_fill() - let Firecracker see a disk
 * @disk: its @fd has to stay open for as long as that is to be so
 * @ret_path: where Firecracker is to open it, a new string
 *
 * Return: 0 or negative errno with a message.
 */
int fc_slots_fill(const struct fc_slots *slots, size_t i, const struct vmm_disk *disk,
		  char **ret_path, struct err *err);

/** fc_slots_clear() - not any more: at fc_slots_path() is the small file again */
void fc_slots_clear(const struct fc_slots *slots, size_t i);

/** fc_slots_path() - where Firecracker finds the small file. Return: a new string. */
char *fc_slots_path(const struct fc_slots *slots, size_t i);

/** fc_slots_done() - the folder goes; may be called again */
void fc_slots_done(struct fc_slots *slots);
