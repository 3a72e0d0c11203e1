/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/vhu_mem.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/seal.h"

SEAL_ALLOW(fstat);
SEAL_ALLOW(newfstatat);
SEAL_ALLOW_ARG(mmap, 2, PROT_EXEC, 0);
SEAL_ALLOW(munmap);
SEAL_ALLOW(madvise);

static bool ranges_meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static int check_entry(const struct vhu_mem_entry *e)
{
	uint64_t end;

	if (e->size == 0 || e->size > SIZE_MAX / 2)
		return -EINVAL;
	if (__builtin_add_overflow(e->guest_phys, e->size, &end) ||
	    __builtin_add_overflow(e->user_addr, e->size, &end) ||
	    __builtin_add_overflow(e->mmap_offset, e->size, &end) || end > INT64_MAX)
		return -EOVERFLOW;
	return 0;
}

static int check_table(const struct vhu_mem_entry *e, size_t n)
{
	int r;

	if (n == 0 || n > VHU_MEM_REGIONS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		r = check_entry(&e[i]);
		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (ranges_meet(e[i].guest_phys, e[i].size, e[k].guest_phys, e[k].size) ||
			    ranges_meet(e[i].user_addr, e[i].size, e[k].user_addr, e[k].size))
				return -EINVAL;
	}
	return 0;
}

static int map_region(struct vhu_region *region, const struct vhu_mem_entry *e, int fd)
{
	uint64_t start, block;
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size < e->mmap_offset + e->size)
		return -EINVAL;
	/* Huge pages are mapped from a boundary of theirs, which is what st_blksize says there. */
	block = st.st_blksize > 4096 ? (uint64_t)st.st_blksize : 4096;
	if (block & (block - 1))
		return -EINVAL;
	start = e->mmap_offset & ~(block - 1);
	*region = (struct vhu_region){
		.guest_phys = e->guest_phys,
		.user_addr = e->user_addr,
		.size = e->size,
		.map_len = (size_t)(e->mmap_offset - start + e->size),
	};
	map = mmap(NULL, region->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		   (off_t)start);
	if (map == MAP_FAILED)
		return -errno;
	/*
	 * A core of ours must not hold the guest's memory. Not every file can do that; no matter.
	 */
	(void)madvise(map, region->map_len, MADV_DONTDUMP);
	region->map = map;
	region->host = (uint8_t *)map + (e->mmap_offset - start);
	return 0;
}

int vhu_mem_set(struct vhu_mem *mem, const struct vhu_mem_entry *entries, size_t n, const int *fds)
{
	struct vhu_mem next = VHU_MEM_NULL;
	int r = check_table(entries, n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = map_region(&next.regions[i], &entries[i], fds[i]);
		if (r == 0)
			next.n++;
	}
	if (r < 0) {
		vhu_mem_deinit(&next);
		return r;
	}
	vhu_mem_deinit(mem);
	*mem = next;
	return 0;
}

void vhu_mem_deinit(struct vhu_mem *mem)
{
	for (size_t i = 0; i < mem->n; i++)
		(void)munmap(mem->regions[i].map, mem->regions[i].map_len);
	mem->n = 0;
}

static void *lookup(const struct vhu_region *region, uint64_t base, uint64_t addr, uint64_t len)
{
	uint64_t offset = addr - base;

	if (addr < base || offset >= region->size || len > region->size - offset)
		return NULL;
	return region->host + offset;
}

void *vhu_mem_guest(const struct vhu_mem *mem, uint64_t addr, uint64_t len)
{
	for (size_t i = 0; i < mem->n; i++) {
		const struct vhu_region *region = &mem->regions[i];
		void *p = lookup(region, region->guest_phys, addr, len);

		if (p)
			return p;
	}
	return NULL;
}

void *vhu_mem_user(const struct vhu_mem *mem, uint64_t addr, uint64_t len)
{
	for (size_t i = 0; i < mem->n; i++) {
		const struct vhu_region *region = &mem->regions[i];
		void *p = lookup(region, region->user_addr, addr, len);

		if (p)
			return p;
	}
	return NULL;
}

SEAL_ALLOW(write);
SEAL_ALLOW(exit_group);

static _noreturn_ void memory_gone(int signo _unused_)
{
	static const char text[] = "caisson-vsockd: the guest's memory was cut short\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

int vhu_mem_guard(void)
{
	const struct sigaction action = {.sa_handler = memory_gone};

	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}
