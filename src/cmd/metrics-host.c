/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/metrics-host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"

/* A VMM has a thousand mappings at most, of 700 bytes each. */
#define MAPS_MAX (4u << 20)
/* Names that the kernel has for what is mapped of a memory file, as QEMU has it for its guest. */
#define GUEST_FILE "memfd:memory-backend"
/* No VM has less, not even a part of one's that is mapped apart; and nothing else of a VMM's that it writes to is as large:
 * what QEMU has translated it executes, too. */
#define GUEST_MIN (32u << 20)
/* A VMM starts nothing that starts something that … */
#define DEPTH_MAX 8

static const char *const names[] = {
	[METRICS_SHIM] = "shim",
	[METRICS_VMM] = "vmm",
	[METRICS_HELPERS] = "helpers",
	[METRICS_GUEST] = "guest",
};
_Static_assert(ARRAY_SIZE(names) == METRICS_PART_MAX, "a name for each part");

/* By how the kernel calls them; all others are helpers. */
static const struct {
	const char *begins;
	enum metrics_part part;
} programs[] = {
	{"caisson-shim", METRICS_SHIM},
	{"qemu-system-", METRICS_VMM},
	{"firecracker", METRICS_VMM},
};

const char *metrics_part_name(enum metrics_part part)
{
	return names[part];
}

static enum metrics_part part_of(const struct metrics_process *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (str_starts(p->comm, programs[i].begins))
			return programs[i].part;
	return METRICS_HELPERS;
}

/* "PID (NAME) STATE PARENT …", in which NAME is whatever somebody likes. */
static bool parse_stat(char *text, struct metrics_process *p)
{
	char *name = strchr(text, '('), *end = strrchr(text, ')');
	int parent;

	if (!name || !end || sscanf(end, ") %*c %d", &parent) != 1)
		return false;
	*end = '\0';
	p->parent = parent;
	(void)snprintf(p->comm, sizeof(p->comm), "%s", name + 1);
	return true;
}

static bool read_process(int proc, const char *name, struct metrics_process *p)
{
	_cleanup_free_ char *path = xasprintf("%s/stat", name), *text = NULL;
	uint32_t pid;

	if (parse_u32(name, 1, INT32_MAX, &pid) < 0 ||
	    file_slurp_at(proc, path, 4096, &text, NULL) < 0)
		return false;
	p->pid = (pid_t)pid;
	return parse_stat(text, p);
}

int metrics_tree_read(struct metrics_tree *ret)
{
	_cleanup_dir_ DIR *proc = dir_open(AT_FDCWD, "/proc");
	const char *name;
	size_t size = 0;

	*ret = (struct metrics_tree){.n = 0};
	if (!proc)
		return -errno;
	while ((name = dir_next(proc))) {
		if (ret->n == size) {
			size = size ? 2 * size : 256;
			ret->v = xreallocarray(ret->v, size, sizeof(*ret->v));
		}
		if (read_process(dirfd(proc), name, &ret->v[ret->n]))
			ret->n++;
	}
	return 0;
}

/* "FROM-TO RIGHTS OFFSET DEVICE INODE  NAME". Return: whether it begins a mapping. */
static bool begins_mapping(const char *line, bool vmm, bool *ret_guest)
{
	unsigned long long from, to;
	char rights[5];

	if (sscanf(line, "%llx-%llx %4s", &from, &to, rights) != 3)
		return false;
	*ret_guest = strstr(line, GUEST_FILE) ||
		     (vmm && strncmp(rights, "rw-", 3) == 0 && to - from >= GUEST_MIN);
	return true;
}

/* Pages that are huge by hugetlbfs are in no set: they are told of apart. Return: bytes. */
static uint64_t size_in(const char *line)
{
	static const char *const keys[] = {"Pss:", "Private_Hugetlb:", "Shared_Hugetlb:"};
	unsigned long long kb;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = str_starts(line, keys[i]);

		if (value && sscanf(value, " %llu", &kb) == 1)
			return kb << 10;
	}
	return 0;
}

void metrics_maps_add(char *text, bool vmm, uint64_t *ret_guest, uint64_t *ret_rest)
{
	bool guest = false;

	for (char *line; (line = strsep(&text, "\n"));)
		if (!begins_mapping(line, vmm, &guest))
			*(guest ? ret_guest : ret_rest) += size_in(line);
}

static void measure(const struct metrics_process *p, struct metrics_host *ret)
{
	enum metrics_part part = part_of(p);
	_cleanup_free_ char *path = xasprintf("/proc/%d/smaps", (int)p->pid), *text = NULL;

	ret->processes[part]++;
	if (file_slurp_at(AT_FDCWD, path, MAPS_MAX, &text, NULL) == 0)
		metrics_maps_add(text, part == METRICS_VMM, &ret->bytes[METRICS_GUEST],
				 &ret->bytes[part]);
}

static void measure_below(const struct metrics_tree *tree, pid_t pid, int depth,
			  struct metrics_host *ret)
{
	for (size_t i = 0; i < tree->n; i++) {
		if (tree->v[i].pid == pid)
			measure(&tree->v[i], ret);
		else if (tree->v[i].parent == pid && depth < DEPTH_MAX)
			measure_below(tree, tree->v[i].pid, depth + 1, ret);
	}
}

void metrics_host_measure(const struct metrics_tree *tree, pid_t keeper, struct metrics_host *ret)
{
	*ret = (struct metrics_host){.bytes = {0}};
	measure_below(tree, keeper, 0, ret);
}
