/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

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
#define ACCEL_PROBE_DEADLINE_ONLY (60 * NSEC_PER_SEC)

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
