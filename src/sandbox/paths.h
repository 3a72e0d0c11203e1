/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>

#include "base/err.h"

/**
 * struct paths - the folders that everything of ours lives in
 * @root: images and containers; survives a reboot ($CAISSON_ROOT, /var/lib/caisson)
 * @run: sockets of running containers ($CAISSON_RUN, /run/caisson)
 * @cache: what can be made again: kernels, initramfs ($CAISSON_CACHE, /var/cache/caisson)
 * @programs: where the running program is; found out early, as the answer holds for the root and
 *	the mounts that the process has then
 *
 * Not root: $XDG_DATA_HOME/caisson, $XDG_RUNTIME_DIR/caisson, $XDG_CACHE_HOME/caisson.
 */
struct paths {
	char *root, *run, *cache, *programs;
};

#define PATHS_NULL                                                         \
	{                                                                  \
		.root = NULL, .run = NULL, .cache = NULL, .programs = NULL \
	}

/**
 * paths_find() - find out where the folders are, which need not be there: for who looks for what others have made
 * @ret: set on success; end with paths_done()
 *
 * Return: 0 or negative errno with a message.
 */
int paths_find(struct paths *ret, struct err *err);

/**
 * paths_init() - the same, and make them: for root, others may walk through @root and read
 * @cache; else they may do nothing
 * @ret: set on success; end with paths_done()
 *
 * Return: 0 or negative errno with a message.
 */
int paths_init(struct paths *ret, struct err *err);

/* In the usual @run, and so no container's name there: the roots of containerd's namespaces. */
#define PATHS_CONTAINERD "containerd"

/** paths_default_run() - where @run is without $CAISSON_RUN; free() it */
char *paths_default_run(void);

/**
 * paths_set_root() - keep containers in a folder of somebody's choice, apart from all others: the paths of
 *	this process, and of all that it starts, are others from here on
 * @root: becomes their @root; @run follows from it
 *
 * Return: 0 or negative errno with a message.
 */
int paths_set_root(const char *root, struct err *err);

/** paths_command() - "caisson", and after paths_set_root() with --root, as it is typed: for messages that name a command */
const char *paths_command(void);

/** paths_run_of() - what @run follows from @root then, which is an absolute path; free() it */
char *paths_run_of(const char *root);

/** paths_containerd() - the folder in which containerd's namespaces have a @root each, with their names; free() it */
char *paths_containerd(void);

/** paths_leave_root() - after paths_set_root(): its folder of sockets does not stay when it is empty */
void paths_leave_root(void);

/** paths_done() - may be called again */
void paths_done(struct paths *paths);

/* The systemd of a guest's crun (src/guest/standin), as a program of ours. */
#define PATHS_CRUN_SYSTEMD "standin/libsystemd.so.0"

/**
 * paths_program() - where a program of ours is: beside the running one, or in ../libexec/caisson
 * @name: for instance "caisson-shim"
 *
 * Return: a new string; the latter of the two if it is in neither.
 */
char *paths_program(const struct paths *paths, const char *name);

/**
 * paths_open_program() - open it for reading, without making any folder of ours
 *
 * Return: a descriptor, or negative errno with a message.
 */
int paths_open_program(const char *name, struct err *err);
