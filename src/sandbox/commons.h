/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/container.h"
#include "sandbox/sandbox.h"

/*
 * What containers of a VM have in common in the guest, mounted before its first one is created, and outside of all:
 * memory that they share by name, where engines give them one tmpfs of the host's for that (oci-mounts.h); and the
 * whole share, where others may come. By 9P nobody is let in any more by then (launch-share.c). By virtiofs whoever
 * mounted it once more could get one of the folders in it instead: Linux takes any file system of that connection
 * (virtio_fs_test_super(), fs/fuse/virtio_fs.c), and each folder that is a mount of the host's is one.
 */

/** commons_needed() - is there any of that? */
bool commons_needed(const struct sandbox *sandbox);

/** commons_tell() - have the guest mount it. Return: 0 or negative errno. */
int commons_tell(const struct container *first, struct ttrpc_request *request,
		 void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer));
