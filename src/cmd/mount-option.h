/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/strv.h"
#include "sandbox/spec.h"

/* --volume, --mount and --tmpfs of `caisson run`, as `docker run` has them, and --disk. */

/**
 * struct mount_options - what was given of each
 */
struct mount_options {
	struct strv volumes, mounts, tmpfs, disks;
};

enum mount_kind {
	MOUNT_PATH,   /* a folder or file of the host's */
	MOUNT_VOLUME, /* a named volume */
	MOUNT_TMPFS,
	MOUNT_DISK, /* a file or block device of the host's */
};

/**
 * struct mount_option - one of them
 * @source: path, or name; TMPFS: its options; DISK: as volumes have it (sandbox/volume.h)
 * @target: absolute, without "." and "//"
 * @make: a folder that is not there is made
 */
struct mount_option {
	enum mount_kind kind;
	char *source, *target;
	bool readonly, make;
};

#define MOUNT_OPTION_NULL                      \
	{                                      \
		.source = NULL, .target = NULL \
	}

/** mount_option_volume(), mount_option_mount(), mount_option_tmpfs(), mount_option_disk() - read one
 * @ret: of which what was read is set in any case; end with mount_option_done()
 *
 * Return: 0 or -EINVAL or -ENOTSUP with a message.
 */
int mount_option_volume(const char *text, struct mount_option *ret, struct err *err);
int mount_option_mount(const char *text, struct mount_option *ret, struct err *err);
int mount_option_tmpfs(const char *text, struct mount_option *ret, struct err *err);
int mount_option_disk(const char *text, struct mount_option *ret, struct err *err);

/** mount_option_disk_of() - the same, said elsewhere: @option, for messages */
int mount_option_disk_of(const char *option, const char *text, struct mount_option *ret,
			 struct err *err);

/** mount_option_done() - may be called again */
void mount_option_done(struct mount_option *option);

/**
 * mount_options_check() - read all of them, and do nothing
 *
 * Return: 0, or negative errno with a message.
 */
int mount_options_check(const struct mount_options *options, struct err *err);

/**
 * mount_options_apply() - find all of them, and put them into a spec in the order in which they are mounted
 * @root: where named volumes are kept
 *
 * Return: 0, or negative errno with a message.
 */
int mount_options_apply(const struct mount_options *options, const char *root,
			struct sandbox_spec *spec, struct err *err);

/** mount_options_done() - may be called again */
void mount_options_done(struct mount_options *options);
