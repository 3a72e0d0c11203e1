/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/commons.h"

#include <stdio.h>
#include <sys/vfs.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "rpc/rpc.h"
#include "sandbox/process-root.h"
#include "vmmount.pb-c.h"

static bool has_shm(const struct sandbox *sb)
{
	return sb->spec->shm && *sb->spec->shm;
}

bool commons_needed(const struct sandbox *sb)
{
	return has_shm(sb) || sb->group;
}

/* As large as the host's; "0", should that have gone, is no limit. */
static void describe_shm(const struct sandbox *sb, char size[32], char *options[2],
			 Containerd__Types__Mount *ret)
{
	struct statfs fs = {.f_blocks = 0};

	(void)statfs(sb->spec->shm, &fs);
	(void)snprintf(size, 32, "size=%llu",
		       (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_bsize);
	options[0] = rpc_str("mode=1777");
	options[1] = size;
	ret->type = rpc_str("tmpfs");
	ret->source = rpc_str("shm");
	ret->target = rpc_str(ABI_SHM_DIR);
	ret->options = options;
	ret->n_options = 2;
}

int commons_tell(const struct container *first, struct ttrpc_request *request,
		 void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	Caisson__Guest__V1__MountAllRequest message = CAISSON__GUEST__V1__MOUNT_ALL_REQUEST__INIT;
	Containerd__Types__Mount shm = CONTAINERD__TYPES__MOUNT__INIT, *mounts[2];
	struct process_root root;
	const struct sandbox *sb = first->sandbox;
	char size[32], *options[2];

	if (has_shm(sb)) {
		describe_shm(sb, size, options, &shm);
		mounts[message.n_mounts++] = &shm;
	}
	if (sb->group) {
		process_root_whole(first, &root);
		mounts[message.n_mounts++] = root.mounts[0];
	}
	message.mounts = mounts;
	return rpc_call(sb->guest, request, RPC_SERVICE_MOUNT, "MountAll", &message.base, 0,
			answered);
}
