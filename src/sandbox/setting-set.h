/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/conf.h"
#include "sandbox/spec.h"

/* What settings do, for the table in setting.c. */

/**
 * struct setting_value - what a container says
 * @name: the variable or annotation, for messages
 * @value: printable ASCII, not empty
 * @spec: gets it
 */
struct setting_value {
	const char *name, *value;
	struct sandbox_spec *spec;
	const struct conf *conf;
};

/** setting_memory() - bytes, of which whole MiB are taken. Return: 0 or negative errno with a message. */
int setting_memory(const struct setting_value *value, struct err *err);
/** setting_cpus() - a whole number of CPUs. Return: as setting_memory(). */
int setting_cpus(const struct setting_value *value, struct err *err);
/** setting_rate() - one of sandbox/rates.h, by its name. Return: as setting_memory(). */
int setting_rate(const struct setting_value *value, struct err *err);
/** setting_hypervisor() - a word of VMM_HYPERVISORS. Return: as setting_memory(). */
int setting_hypervisor(const struct setting_value *value, struct err *err);
/** setting_kernel() - a name, or a path below a folder of CONF_KERNEL_ALLOW. Return: as setting_memory(). */
int setting_kernel(const struct setting_value *value, struct err *err);
/** setting_kernel_append() - words for the kernel's command line. Return: as setting_memory(). */
int setting_kernel_append(const struct setting_value *value, struct err *err);
/** setting_log_level() - how much of the guest's console is kept, and whether stages are told. Return: as setting_memory(). */
int setting_log_level(const struct setting_value *value, struct err *err);
/** setting_kernel_debug() - all of it, with all that the kernel says. Return: as setting_memory(). */
int setting_kernel_debug(const struct setting_value *value, struct err *err);
/** setting_rootfs_size() - bytes of a container's own disk, where it has one. Return: as setting_memory(). */
int setting_rootfs_size(const struct setting_value *value, struct err *err);
/** setting_prealloc() - is all memory taken at once? Return: as setting_memory(). */
int setting_prealloc(const struct setting_value *value, struct err *err);
/** setting_huge() - is it of huge pages? Return: as setting_memory(). */
int setting_huge(const struct setting_value *value, struct err *err);
/** setting_systemd() - is the first process systemd? Return: as setting_memory(). */
int setting_systemd(const struct setting_value *value, struct err *err);

/** setting_virtiofs_cache() - what the guest keeps of shared files. Return: as setting_memory(). */
int setting_virtiofs_cache(const struct setting_value *value, struct err *err);
/** setting_placeholders(), setting_placeholders_ro() - numbers. Return: as setting_memory(). */
int setting_placeholders(const struct setting_value *value, struct err *err);
int setting_placeholders_ro(const struct setting_value *value, struct err *err);

/** setting_volume_mode() - a word of SANDBOX_VOLUME_MODES. Return: as setting_memory(). */
int setting_volume_mode(const struct setting_value *value, struct err *err);
/** setting_machine() - a word of VMM_MACHINES. Return: as setting_memory(). */
int setting_machine(const struct setting_value *value, struct err *err);
/** setting_bios() - EFI, of a PC. Return: as setting_memory(). */
int setting_bios(const struct setting_value *value, struct err *err);
/** setting_display() - a word of SANDBOX_DISPLAYS, of a PC. Return: as setting_memory(). */
int setting_display(const struct setting_value *value, struct err *err);
/** setting_vga() - a word of VMM_VGAS, of a PC. Return: as setting_memory(). */
int setting_vga(const struct setting_value *value, struct err *err);
/** setting_usb() - has a PC any? Return: as setting_memory(). */
int setting_usb(const struct setting_value *value, struct err *err);
/** setting_vnc() - the number of a PC's display, of TCP and 127.0.0.1. Return: as setting_memory(). */
int setting_vnc(const struct setting_value *value, struct err *err);
/** setting_disks() - disks besides the root (disk.h). Return: as setting_memory(). */
int setting_disks(const struct setting_value *value, struct err *err);
/** setting_cgroupfs() - the version of the guest's control groups, which is 2. Return: as setting_memory(). */
int setting_cgroupfs(const struct setting_value *value, struct err *err);
