/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "sandbox/conf.h"
#include "vmm/boot/filedisk.h"

/*
 * Extra files: what the annotation io.spin.extras.files wants to have in the guest beside the
 * containers, for vminitd's supervisor. It is
 *
 *	{"/place/in/the/guest": {"source": "/file/of/the/host", "mode": 493}, …}
 *
 * with a decimal mode, 420 (0644) unless given. An annotation is not the administrator's word, so
 * the file must be below one of the folders that the configuration allows, wherever links lead,
 * and its place below one of two folders of the guest.
 */

#define EXTRAS_FILES_MAX 64
#define EXTRAS_BYTES_MAX (UINT64_C(256) << 20)

/**
 * struct extra - one file
 * @place, @source: absolute; owned
 */
struct extra {
	char *place, *source;
	mode_t mode;
};

/**
 * struct extras - all of them, in the order of their places
 */
struct extras {
	struct extra files[EXTRAS_FILES_MAX];
	size_t n;
};

/**
 * extras_parse() - read the annotation
 * @ret: set on success; end with extras_done()
 *
 * Return: 0 or -EINVAL with a message.
 */
int extras_parse(const char *text, struct extras *ret, struct err *err);

/** extras_have_supervisor() - is one of the files that @annotations ask for the program itself? */
bool extras_have_supervisor(const struct strv *annotations);

/** extras_done() - may be called again */
void extras_done(struct extras *extras);
#define _cleanup_extras_ __attribute__((cleanup(extras_done)))

/**
 * extras_open() - the host's file, if the configuration allows it
 *
 * Return: a descriptor of a regular file, or negative errno with a message.
 */
int extras_open(const char *source, const struct conf *conf, struct err *err);

/**
 * extras_disk() - a read-only disk with these files
 * @annotation: the text
 *
 * Return: a descriptor of the image, or negative errno with a message.
 */
int extras_disk(const char *annotation, const struct conf *conf, const char *cache_dir,
		struct err *err);
