/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What has to be there before a VM can do anything. All of it is content with finding things done.
 *
 * vminitd mounts no file system for itself before it is needed (bundles, extra files): a container
 * mounts its own, and each one that is there costs time in every boot, and again in every mount
 * namespace that is made.
 */

/** early_console() - make sure that descriptors 0, 1 and 2 exist: the console, or nothing */
void early_console(void);

/**
 * early_null() - open /dev/null, which may not be there yet. Return: descriptor, negative errno.
 */
int early_null(void);

/** early_urandom() - open /dev/urandom, as early_null() */
int early_urandom(void);

/** early_modules() - load the initramfs' kernel modules, and forget their files */
void early_modules(void);

/** early_loopback() - set `lo` up; a kernel without network is no error */
void early_loopback(void);
