/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/container.h"
#include "sandbox/sandbox.h"

/*
 * What containers of a VM have in common in the guest, mounted before they are created, and outside of all: memory
 * that they share by name, where engines give them one tmpfs of the host's for that (oci-mounts.h); the whole share,
 * where others may come; and folders in it that several may have (sources.h).
 *
 * By 9P nobody is let in any more once the first one is there (launch-share.c). By virtiofs whoever mounted the whole
 * once more could get one of the folders in it instead: Linux takes any file system of that connection
 * (virtio_fs_test_super(), fs/fuse/virtio_fs.c), and each folder that is a mount of the host's is one. Such a folder
 * is one for all only if it was mounted before any of them came there: in a container's own mount namespace it
 * would become another one, with other inodes (fuse_dentry_automount(), fs/fuse/dir.c). Opening it to mount
 * something there is what does it; what is mounted there is the same once more.
 */

/** commons_needed() - is there any of that, for this one to be created? */
bool commons_needed(const struct container *container);

/**
 * commons_tell() - have the guest mount it
 * @answered: when that is so, it calls commons_told()
 *
 * Return: 0 or negative errno.
 */
int commons_tell(const struct container *container, struct ttrpc_request *request,
		 void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer));
void commons_told(struct container *container);

/** commons_forget() - have the guest unmount what no container has any more. One at a time; nobody waits for it */
void commons_forget(struct sandbox *sandbox);
