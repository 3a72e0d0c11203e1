/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/sandbox.h"

/*
 * The making of a VM: what may block or fail first, then the programs, the VMM last, since it takes
 * connected or bound sockets. Those are made here, before the programs that serve them are started,
 * so nobody waits for anybody to be ready, and all of them come up beside the guest's boot.
 */

struct launch_callbacks {
	void (*vmm_exited)(void *sandbox, const struct vmm_exit *result);
	void (*vmm_event)(void *sandbox, enum vmm_event event);
	void (*helper_died)(struct helper *helper, int status);
	void (*tried)(struct accel_trial *trial, int r, const struct err *err);
};

/**
 * launch_begin() - find what the VM boots, and how
 *
 * Return: 0: launch() is next; 1: it is once @callbacks->tried has been called; or negative errno with a message.
 */
int launch_begin(struct sandbox *sandbox, const struct launch_callbacks *callbacks,
		 struct err *err);

/**
 * launch() - mount the root file system, start vsockd, virtiofsd or 9pd, and the VMM
 *
 * What was started before a failure is the caller's to stop.
 *
 * Return: 0 or negative errno with a message.
 */
int launch(struct sandbox *sandbox, struct err *err);

/** launch_virtiofsd() - the program that shares folders; NULL: there is none on this machine */
const char *launch_virtiofsd(void);

/** launch_undo() - unmount the root file system, once nobody serves it any more, and forget what was planned */
void launch_undo(struct sandbox *sandbox);
