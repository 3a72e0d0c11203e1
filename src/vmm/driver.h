/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vmm/vmm.h"

/*
 * What a driver implements, and how it reports. Only src/vmm includes this.
 *
 * A driver's callbacks from the loop call at most one vmm_notify_*() and as the last thing they do:
 * the VM may be freed in it.
 */

/**
 * struct vmm_ops - one kind of VMM; all are required that do not say otherwise
 * @name: as in vmm_driver()
 * @title: as people write it, for messages
 * @program: what is looked for in $PATH when the spec names no program; NULL: it has to
 * @traits: in what it differs
 * @check_program: is that executable one of those that are known? Return: 0 or negative errno with a message;
 *	NULL: who knows
 * @start: start the VMM's process for a checked spec; @owner is for the notifications; *@ret_vm is
 *	set on success. Nothing may be reported before it returns.
 * @pause, @resume: begin; one vmm_notify_reply() follows unless the VM ends first. Only called
 *	while no other is on its way. Return: 0 or negative errno.
 * @set_rates: as those two; of checked rates, for devices of which there is at least one
 * @flush_metrics: as @pause; NULL: it has no figures of itself
 * @disk_attach, @disk_detach: the same with slots, with a message where they fail; NULL where there are none
 * @snapshot: as these, of one that is paused; NULL: it cannot
 * @pid: of the VMM's process, 0 once it is reaped
 * @free: kill, reap, release; no notification afterwards
 */
struct vmm_ops {
	const char *name, *title, *program;
	struct vmm_traits traits;
	int (*check_program)(const char *program, struct err *err);
	int (*start)(struct loop *loop, const struct vmm_spec *spec, struct vmm *owner,
		     void **ret_vm, struct err *err);
	int (*pause)(void *vm);
	int (*resume)(void *vm);
	int (*set_rates)(void *vm, const struct vmm_rates *rates);
	int (*flush_metrics)(void *vm);
	int (*disk_attach)(void *vm, size_t slot, const struct vmm_disk *disk, struct err *err);
	int (*disk_detach)(void *vm, size_t slot, struct err *err);
	int (*snapshot)(void *vm);
	pid_t (*pid)(const void *vm);
	void (*free)(void *vm);
};

extern const struct vmm_ops vmm_firecracker_ops;
extern const struct vmm_ops vmm_qemu_ops;
extern const struct vmm_ops vmm_fake_ops;

/** vmm_notify_event() - something happened to the VM */
void vmm_notify_event(struct vmm *vmm, enum vmm_event event);

/** vmm_notify_reply() - the operation on its way has ended; @message may be NULL */
void vmm_notify_reply(struct vmm *vmm, int r, const char *message);

/** vmm_notify_exit() - the VMM's process is gone and reaped; nothing comes after this */
void vmm_notify_exit(struct vmm *vmm, int status, const char *message);

/** vmm_notify_failure() - instead of vmm_notify_exit(): the driver had to kill it; @why: for vmm_exit.failure */
void vmm_notify_failure(struct vmm *vmm, const char *why);
