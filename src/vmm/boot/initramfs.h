/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/*
 * The initramfs: an uncompressed newc cpio archive (Documentation/driver-api/early-userspace/
 * buffer-format.rst in the kernel's tree) with /init, /dev/console, the folders that init mounts
 * on, and the kernel's modules as include/abi/abi.h says. The same input gives the same bytes.
 *
 * <cache_dir>/initramfs/<key>.cpio is keyed by the identity (device, inode, size, times) of all
 * that went in, so that a known one costs one stat a file.
 */

/**
 * struct initramfs_program - a program of the host's that the guest has too
 * @path: on the host
 * @guest_path: in the guest
 * @standin: path of a library that it gets instead of the host's of that name, if that fits (standin.h); NULL:
 *	none
 * @beside, @beside_guest_path: the same of another one, which is static; NULL: none
 *
 * What it is linked with comes along, at the paths that the dynamic loader finds it at by default.
 */
struct initramfs_program {
	const char *path, *guest_path, *standin, *beside, *beside_guest_path;
};

/**
 * initramfs_get() - the initramfs for this init and these modules; made if it is not there
 * @cache_dir: made if it is not there
 * @init: path of a static executable
 * @modules: paths of kernel modules in the order to load, possibly compressed (.gz, .xz, .zst);
 *	NULL-terminated; may be NULL
 * @program: may be NULL
 * @ret_path: set on success; free() it
 *
 * Return: 0 or negative errno.
 */
int initramfs_get(const char *cache_dir, const char *init, const char *const *modules,
		  const struct initramfs_program *program, char **ret_path, struct err *err);
