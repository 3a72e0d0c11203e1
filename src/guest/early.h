/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/cmdline.h"

/*
 * What has to be there before a VM can do anything. All of it is content with finding things done.
 *
 * Of file systems vminitd needs /proc alone: a container mounts its own, and each that is there
 * costs time in every boot, and again in every mount namespace that is made.
 */

/** early_console() - make sure that descriptors 0, 1 and 2 exist: the console, or nothing */
void early_console(void);

/** early_null() - open /dev/null, which may not be there yet. Return: descriptor, negative errno.
 */
int early_null(void);

/** early_proc() - mount /proc. Return: 0 or negative errno. */
int early_proc(void);

/** early_detach() - in a new mount namespace: drop what early_proc() mounted */
void early_detach(void);

/** early_modules() - load the initramfs' kernel modules, and forget their files */
void early_modules(void);

/** early_cmdline() - read the kernel command line. Return: 0 or negative errno. */
int early_cmdline(struct cmdline *ret);

/** early_loopback() - set `lo` up; a kernel without network is no error */
void early_loopback(void);

/** early_oom() - when memory runs out, let the kernel kill anyone else first */
void early_oom(void);
