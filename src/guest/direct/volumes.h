/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/setup.h"

/*
 * What a container has mounted besides its root file system. It is made where vminitd's own root can be
 * seen still, and put where it belongs once the container has its own.
 */

/** volumes_make() - a step: find or make all of it. Return: 0 or negative errno. */
int volumes_make(struct setup *setup);

/**
 * volumes_open_target() - a place to mount on, in the root that is ours now, made where it is not there
 * @file: else a folder
 *
 * Return: a descriptor, or negative errno.
 */
int volumes_open_target(const char *path, bool file);

/** volumes_attach() - a step: mount it in the root that is the container's now. Return: as above. */
int volumes_attach(struct setup *setup);
