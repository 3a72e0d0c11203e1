/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "loop/loop.h"
#include "vmm/vmm.h"

/*
 * KVM or TCG, found out by trying.
 *
 * That /dev/kvm opens says little: on many nested and cloud machines it makes VMs on which no
 * ordinary kernel runs. So a guest is run to its end under KVM, once, and the result remembered
 * until the machine boots again or the VMM or the kernel changes.
 */

/**
 * Longer than this and the accelerator counts as one that does not work; where there is no other to fall back to
 * nothing is won by giving up early.
 */
#define ACCEL_PROBE_DEADLINE	  (5 * NSEC_PER_SEC)
#define ACCEL_PROBE_DEADLINE_ONLY (30 * NSEC_PER_SEC)

/**
 * struct accel_probe_args - what the trial guest is made of
 * @cache_dir: the result is kept in "<cache_dir>/accel"; made if it is not there
 * @driver: from vmm_driver()
 * @program: the VMM's executable; NULL: the driver's own choice, from $PATH
 * @kernel, @initrd: as in struct vmm_spec; the initramfs's /init must end the VM at once when it
 *	finds ABI_CMDLINE_PROBE on the command line
 * @deadline: nanoseconds that the trial may take; 0: one of the above
 * @kvm_device: NULL: "/dev/kvm" (for tests)
 */
struct accel_probe_args {
	const char *cache_dir;
	const struct vmm_ops *driver;
	const char *program;
	const char *kernel;
	const char *initrd;
	uint64_t deadline;
	const char *kvm_device;
};

/**
 * vmm_accel_resolve() - turn "auto" into KVM or TCG; make sure that KVM works where it is wanted
 *
 * Takes the time of two small file reads when the result is known; otherwise it blocks until the
 * trial guest has ended, at most @deadline. Of several callers at once one tries, the others wait.
 *
 * Return: 0; -ENODEV or what opening the device gave: KVM was asked for and does not work, @err
 * says why; another negative errno: the trial could not be made (AUTO: TCG is returned then too).
 */
int vmm_accel_resolve(enum vmm_accel wanted, const struct accel_probe_args *args,
		      enum vmm_accel *ret, struct err *err);

/**
 * struct accel_trial - the same in a process of its own, beside a loop
 * @accel: what came of it
 * @done: called once, with what vmm_accel_resolve() would return; vmm_accel_end() may be called in it
 */
struct accel_trial {
	struct proc proc;
	int fd;
	struct loop_io io;
	enum vmm_accel accel;
	void (*done)(struct accel_trial *trial, int r, const struct err *err);
};

#define ACCEL_TRIAL_NULL                                             \
	{                                                            \
		.proc = PROC_NULL, .fd = -EBADF, .io = LOOP_IO_NULL, \
	}

/**
 * vmm_accel_begin() - what vmm_accel_resolve() does, without blocking
 * @trial: ACCEL_TRIAL_NULL before, with @done set
 * @args: may go afterwards
 *
 * Return: 1: @done follows, unless vmm_accel_end() is called before; 0: @trial->accel says it already; or negative
 * errno with a message.
 */
int vmm_accel_begin(struct loop *loop, struct accel_trial *trial, enum vmm_accel wanted,
		    const struct accel_probe_args *args, struct err *err);

/** vmm_accel_end() - end the trial, and its guest, if it still goes on; may be called again */
void vmm_accel_end(struct accel_trial *trial);
