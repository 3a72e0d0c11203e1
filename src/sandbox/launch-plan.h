/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/abi.h"
#include "sandbox/conf.h"
#include "sandbox/disk.h"
#include "sandbox/launch.h"
#include "vmm/accel.h"
#include "vmm/boot/kernel.h"
#include "vmm/vmm.h"

/* Between launch.c and the other files that begin so. */

/**
 * struct launch_plan - what a launch has found out so far
 * @pc: of VMs that are one
 * @disks: those that the container has besides its root
 */
struct launch_plan {
	const struct launch_callbacks *callbacks;
	const struct vmm_ops *driver;
	struct kernel kernel;
	char *initramfs;
	struct vmm_vsock vsock;
	int vsock_peer, share_listen, console;
	char *share_path, *vnc_path;
	struct vmm_pc pc;
	struct conf conf;
	int extras, image, own, snapshot, restore;
	struct launch_disk {
		int fd;
		bool readonly, device;
		char serial[sizeof(ABI_DISK_SERIAL) + 8];
	} disks[DISKS_MAX];
	size_t n_disks;
	char port[sizeof(ABI_CMDLINE_PORT) + 16];
	char metadata_port[sizeof(ABI_CMDLINE_METADATA) + 16];
};

/**
 * launch_vsock() - make the guest's sockets, and start who serves them: caisson-vsockd, or the kernel
 *
 * Return: 0 or negative errno with a message.
 */
int launch_vsock(struct sandbox *sb, struct launch_plan *p, struct err *err);

/**
 * launch_jail() - choose the user of a VMM that is put into a jail; the share is made already
 *
 * Return: 0 or negative errno with a message.
 */
int launch_jail(struct sandbox *sb, struct launch_plan *p, struct err *err);

/**
 * launch_disks() - open what the container's disks besides its root are on; the share is made already
 *
 * Return: 0 or negative errno with a message.
 */
int launch_disks(struct sandbox *sb, struct launch_plan *p, struct err *err);

/**
 * launch_snapshot() - open where its VM can be saved, if it can, and what it begins from
 *
 * Return: 0 or negative errno with a message.
 */
int launch_snapshot(struct sandbox *sb, struct launch_plan *p, struct err *err);

/** launch_pc() - what a PC has, if the VM is to be one. Return: 0 or negative errno with a message. */
int launch_pc(struct sandbox *sb, struct launch_plan *p, struct err *err);

/** launch_shares() - does the host share anything with the VM, or may it have to? */
bool launch_shares(const struct sandbox *sb);

/** launch_mounts() - mount what the containers that there are have of the host. Return: 0 or negative errno with a message. */
int launch_mounts(struct sandbox *sb, struct err *err);

/** launch_share() - start virtiofsd or caisson-9pd for the mounted share. Return: 0 or negative errno with a message. */
int launch_share(struct sandbox *sb, struct launch_plan *p, struct err *err);
