/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A machine for tests of all that vminitd does: places of its own, where bundles and mounts may be
 * made, and what would change the machine that runs the test does not reach its kernel: its clock,
 * its disks, its random numbers. crun is a function of the test's, whose processes only wait. The
 * linker is told to wrap execve(), ioctl(), clock_settime() and sync().
 */

/* The address of its one NIC, as bytes and as text. */
#define MACHINE_NIC	 "\x02mac_0"
#define MACHINE_NIC_TEXT "02:6d:61:63:5f:30"

/** machine_begin() - as root, in namespaces of the test's own; or the test is skipped */
void machine_begin(void);

/** machine_crun_begins() - called in crun's process, if set: what fails there is not vminitd's */
extern void (*machine_crun_begins)(void);

/**
 * machine_remember() - it is as it should be between two tests: what is mounted, what is in vminitd's
 * folders, and how many descriptors there are
 */
void machine_remember(void);

/** machine_expect_clean() - and so it is again */
void machine_expect_clean(void);

/** machine_clean() - without bundles, and mounts of the Mount service */
void machine_clean(void);
