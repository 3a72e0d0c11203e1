/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vmm/vmm.h"

/*
 * What Firecracker sees, when the jailer has put it into a jail: a small tmpfs in a mount namespace of its own,
 * which goes with its processes. In it are mounted the VM's folder, the folder of its vsock, and each file that it
 * may use, with the jail's user for the file's owner (an idmapped mount), so that nobody's file is changed.
 */

/** The folder of the jailer's jails in the VM's run_dir; empty for everybody else. */
#define FC_JAIL_BASE VMM_FIRECRACKER_JAIL

/* Five folders, the kernel, the initramfs; and disks. */
#define FC_SEEN_MAX (7 + VMM_DISKS_MAX)

/**
 * struct fc_seen - something to be seen in the jail
 * @tree: a mount of it that is mounted nowhere yet
 */
struct fc_seen {
	int tree;
	char where[17];
	bool folder;
};

struct fc_slots;

/**
 * fc_jail_see() - make a mount of something for a jail's user
 * @fd: of it
 * @readonly: nobody writes to it there
 * @what: for messages
 * @ret: its tree is owned by the caller, also after a failure
 *
 * Return: 0 or negative errno with a message that names @what.
 */
int fc_jail_see(struct fc_seen *ret, int fd, const struct vmm_jail *jail, bool readonly,
		const char *what, struct err *err);

/**
 * struct fc_jail - to make one
 * @spec: with a jail
 * @program: path of Firecracker; the jailer has its name for a folder
 * @id: the jail's
 * @dir: descriptor of the VM's folder
 * @slots: places for disks that come later
 * @seen, @n: of fc_jail_prepare()
 */
struct fc_jail {
	const struct vmm_spec *spec;
	const char *program, *id;
	int dir;
	const struct fc_slots *slots;
	struct fc_seen seen[FC_SEEN_MAX];
	size_t n;
};

/**
 * fc_jail_prepare() - collect what is to be seen there, and give the VM's folder to its user
 * @jail: end it with fc_jail_done(), in any case
 *
 * Return: 0 or negative errno with a message.
 */
int fc_jail_prepare(struct fc_jail *jail, struct err *err);

/**
 * fc_jail_make() - a struct proc_spec's prepare: in the process that becomes the jailer
 * @data: struct fc_jail. No mount of the caller's namespace may be shared with another one
 *
 * Return: 0 or negative errno with a message.
 */
int fc_jail_make(void *data, struct err *err);

/** fc_vsock_folder() - where the socket of a VM's vsock is. Return: descriptor, or negative errno with a message. */
int fc_vsock_folder(const struct vmm_spec *spec, struct err *err);

/** fc_jail_done() - may be called again */
void fc_jail_done(struct fc_jail *jail);
