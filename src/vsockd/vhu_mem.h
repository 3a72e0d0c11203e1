/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The guest's memory, as the front-end describes it: regions of shared files. Every access to it
 * gets its pointer here; a range that is not wholly inside one region has none.
 *
 * The front-end could cut a file short after its size was checked. A system call given such a page
 * fails with EFAULT, and our own access raises SIGBUS, which ends the process: vhu_mem_guard().
 */

#define VHU_MEM_REGIONS_MAX 8

/** struct vhu_mem_entry - one region on the wire (vhost-user, "Memory region description") */
struct vhu_mem_entry {
	uint64_t guest_phys;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};

/**
 * struct vhu_region - one mapped region
 * @host: where guest address @guest_phys is here
 * @map, @map_len: the mapping that holds it
 */
struct vhu_region {
	uint64_t guest_phys, user_addr, size;
	uint8_t *host;
	void *map;
	size_t map_len;
};

struct vhu_mem {
	size_t n;
	struct vhu_region regions[VHU_MEM_REGIONS_MAX];
};

#define VHU_MEM_NULL   \
	{              \
		.n = 0 \
	}

/**
 * vhu_mem_set() - map a new table; the old one is unmapped
 * @fds: one for each entry, only used during the call
 *
 * Refused: no region or too many, empty or wrapping ranges, ranges that overlap, a descriptor that
 * is no regular file (memfd and hugetlbfs are), a file shorter than its region.
 *
 * Return: 0, or negative errno and the old table still stands.
 */
int vhu_mem_set(struct vhu_mem *mem, const struct vhu_mem_entry *entries, size_t n, const int *fds);

/** vhu_mem_deinit() - unmap all */
void vhu_mem_deinit(struct vhu_mem *mem);

/** vhu_mem_guest() - pointer to @len bytes at a guest-physical address, or NULL */
void *vhu_mem_guest(const struct vhu_mem *mem, uint64_t addr, uint64_t len);

/** vhu_mem_user() - pointer to @len bytes at an address of the front-end's process, or NULL */
void *vhu_mem_user(const struct vhu_mem *mem, uint64_t addr, uint64_t len);

/** vhu_mem_guard() - from now on a truncated file ends the process cleanly. Return: 0 or -errno. */
int vhu_mem_guard(void);
