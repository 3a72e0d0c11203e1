/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <unistd.h>

#include "vmm/boot/kernel.h"

/*
 * Inside of kernel.h's functions: the same with the folders as arguments, for tests.
 */

/**
 * struct kernel_places - where kernels come from
 * @cache: ours
 * @system: root's, if that is another one; or NULL
 * @boot: the distribution's kernels, "vmlinuz-VERSION"
 * @modules: a folder "VERSION" for each
 * @pc: they are for PCs, with PCI
 */
struct kernel_places {
	const char *cache;
	const char *system;
	const char *boot;
	const char *modules;
	bool pc;
};

#define KERNEL_PLACES(cache_dir)                                                             \
	{                                                                                    \
		.cache = (cache_dir), .system = geteuid() == 0 ? NULL : KERNEL_SYSTEM_CACHE, \
		.boot = "/boot", .modules = "/lib/modules"                                   \
	}

/** kernel_resolve_at() - kernel_resolve() */
int kernel_resolve_at(const struct kernel_places *places, const char *wanted, struct kernel *ret,
		      struct err *err);

/** kernel_list_at() - kernel_list() */
int kernel_list_at(const struct kernel_places *places, struct kernel_list *ret, struct err *err);

/** kernel_use_at() - kernel_use() */
int kernel_use_at(const struct kernel_places *places, const char *name, struct err *err);

/**
 * kernel_find() - turn what somebody asked for into an entry of a list
 * @wanted: NULL for the default one; no path
 *
 * Return: index in @list; -ENOENT; -ENOTUNIQ.
 */
int kernel_find(const struct kernel_list *list, const char *wanted, struct err *err);

/**
 * kernel_prepare() - make the kernel in @path ready: unpacked if need be, its modules found
 * @ret: set on success, but for its name
 *
 * Return: 0 or negative errno, with a message.
 */
int kernel_prepare(const struct kernel_places *places, const char *path, struct kernel *ret,
		   struct err *err);

/**
 * kernel_check() - is @path a kernel that can be booted as it is?
 *
 * Return: 0; -ENOEXEC; or why it cannot be read.
 */
int kernel_check(const char *path, struct err *err);
