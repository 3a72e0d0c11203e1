/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "cmd/transfer.h"

/*
 * What `cp` asks of the guest's Copy service (proto/caisson/guest/v1/copy.proto). All return 0 or a
 * negative errno with a message; a transfer that has not begun is ended.
 */

/**
 * copy_guest_stat() - what is there in the container
 * @target: set to where a symbolic link leads at last, else to ""
 * @ret: as of lstat(2)
 *
 * Return: as above; -ENOENT: nothing is.
 */
int copy_guest_stat(struct client *client, const char *path, char target[PATH_MAX], mode_t *ret,
		    struct err *err);

/** copy_guest_pack() - let it send an archive of @path. @as: the name in it */
int copy_guest_pack(struct transfer *t, struct client *client, const char *path, const char *as,
		    struct err *err);

/**
 * copy_guest_unpack() - let it unpack an archive that we send
 * @only: the first component of all names; "": any
 * @exact: what cannot be kept is an error
 */
int copy_guest_unpack(struct transfer *t, struct client *client, const char *folder,
		      const char *only, bool exact, struct err *err);
