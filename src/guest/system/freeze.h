/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/*
 * Freezing file systems (ioctl_fifreeze): what is written goes to the disks, and who writes more
 * waits. Only those on a block device can be frozen: of all others nothing is left in a disk.
 */

/**
 * freeze_mounts() - freeze what a process sees mounted
 * @pid: of vminitd's PID namespace; 0: the caller
 * @out: each mount point that was frozen is written here, and a NUL; -EBADF: nowhere
 *
 * May take as long as writing takes. What is frozen already is left out.
 */
void freeze_mounts(pid_t pid, int out);

/** thaw_mounts() - the reverse; what is not frozen stays as it is */
void thaw_mounts(pid_t pid);
