/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/visit.h"
#include "overlay/changes.h"

/*
 * What a container has changed of its image: its upper layer. Where that is on a disk, only the guest
 * reads it.
 */

/**
 * layer_changes() - each change; see changes_tell()
 * @visit: found, and perhaps begun
 *
 * Return: 0 or negative errno with a message.
 */
int layer_changes(struct visit *visit,
		  int (*tell)(enum change change, const char *path, void *userdata), void *userdata,
		  struct err *err);
