/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

/*
 * Keys of cached results: a digest over what identifies the files that went in, so that looking one
 * up reads none of them.
 */

/** Hexadecimal digits of a key, without the NUL. */
#define IDENTITY_LEN 64

/**
 * struct identity - a growing description of inputs
 */
struct identity {
	char *text;
	size_t len;
};

#define IDENTITY_NULL                  \
	{                              \
		.text = NULL, .len = 0 \
	}

/** identity_add_word() - something that is not a file: a version of the format, a boot's id */
void identity_add_word(struct identity *id, const char *word);

/**
 * identity_add_file() - the file that @path leads to: device, inode, size, modification and change
 *
 * Return: 0 or the negative errno of stat().
 */
int identity_add_file(struct identity *id, const char *path);

/** identity_key() - SHA-256 of all that was added */
void identity_key(const struct identity *id, char key[IDENTITY_LEN + 1]);

/** identity_done() - free; may be called again */
void identity_done(struct identity *id);
#define _cleanup_identity_ __attribute__((cleanup(identity_done)))
