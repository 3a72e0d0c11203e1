/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>
#include <string.h>

#include "cmd/attach.h"
#include "cmd/client.h"
#include "cmd/compose.h"
#include "cmd/mount-option.h"
#include "cmd/spawn.h"
#include "cmd/timing.h"
#include "image/image.h"
#include "sandbox/bundle.h"
#include "sandbox/conf.h"
#include "sandbox/record.h"

/* Between run.c and run-prepare.c. */

/**
 * struct run - the options, and what has been made so far
 * @ext4: it is a file system of somebody else's
 * @interrupted: until there is a shim to talk to, a signal means: undo what was begun
 */
struct run {
	bool remove, interactive, terminal, detach, timing, ext4, read_only, privileged;
	struct strv env, annotations, ports;
	const char *network, *systemd;
	struct mount_options mounts;
	const char *supervisor_config, *bundle, *pid_file;
	const char *workdir, *user, *name, *entrypoint, *executor, *hypervisor, *accel, *kernel;
	const char *rootfs_mode, *volume_mode, *machine;
	uint64_t memory, rootfs_size, disk_rate, net_rate;
	uint32_t cpus, boot_timeout, disk_iops, placeholders, placeholders_ro;

	const volatile sig_atomic_t *interrupted;
	struct conf conf;
	struct paths paths;
	struct image image;
	struct compose compose;
	struct bundle files;
	struct sandbox_spec spec;
	struct record record;
	struct spawned shim;
	struct client client;
	struct attach attach;
	struct timing times;
};

/** run_form() - what the image is wanted as */
static inline enum image_form run_form(const struct run *run)
{
	return run->rootfs_mode && strcmp(run->rootfs_mode, SANDBOX_ROOTFS_MODE_DEFAULT) != 0
		       ? IMAGE_DISK
		       : IMAGE_FOLDER;
}

/**
 * run_prepare() - find the image or the bundle, and write the container's record
 * @words: the command; ends with NULL
 *
 * Return: 0 or negative errno with a message.
 */
int run_prepare(struct run *run, const char *reference, char **words, struct err *err);

/** run_furnish() - put into the record what the VM takes from there. Return: as run_prepare(). */
int run_furnish(struct run *run, struct err *err);
