/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * From what a user types after "run" to a folder that holds the image's files, and its settings.
 *
 * A reference is one of
 *
 *	docker-archive:FILE[:REPO:TAG]	what "docker save" and "podman save" write
 *	oci:DIR[:TAG]			an OCI image layout
 *	oci-archive:FILE[:TAG]		the same in a tar
 *	dir:ROOTFS			a folder that is used as it is
 *	[docker://]NAME[:TAG][@DIGEST]	from a registry, fetched by skopeo when it is not known yet
 *	[sha256:]ID			of what the store has; the beginning is enough
 *
 * A file or folder whose name holds a colon is tried as it stands before the part after the colon
 * is taken for a tag.
 */

/* Limits; the options can change those for entries and bytes. */
#define IMAGE_MANIFEST_MAX  (4u << 20)		/* bytes of an index or a manifest */
#define IMAGE_CONFIG_MAX    (8u << 20)		/* bytes of a configuration */
#define IMAGE_LAYERS_MAX    512u		/* layers of an image */
#define IMAGE_ENTRIES_MAX   UINT64_C(16000000)	/* tar entries of all layers together */
#define IMAGE_BYTES_MAX	    (UINT64_C(1) << 37) /* bytes of all layers as uncompressed tar */
#define IMAGE_STRINGS_MAX   4096u		/* variables of Env; words of a command */
#define IMAGE_STRING_MAX    131071u		/* bytes of one: the kernel's MAX_ARG_STRLEN */
#define IMAGE_ARGUMENTS_MAX (2u << 20)		/* bytes of them all: what the kernel takes */
#define IMAGE_REFERENCE_MAX 4096u		/* bytes of a reference */

/**
 * struct image_config - what an image says about the process to run in it
 * @entrypoint, @cmd: Entrypoint and Cmd in exec form; empty where the image sets none
 * @env: "KEY=VALUE" in the image's order
 * @user: "", "USER", "UID", "USER:GROUP" and so on, as written
 * @working_dir: "" where the image sets none
 * @stop_signal: a signal number; SIGTERM where the image sets none
 * @os, @architecture: as written ("linux", "amd64"); "" where it is not said
 *
 * The strings are never NULL once image_get() has succeeded, and hold no NUL byte, but otherwise
 * whatever bytes the image's maker chose. How they go together with a user's own choices is up to
 * the caller. (OCI image-spec 1.1, config.md; Docker Image Specification 1.2.)
 */
struct image_config {
	struct strv entrypoint, cmd, env;
	char *user, *working_dir;
	char *os, *architecture;
	int stop_signal;
};

#define IMAGE_CONFIG_NULL                                                    \
	{                                                                    \
		.entrypoint = STRV_NULL, .cmd = STRV_NULL, .env = STRV_NULL, \
		.stop_signal = SIGTERM                                       \
	}

/** image_config_empty() - of what says nothing of itself */
void image_config_empty(struct image_config *c);

/** image_config_done() - free all; may be called again */
void image_config_done(struct image_config *c);

/** enum image_form - what an image is kept as */
enum image_form {
	IMAGE_FOLDER,
	IMAGE_DISK, /* a file with an ext4 file system */
};

/**
 * struct image - an image that is ready for use
 * @id: "sha256:<64 hex digits>", the digest of its configuration; "" for a dir: reference
 * @rootfs: absolute path of the folder or disk with the image's files. Nobody may write to it (but for
 *	a dir: reference, whose owner decides): other containers use it at the same time
 * @config: see above; for a dir: reference everything empty
 * @upper: for the mount point of an overlay as a disk: the folder with what was changed, which is to be
 *	copied, in overlayfs' form; else, or if there is none, NULL
 * @lock_fd: while this descriptor, or one inherited or duplicated from it, is open, the image is
 *	not removed from the store. -EBADF for a dir: reference
 */
struct image {
	char *id;
	char *rootfs, *upper;
	struct image_config config;
	int lock_fd;
};

#define IMAGE_NULL                                             \
	{                                                      \
		.config = IMAGE_CONFIG_NULL, .lock_fd = -EBADF \
	}

/** image_done() - let go of the image and free all; may be called again */
void image_done(struct image *image);
#define _cleanup_image_ __attribute__((cleanup(image_done)))

/** enum image_pull - when a registry is asked (as "docker run --pull") */
enum image_pull {
	IMAGE_PULL_MISSING,
	IMAGE_PULL_ALWAYS,
	IMAGE_PULL_NEVER,
};

/**
 * struct image_limit - how much room all images of the store may take together
 * @bytes: that much, on the disk
 * @name: who says so, for messages
 * @kept: may an image that nobody uses at the moment not be removed all the same? NULL: it may.
 *	Return: 1, 0, or a negative errno, with a message
 * @removed: called after an image was removed to make room; may be NULL
 * @userdata: handed to both
 */
struct image_limit {
	uint64_t bytes;
	const char *name;
	int (*kept)(const char *id, void *userdata, struct err *err);
	void (*removed)(const char *id, void *userdata);
	void *userdata;
};

/**
 * struct image_get_options - how to get an image; all zero is what most callers want
 * @progress: called with short lines for a person ("unpacking layer 2 of 5"), without a newline;
 *	may be NULL. Of an image that is already there it is only told that an archive had to be
 *	decompressed to find that out
 * @passed: called while what the last line of @progress tells of goes on, with bytes that have passed
 *	and bytes that there are in all, UINT64_MAX where nobody knows; as often as something
 *	passes, so it has to be quick; may be NULL
 * @userdata: handed to @progress and @passed
 * @cancel: when this becomes true (set by a signal handler installed without SA_RESTART),
 *	image_get() takes back what it has begun and returns -EINTR; may be NULL
 * @pull: when to ask a registry
 * @form: what is wanted; a dir: reference is a folder only, or the mount point of an overlay, of whose
 *	lower folders a disk is made
 * @as: a registry's full name (reference_name()) that the image gets in the store instead of that of the
 *	file or folder it comes from; "": neither; NULL: as usual
 * @max_bytes: size of all layers together as uncompressed tar (where holes of sparse files take no
 *	room), and as a registry or an archive stores them; 0: IMAGE_BYTES_MAX
 * @max_entries: tar entries of all layers, and folders they leave out; 0: IMAGE_ENTRIES_MAX
 * @limit: before an image is put into the store, those that were not used for longest are removed until
 *	there is room; NULL: without limit
 *
 * caisson leaves @pull and the limits as they are; the tests, which cannot fill a disk, do not.
 */
struct image_get_options {
	void (*progress)(const char *line, void *userdata);
	void (*passed)(uint64_t bytes, uint64_t total, void *userdata);
	void *userdata;
	const volatile sig_atomic_t *cancel;
	enum image_pull pull;
	enum image_form form;
	const char *as;
	uint64_t max_bytes;
	uint64_t max_entries;
	const struct image_limit *limit;
};

/**
 * image_get() - find, fetch or unpack an image
 * @store_dir: the store, for instance /var/lib/caisson; made when missing
 * @reference: see the top of this file
 * @opts: may be NULL
 * @ret: set on success only; end it with image_done()
 * @err: one sentence on failure: what, where, and what to do; may be NULL
 *
 * Needs to be root, except for a disk or a dir: reference. Blocks; another process that unpacks the same
 * image is waited for. The process may be killed at any moment: the store then holds the image
 * whole or not at all, and what was begun is swept by the next call that unpacks something.
 *
 * Return: 0, or a negative errno. -ENOENT: no such image; -EPERM: not root; -EINVAL: a reference
 * that makes no sense; -EBADMSG: the image is damaged (digest, truncated, malformed); -ENOTSUP: the
 * image has something this version does not know; -ENOSPC; -EFBIG: a limit was reached, that of the store too; -EINTR:
 * cancelled; -ECOMM: the registry or skopeo failed; others as the system gave them.
 */
int image_get(const char *store_dir, const char *reference, const struct image_get_options *opts,
	      struct image *ret, struct err *err);

/** IMAGE_EXT4 - what the name of a file begins with that image_get_ext4() takes */
#define IMAGE_EXT4 "ext4:"

/**
 * image_get_ext4() - a file with a file system that somebody made, to be copied
 * @reference: IMAGE_EXT4 and the file
 * @ret: as for a dir: reference
 *
 * What is in it, settings too, is for a guest to read.
 *
 * Return: 0 or negative errno with one sentence.
 */
int image_get_ext4(const char *reference, struct image *ret, struct err *err);

/**
 * image_is_overlaid() - is it a dir: reference to where an overlay is mounted?
 *
 * Return: 1 or 0; or negative errno with one sentence: -ENOTSUP: one of which no disk can be made.
 */
int image_is_overlaid(const char *reference, struct err *err);

/** image_is_disk_only() - does a registry's name mean what the store has as a disk, and as no folder? */
bool image_is_disk_only(const char *store_dir, const char *reference);

/** image_sweep() - remove what processes that were killed while they unpacked have left */
void image_sweep(const char *store_dir);
