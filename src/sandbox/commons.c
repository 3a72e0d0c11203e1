/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/commons.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/mem.h"
#include "rpc/rpc.h"
#include "sandbox/process-root.h"
#include "vmmount.pb-c.h"

/* Mounts beside those of sources. */
#define OTHERS	 2

#define PATH_LEN (sizeof(ABI_SHARE_WHOLE "/" SHARE_IN_COMMON "/") + 12)

/* A source, as the guest is told of it. */
struct shown {
	char path[PATH_LEN];
	Containerd__Types__Mount mount;
};

/* What a pod has in Kubernetes. */
#define OWN_SHM_SIZE (64ULL << 20)

static bool has_shm(const struct sandbox *sb)
{
	return sb->spec->shm && *sb->spec->shm;
}

static bool is_first(const struct container *c)
{
	return !sandbox_spec_shares_vm(c->spec);
}

/* By 9P all of it is one file system of the guest's. */
static bool is_to_show(const struct container *c, const struct share_source *source)
{
	return source->folder && !source->shown && !sandbox_spec_has_9p(c->sandbox->spec);
}

static bool has_to_show(const struct container *c)
{
	for (size_t i = 0; i < c->uses.n; i++)
		if (is_to_show(c, c->uses.v[i].source))
			return true;
	return false;
}

bool commons_needed(const struct container *c)
{
	return (is_first(c) && (has_shm(c->sandbox) || c->sandbox->group)) || has_to_show(c);
}

/* As large as the host's; "0", should that have gone, is no limit. */
static unsigned long long shm_size(const char *shm)
{
	struct statfs fs = {.f_blocks = 0};

	if (strcmp(shm, SANDBOX_SHM_OWN) == 0)
		return OWN_SHM_SIZE;
	(void)statfs(shm, &fs);
	return (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_bsize;
}

static void describe_shm(const struct sandbox *sb, char size[32], char *options[2],
			 Containerd__Types__Mount *ret)
{
	(void)snprintf(size, 32, "size=%llu", shm_size(sb->spec->shm));
	options[0] = rpc_str("mode=1777");
	options[1] = size;
	ret->type = rpc_str("tmpfs");
	ret->source = rpc_str("shm");
	ret->target = rpc_str(ABI_SHM_DIR);
	ret->options = options;
	ret->n_options = 2;
}

static void path_of(const struct share_source *source, char ret[PATH_LEN])
{
	(void)snprintf(ret, PATH_LEN, ABI_SHARE_WHOLE "/" SHARE_IN_COMMON "/%u", source->number);
}

static void describe_source(struct share_source *source, struct shown *ret)
{
	path_of(source, ret->path);
	containerd__types__mount__init(&ret->mount);
	ret->mount.type = rpc_str("bind");
	ret->mount.source = ret->mount.target = ret->path;
	source->asked++;
}

int commons_tell(const struct container *c, struct ttrpc_request *request,
		 void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	Caisson__Guest__V1__MountAllRequest message = CAISSON__GUEST__V1__MOUNT_ALL_REQUEST__INIT;
	_cleanup_free_ struct shown *shown = xcalloc(c->uses.n + 1, sizeof(*shown));
	_cleanup_free_ Containerd__Types__Mount **mounts =
		xcalloc(OTHERS + c->uses.n, sizeof(Containerd__Types__Mount *));
	Containerd__Types__Mount shm = CONTAINERD__TYPES__MOUNT__INIT;
	struct process_root root;
	const struct sandbox *sb = c->sandbox;
	char size[32], *options[2];

	if (is_first(c) && has_shm(sb)) {
		describe_shm(sb, size, options, &shm);
		mounts[message.n_mounts++] = &shm;
	}
	if (is_first(c) && sb->group) {
		process_root_whole(c, &root);
		mounts[message.n_mounts++] = root.mounts[0];
	}
	for (size_t i = 0; i < c->uses.n; i++) {
		if (!is_to_show(c, c->uses.v[i].source))
			continue;
		describe_source(c->uses.v[i].source, &shown[i]);
		mounts[message.n_mounts++] = &shown[i].mount;
	}
	message.mounts = mounts;
	return rpc_call(sb->guest, request, RPC_SERVICE_MOUNT, "MountAll", &message.base, 0,
			answered);
}

void commons_told(struct container *c)
{
	for (size_t i = 0; i < c->uses.n; i++)
		c->uses.v[i].source->shown = true;
}

static void forgotten(struct ttrpc_request *request, const struct ttrpc_answer *answer);

static int ask_to_forget(struct sandbox *sb, const struct share_source *source)
{
	Caisson__Guest__V1__UnmountRequest message = CAISSON__GUEST__V1__UNMOUNT_REQUEST__INIT;
	char path[PATH_LEN];

	path_of(source, path);
	message.target = path;
	return rpc_call(sb->guest, &sb->forget, RPC_SERVICE_MOUNT, "Unmount", &message.base, 0,
			forgotten);
}

static void forget_next(struct sandbox *sb)
{
	struct list *gone = &sb->sources.gone;

	while (sb->guest && !list_empty(gone)) {
		struct share_source *source = list_first(gone, struct share_source, link);

		if (ask_to_forget(sb, source) == 0) {
			sb->forgetting = true;
			return;
		}
		list_del(&source->link);
		free(source);
	}
}

/*
 * What it was asked for lies on what came of opening it. When nothing is there any more it says so; if it never does it
 * is not asked for ever.
 */
static void forgotten(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct sandbox *sb = container_of(request, struct sandbox, forget);
	struct share_source *source = list_first(&sb->sources.gone, struct share_source, link);

	sb->forgetting = false;
	if (answer->code != TTRPC_OK || source->asked-- == 0) {
		list_del(&source->link);
		free(source);
	}
	if (answer->code != TTRPC_UNAVAILABLE)
		forget_next(sb);
}

void commons_forget(struct sandbox *sb)
{
	if (!sb->forgetting)
		forget_next(sb);
}
