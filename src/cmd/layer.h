/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/visit.h"
#include "overlay/changes.h"

/*
 * What a container has changed of its image: its upper layer. Where that is on a disk, only the guest
 * reads it.
 */

/**
 * layer_check() - is it known what the container has changed?
 * @visit: found
 *
 * Return: 0, or -ENOTSUP with a message: it has a copy of its image, or is of a bundle.
 */
int layer_check(const struct visit *visit, struct err *err);

/**
 * layer_changes() - each change; see changes_tell()
 * @visit: found, and perhaps begun
 *
 * Return: 0 or negative errno with a message.
 */
int layer_changes(struct visit *visit,
		  int (*tell)(enum change change, const char *path, void *userdata), void *userdata,
		  struct err *err);

/**
 * layer_pack() - what was changed, as a layer: an uncompressed tar (OCI image-spec 1.1, layer.md)
 * @visit: as layer_check() allows
 * @put: takes it, piece by piece. Return: 0 or a negative errno
 *
 * Return: 0 or negative errno with a message; what @put said has none.
 */
int layer_pack(struct visit *visit, int (*put)(void *userdata, const void *data, size_t len),
	       void *userdata, struct err *err);

/** layer_export() - the whole root file system, as a tar; otherwise as layer_pack() */
int layer_export(struct visit *visit, int (*put)(void *userdata, const void *data, size_t len),
		 void *userdata, struct err *err);
