/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/strv.h"
#include "vmm/vmm.h"

/** The first descriptor that QEMU inherits; qemu_argv() counts up from here. */
#define QEMU_FD_BASE 3
#define QEMU_FDS_MAX (2 + VMM_SHARES_MAX + VMM_DISKS_MAX + VMM_NICS_MAX)

/** The names of its disks' devices, a number follows. */
#define QEMU_DISK_ID "disk-device"

/** The name under which QEMU is looked for in $PATH. */
#define QEMU_PROGRAM "qemu-system-x86_64"

/**
 * struct qemu_command - what QEMU is started with
 * @argv: owned
 * @bus: how names of virtio devices end there
 * @fds: become QEMU_FD_BASE, QEMU_FD_BASE + 1, …; borrowed
 */
struct qemu_command {
	struct strv argv;
	const char *bus;
	int fds[QEMU_FDS_MAX];
	size_t n_fds;
};

#define QEMU_COMMAND_NULL                     \
	{                                     \
		.argv = STRV_NULL, .n_fds = 0 \
	}

/**
 * qemu_argv() - QEMU's command line for a VM; no system call, no state
 * @spec: checked by vmm_start()
 * @qmp_fd: QEMU's end of the control connection
 * @tsc_khz: of the host; 0: unknown. Used under TCG.
 *
 * Return: 0, or -E2BIG when the kernel's command line gets too long.
 */
int qemu_argv(const struct vmm_spec *spec, int qmp_fd, uint32_t tsc_khz, struct qemu_command *ret);

/** qemu_add_pc() - inside of qemu_argv(): what a PC has besides. @pc: checked by vmm_start() */
void qemu_add_pc(struct qemu_command *command, const struct vmm_pc *pc);

/** qemu_escape() - the same: a new string in which commas are QEMU's: two for one */
char *qemu_escape(const char *s);

/** qemu_command_done() - free; may be called again */
void qemu_command_done(struct qemu_command *command);
#define _cleanup_qemu_command_ __attribute__((cleanup(qemu_command_done)))
