/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * The control group that a container's processes have on the host, in version 1 (a folder in each
 * hierarchy) or 2 (one folder).
 *
 * It is kept as its places: absolute paths of those folders, in which "/./" stands where the mounted
 * file system begins: "/sys/fs/cgroup/memory/./docker/ID". Nothing else need be remembered to remove it.
 */

#define CGROUP_PATH_MAX 1024

/**
 * cgroup_places() - where the group is to be
 * @path: as a bundle's linux.cgroupsPath: from the root of each hierarchy if it begins with "/", else
 *	from the caller's own group (version 1) or the one above that (version 2), as with runc; empty: @id
 * @ret: what is found is appended; nothing where no control groups are mounted
 *
 * Return: 0 or negative errno with a message: -EINVAL for a path that leads elsewhere or nowhere.
 */
int cgroup_places(const char *path, const char *id, struct strv *ret, struct err *err);

/** cgroup_places_in() - the same. @mountinfo, @self: what /proc/self/mountinfo and …/cgroup say */
int cgroup_places_in(const char *mountinfo, const char *self, const char *path, const char *id,
		     struct strv *ret, struct err *err);

/**
 * cgroup_systemd_path() - what cgroup_places() takes, from what engines that use systemd say
 * @name: "SLICE:PREFIX:NAME"; empty: as with runc, a scope of system.slice
 * @ret: the folder that systemd has for that scope; free() it
 *
 * Return: 0; -EINVAL for another form, -EOPNOTSUPP where systemd does not run, with a message.
 */
int cgroup_systemd_path(const char *name, const char *id, char **ret, struct err *err);

/** cgroup_scope_path() - the same, wherever it is called. Return: 0 or -EINVAL with a message. */
int cgroup_scope_path(const char *name, const char *id, char **ret, struct err *err);

/** cgroup_is_v2() - Return: whether the places are of version 2 */
bool cgroup_is_v2(const struct strv *places);

/**
 * cgroup_make() - make the group, with all that is above it
 *
 * One that is there is made anew, unless it has processes or groups in it: then it is somebody else's.
 *
 * Return: 0, -EBUSY or another negative errno, with a message: nothing was made.
 */
int cgroup_make(const struct strv *places, struct err *err);

/**
 * cgroup_set() - set a limit
 * @file: in whichever of the places there is one of that name
 *
 * Return: 0, -ENOENT where none has it, or another negative errno, with a message.
 */
int cgroup_set(const struct strv *places, const char *file, const char *value, struct err *err);

/** cgroup_join() - move the calling process into it. Return: 0 or negative errno with a message. */
int cgroup_join(const struct strv *places, struct err *err);

/** cgroup_leave() - move a process out, to the root. Return: whether it was in it. */
bool cgroup_leave(const struct strv *places, pid_t pid);

/* Milliseconds: those of a virtual machine that was killed may take this long on a busy host. */
#define CGROUP_PATIENCE 10000

/**
 * cgroup_remove() - remove it; what is not there is no error
 * @patience: milliseconds that processes in it, on their way out, may take to end
 *
 * Return: 0, or -EBUSY or another negative errno: some of it is still there.
 */
int cgroup_remove(const struct strv *places, unsigned int patience);
