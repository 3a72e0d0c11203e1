/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/** enum transport - where an image comes from */
enum transport {
	TRANSPORT_DIR,
	TRANSPORT_TAR,
	TRANSPORT_EXT4,
	TRANSPORT_OCI,
	TRANSPORT_OCI_ARCHIVE,
	TRANSPORT_DOCKER_ARCHIVE,
	TRANSPORT_REGISTRY,
};

/**
 * struct reference - what a user typed, taken apart
 * @path: file or folder, "-": standard input; for a registry the full name ("docker.io/library/debian:12")
 * @tag: what follows a file or folder; NULL where nothing does
 * @typed: a registry's: what was typed, if that may have been meant for a file's name; else NULL
 * @loopback: the registry is on this machine, so it may be without TLS
 */
struct reference {
	enum transport transport;
	char *path, *tag, *typed;
	bool loopback;
};

#define REFERENCE_NULL                                   \
	{                                                \
		.path = NULL, .tag = NULL, .typed = NULL \
	}

/** reference_done() - free; may be called again */
void reference_done(struct reference *r);
#define _cleanup_reference_ __attribute__((cleanup(reference_done)))

/**
 * reference_parse() - take a reference apart (the forms are in image/image.h)
 *
 * Looks whether a file exists where its name and a tag cannot be told apart otherwise.
 *
 * Return: 0; -EINVAL: nothing that could be a reference; -ENOENT: no such file or folder.
 */
int reference_parse(const char *s, struct reference *ret, struct err *err);

/** reference_prefix() - what a reference of this kind begins with ("oci:"); "" for a registry's */
const char *reference_prefix(enum transport transport);

/**
 * reference_name() - the full name of an image in a registry: with host, path and tag or digest
 * @ret: set on success; free() it
 * @ret_loopback: may be NULL
 *
 * Return: 0 or -EINVAL: does not follow the grammar of Docker's distribution/reference.
 */
int reference_name(const char *s, char **ret, bool *ret_loopback);

/** reference_same_name() - are the two, spelled out, the same name? */
bool reference_same_name(const char *a, const char *b);
