/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "loop/loop.h"

/*
 * Control groups, version 2 (Documentation/admin-guide/cgroup-v2.rst). Each container has one of
 * its own, directly below the root and named after the container; vminitd itself stays in the root.
 *
 * The file system is mounted nowhere, but held by a descriptor: no container can reach it through
 * vminitd's mounts. The same groups show wherever else cgroup2 is mounted in this VM.
 */

#define CGROUP_CONTROLLERS_MAX 256

/**
 * struct cgroups - the file system
 * @root: of it; -EBADF: this kernel has none
 * @controllers: those that containers have, with blanks between them
 */
struct cgroups {
	int root;
	char controllers[CGROUP_CONTROLLERS_MAX];
};

#define CGROUPS_NULL           \
	{                      \
		.root = -EBADF \
	}

/** cgroups_init() - mount, and give all controllers to containers. Return: 0 or negative errno. */
int cgroups_init(struct cgroups *cgroups);

/**
 * struct cgroup - that of a container
 * @dir: its folder; -EBADF: it has none
 * @spare: not 0: its name has this behind the container's
 * @oom_kills: processes that the kernel has killed so far because memory ran out
 * @frozen: called when cgroup_freeze() has taken effect
 * @oom: called when @oom_kills has grown
 */
struct cgroup {
	int dir, events_fd, memory_fd;
	unsigned int spare;
	struct loop_io events_io, memory_io;
	uint64_t oom_kills;
	void (*frozen)(struct cgroup *cgroup);
	void (*oom)(struct cgroup *cgroup);
};

/** cgroup_init() - none yet */
void cgroup_init(struct cgroup *cgroup);

/**
 * cgroup_make() - a group without processes
 * @id: the container's, valid
 * @exact: somebody else relies on its name
 *
 * What is left of an earlier container of that name is removed first. While that has processes, this
 * one gets another name; unless @exact.
 *
 * Return: 0 or negative errno: -ENODEV when there are no control groups at all, -EEXIST.
 */
int cgroup_make(struct cgroup *cgroup, const struct cgroups *cgroups, const char *id, bool exact);

/** cgroup_watch() - @oom will be called from @loop. Return: 0 or negative errno. */
int cgroup_watch(struct cgroup *cgroup, struct loop *loop);

/** cgroup_remove() - remove it; its processes have ended. Harmless when there is none. */
void cgroup_remove(struct cgroup *cgroup, const struct cgroups *cgroups, const char *id);

/**
 * cgroup_freeze() - stop all processes; @frozen follows when the last one has stopped
 *
 * SIGKILL ends frozen ones nevertheless. Return: 0 or negative errno.
 */
int cgroup_freeze(struct cgroup *cgroup, struct loop *loop);

/** cgroup_thaw() - let them go on. Return: 0 or negative errno. */
int cgroup_thaw(struct cgroup *cgroup);

/** cgroup_read() - one of its files, cut to @size - 1 bytes. Return: length or negative errno. */
ssize_t cgroup_read(const struct cgroup *cgroup, const char *file, char *buf, size_t size);

/** cgroup_write() - into one of its files. Return: 0 or negative errno. */
int cgroup_write(const struct cgroup *cgroup, const char *file, const char *value);

/**
 * cgroup_line() - walk over "NAME VALUE" lines, as in memory.stat
 * @text: where to go on; is written to
 * @ret_value: what follows the first blank; "" if nothing does
 *
 * Return: the name, or NULL at the end.
 */
char *cgroup_line(char **text, char **ret_value);
