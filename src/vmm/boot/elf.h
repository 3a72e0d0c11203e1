/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * elf_check_kernel() - is this a kernel that a VMM can enter directly?
 * @fd: of the file; its position does not matter
 * @ret_why: on -ENOEXEC, what is wrong, as "is not …" or "has no …"
 *
 * That is: a complete 64-bit x86 executable with a PVH entry, the Xen note of type 18
 * (XEN_ELFNOTE_PHYS32_ENTRY; xen/include/public/elfnote.h, "x86/HVM direct boot ABI").
 *
 * Return: 0, -ENOEXEC, or the negative errno of read().
 */
int elf_check_kernel(int fd, const char **ret_why);

/**
 * elf_load_end() - where the guest memory ends that a kernel is loaded into
 * @fd: of a file that elf_check_kernel() found good
 * @ret: guest physical address; UINT64_MAX where the file makes no sense
 *
 * Return: 0, -ENOEXEC, or the negative errno of read().
 */
int elf_load_end(int fd, uint64_t *ret);

/** elf_notes_have_pvh() - look for that note in the content of a PT_NOTE segment */
bool elf_notes_have_pvh(const void *notes, size_t len);

/** elf_is_elf() - do these first bytes of a file say ELF? */
bool elf_is_elf(const void *head, size_t len);

/** Longer names of kernel versions do not occur (UTS_RELEASE is at most 64 bytes). */
#define ELF_VERSION_MAX 65

/**
 * elf_linux_version() - the version that an uncompressed kernel calls itself
 * @ret: "6.1.0-39-cloud-amd64"; empty where the file holds none
 *
 * Searches the file for the kernel's banner.
 *
 * Return: 0 or the negative errno of read().
 */
int elf_linux_version(int fd, char ret[ELF_VERSION_MAX]);
