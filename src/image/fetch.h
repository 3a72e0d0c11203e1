/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/**
 * struct fetch - an image that skopeo is to copy from its registry, as the registry has it
 * @name: full name, from reference_name()
 * @insecure: without TLS if need be
 * @dir: existing folder for skopeo's temporary files; the image comes into its subfolder "image",
 *	in skopeo's layout "dir:": manifest.json beside blobs named by their hex digits
 * @max_bytes: of all blobs together, as the registry stores them
 * @cancel: when set by a signal, skopeo is ended; may be NULL
 */
struct fetch {
	const char *name;
	bool insecure;
	const char *dir;
	uint64_t max_bytes;
	const volatile sig_atomic_t *cancel;
};

/**
 * fetch_image() - copy it
 *
 * The manifest is read before anything is copied, and what it says about sizes holds for skopeo: no
 * file that it writes can be larger than the largest blob should be.
 *
 * Not into an OCI layout: that would rewrite Docker's manifests and configurations, and so change
 * the image's ID.
 *
 * Return: 0 or negative errno, with a message; -EFBIG: more than is allowed or was promised;
 * -ECOMM: what skopeo says.
 */
int fetch_image(const struct fetch *f, struct err *err);

/**
 * fetch_reason() - the part of skopeo's output that says why it failed
 * @output: any text; changed in place
 *
 * Return: a part of @output.
 */
const char *fetch_reason(char *output);
