/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

/**
 * fetch_image() - have skopeo copy an image from its registry, as the registry has it
 * @name: full name, from reference_name()
 * @insecure: without TLS if need be
 * @dir: existing folder for skopeo's temporary files; the image comes into its subfolder "image",
 *	in skopeo's layout "dir:": manifest.json beside blobs named by their hex digits
 * @cancel: when set by a signal, skopeo is ended; may be NULL
 *
 * Not into an OCI layout: that would rewrite Docker's manifests and configurations, and so change
 * the image's ID.
 *
 * Return: 0 or negative errno, with a message; -ECOMM: what skopeo says.
 */
int fetch_image(const char *name, bool insecure, const char *dir,
		const volatile sig_atomic_t *cancel, struct err *err);

/**
 * fetch_reason() - the part of skopeo's output that says why it failed
 * @output: any text; changed in place
 *
 * Return: a part of @output.
 */
const char *fetch_reason(char *output);
