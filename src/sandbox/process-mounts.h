/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/abi.h"
#include "guest.pb-c.h"
#include "sandbox/spec.h"

/* Inside of process.c and process-oci.c: what a container that comes as no bundle has besides its root. */

/**
 * struct process_mounts - the volumes of a spec as the guest mounts them
 * @mounts: for the request; they point into @parts
 */
struct process_mounts {
	Containerd__Types__Mount parts[ABI_MOUNTS_MAX], *mounts[ABI_MOUNTS_MAX];
	struct strv options[ABI_MOUNTS_MAX];
	char *sources[ABI_MOUNTS_MAX];
	size_t n;
};

/** process_mounts() - fill in @container's, for as long as @mounts stays where it is */
void process_mounts(const struct sandbox_spec *spec, struct process_mounts *mounts,
		    Caisson__Guest__V1__Container *container);

/** process_mounts_done() - free what is in it */
void process_mounts_done(struct process_mounts *mounts);
