/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spec.h"

/*
 * A checkpoint: a folder with what a container's VM was, when it was saved.
 *
 *   state, memory   as its VMM has written them (vmm_snapshot())
 *   upper.ext4, root.ext4, image.ext4   the disks of its record, those that it has
 *   checkpoint.json what is in there, and of what; it is written last, at once: where it is, the rest is whole
 *
 * Whoever made the folder may have written anything into that file: names in it are those above, and lengths have limits.
 */

#define CHECKPOINT_MANIFEST "checkpoint.json"
#define CHECKPOINT_FORMAT   1
#define CHECKPOINT_BYTES_MAX \
	(8u << 20) /* of checkpoint.json; a command line alone may have 2 MiB */
#define CHECKPOINT_FILES_MAX 5

/**
 * struct checkpoint_file - one of those above, but for the last one
 * @name: for ever valid
 * @size: bytes
 */
struct checkpoint_file {
	const char *name;
	uint64_t size;
};

/**
 * struct checkpoint_manifest - what checkpoint.json says
 * @spec: of the container
 * @image: "sha256:ID" of the image whose disk it has beside its own; empty: none of the store's
 * @image_size: bytes of that disk
 * @jail: its VMM was in a jail, whose paths its state has; such a one goes on in a jail only, and others without
 */
struct checkpoint_manifest {
	struct sandbox_spec spec;
	char *image;
	uint64_t image_size;
	enum checkpoint_jail {
		CHECKPOINT_JAIL_UNKNOWN,
		CHECKPOINT_NOT_JAILED,
		CHECKPOINT_JAILED
	} jail;
	struct checkpoint_file files[CHECKPOINT_FILES_MAX];
	size_t n;
};

#define CHECKPOINT_MANIFEST_NULL                                  \
	{                                                         \
		.spec = SANDBOX_SPEC_NULL, .image = NULL, .n = 0, \
	}

/** checkpoint_file_name() - of a file that there may be, number @i from 0 on. Return: NULL: that were all. */
const char *checkpoint_file_name(size_t i);

/** checkpoint_manifest_text() - as JSON, a new string; @spec is given apart from @manifest */
char *checkpoint_manifest_text(const struct checkpoint_manifest *manifest,
			       const struct sandbox_spec *spec);

/**
 * checkpoint_manifest_parse() - the reverse
 * @text: ends with a NUL
 * @ret: CHECKPOINT_MANIFEST_NULL before; end it with checkpoint_manifest_done(), in any case
 *
 * Return: 0, or -EBADMSG, or -ENOTSUP of another version's, with a message.
 */
int checkpoint_manifest_parse(const char *text, struct checkpoint_manifest *ret, struct err *err);

/** checkpoint_manifest_done() - may be called again */
void checkpoint_manifest_done(struct checkpoint_manifest *manifest);
