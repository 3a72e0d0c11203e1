/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * Which kernel a guest boots.
 *
 * <cache_dir>/kernels/<key>/vmlinux   tuned kernels, <key> is 64 hexadecimal digits
 * <cache_dir>/kernels/default	       symbolic link to one of the keys, or to "distro"
 * KERNEL_SYSTEM_CACHE/kernels	       the same, for who is not root: they come after the user's own
 * <cache_dir>/vmlinux/<key>/	       what was made once out of other kernels: "vmlinux", and
 *				       "modules", the files to load
 */

/** Root's cache, whose tuned kernels others boot, too. */
#define KERNEL_SYSTEM_CACHE "/var/cache/caisson"

/** The name of the distribution's own kernel. */
#define KERNEL_DISTRO "distro"

/**
 * struct kernel - a kernel ready to boot
 * @name: tuned: its key; else the path it came from
 * @tuned: one of our own
 * @bzimage: path of the file that it was unpacked of; NULL: of none
 * @vmlinux: path of the uncompressed ELF file
 * @load_end: guest memory that it needs before it does anything, bytes
 * @modules: paths of the module files that the guest has to load, in this order; may be empty
 */
struct kernel {
	char *name;
	bool tuned;
	char *vmlinux, *bzimage;
	uint64_t load_end;
	struct strv modules;
};

#define KERNEL_NULL                                                                  \
	{                                                                            \
		.name = NULL, .vmlinux = NULL, .bzimage = NULL, .modules = STRV_NULL \
	}

/**
 * kernel_resolve() - find a kernel and make it ready
 * @wanted: NULL: the default one, else the newest tuned one, else the distribution's; a name:
 *	KERNEL_DISTRO, a tuned kernel's key or the beginning of one (at least 4 digits); with a "/"
 *	in it: path of a vmlinux or bzImage
 * @ret: set on success; kernel_done() it
 *
 * A bzImage is unpacked once, and remembered.
 *
 * Return: 0; -ENOENT: no such kernel, or none at all; -ENOEXEC: not a kernel that can be booted
 * here; other negative errno.
 */
int kernel_resolve(const char *cache_dir, const char *wanted, struct kernel *ret, struct err *err);

/** kernel_resolve_pc() - the same for PCs: of those that have PCI. Tuned ones have none */
int kernel_resolve_pc(const char *cache_dir, const char *wanted, struct kernel *ret,
		      struct err *err);

/** kernel_done() - free all; may be called again */
void kernel_done(struct kernel *kernel);
#define _cleanup_kernel_ __attribute__((cleanup(kernel_done)))

/**
 * struct kernel_entry - one line of a list of kernels
 * @name: what kernel_resolve() takes
 * @path: of its file
 * @version: "6.1.0-39-cloud-amd64"; empty where it is not known, see kernel_list_versions()
 * @time: tuned: when it was made, nanoseconds of the real-time clock
 * @tuned: built for guests, not the distribution's
 * @is_default: kernel_resolve(…, NULL, …) would take it
 */
struct kernel_entry {
	char *name;
	char *path;
	char *version;
	uint64_t time;
	bool tuned;
	bool is_default;
};

struct kernel_list {
	struct kernel_entry *entries;
	size_t n;
};

#define KERNEL_LIST_NULL                \
	{                               \
		.entries = NULL, .n = 0 \
	}

/**
 * kernel_list() - tuned ones, newest first, then the distribution's. Return: 0 or negative errno.
 */
int kernel_list(const char *cache_dir, struct kernel_list *ret, struct err *err);

/** kernel_list_versions() - read the tuned ones' versions out of their files, 20 MB each */
void kernel_list_versions(struct kernel_list *list);

/** kernel_list_done() - free all; may be called again */
void kernel_list_done(struct kernel_list *list);

/**
 * kernel_use() - make a kernel the default
 * @name: as for kernel_resolve(), but no path
 *
 * Return: 0 or negative errno.
 */
int kernel_use(const char *cache_dir, const char *name, struct err *err);
