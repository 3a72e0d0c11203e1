/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BZIMAGE_VERSION_MAX 65

/** The part of a file that bzimage_parse() needs: 255 sectors of setup and the boot sector. */
#define BZIMAGE_SETUP_MAX (256 * 512)

/**
 * struct bzimage - the compressed kernel inside of a bzImage
 * @payload_offset, @payload_length: where in the file it is, without the size that is put after it
 * @vmlinux_size: that size: of the kernel once it is unpacked
 * @version: "6.1.0-39-cloud-amd64"; empty where there is none
 */
struct bzimage {
	uint64_t payload_offset;
	uint64_t payload_length;
	uint32_t vmlinux_size;
	char version[BZIMAGE_VERSION_MAX];
};

/**
 * bzimage_parse() - read the setup header (Documentation/x86/boot.rst, "The Real-Mode Kernel
 * Header"; protocol 2.08 and later)
 * @setup, @len: the first bytes of the file, as many of BZIMAGE_SETUP_MAX as there are
 * @file_size: of all of it
 * @ret: set on success; but for @vmlinux_size
 *
 * Return: 0, or -ENOEXEC: not a bzImage, or it is cut short.
 */
int bzimage_parse(const void *setup, size_t len, uint64_t file_size, struct bzimage *ret);

/**
 * bzimage_open() - bzimage_parse() of a file, with @vmlinux_size
 *
 * Return: 0, -ENOEXEC, or the negative errno of read().
 */
int bzimage_open(int fd, struct bzimage *ret);
