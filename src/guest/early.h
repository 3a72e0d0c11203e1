/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/cmdline.h"

/*
 * What has to be there before a VM can do anything. All of it is content with finding things done.
 *
 * Of file systems vminitd needs /proc alone, and has it by a descriptor: what is mounted nowhere is
 * in no container's mount namespace, and costs nothing when one is made. A container mounts its
 * own.
 */

/** early_console() - make sure that descriptors 0, 1 and 2 exist: the console, or nothing */
void early_console(void);

/** early_null() - open /dev/null, which may not be there yet. Return: descriptor, negative errno.
 */
int early_null(void);

/** early_proc() - make a procfs of this PID namespace. Return: its root, or negative errno. */
int early_proc(void);

/** early_modules() - load the initramfs' kernel modules, and forget their files */
void early_modules(void);

/** early_cmdline() - read the kernel command line. Return: 0 or negative errno. */
int early_cmdline(int proc, struct cmdline *ret);

/** early_loopback() - set `lo` up; a kernel without network is no error */
void early_loopback(void);

/** early_oom() - when memory runs out, let the kernel kill anyone else first */
void early_oom(int proc);
