/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process-root.h"

#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "rpc/rpc.h"
#include "sandbox/disk.h"
#include "sandbox/sandbox.h"
#include "sandbox/share.h"
#include "sandbox/volume.h"

/* Where the two disks are mounted: names in ABI_LAYERS_DIR. */
#define LAYER_IMAGE "image"
#define LAYER_OWN   "upper"
#define OWN	    ABI_LAYERS_DIR "/" LAYER_OWN

/* Bytes of memory. */
#define LARGE_GUEST (UINT64_C(512) << 20)

static void add_mount(struct process_root *root, const char *type, const char *source,
		      const char *target, const char *const *options, size_t n_options)
{
	Containerd__Types__Mount *m = &root->parts[root->n];

	*m = (Containerd__Types__Mount)CONTAINERD__TYPES__MOUNT__INIT;
	m->type = rpc_str(type);
	m->source = rpc_str(source);
	m->target = rpc_str(target);
	m->options = (char **)options;
	m->n_options = n_options;
	root->mounts[root->n++] = m;
}

/* What volumes of disks bind (volume.h). */
static void add_disks(const struct sandbox_spec *spec, struct process_root *root)
{
	static const char *const ro[] = {"ro"}, *const grow[] = {ABI_MOUNT_GROW};
	size_t n = 0;

	for (size_t i = 0; i < spec->volumes.n && n < DISKS_MAX; i++) {
		const struct volume volume = volume_of(spec->volumes.v[i]);
		struct process_root_disk *disk = &root->disks[n];
		uint64_t size;

		if (!volume_is_disk(&volume))
			continue;
		(void)disk_of_volume(volume.source, &size);
		(void)snprintf(disk->source, sizeof(disk->source), "serial:" ABI_DISK_SERIAL "%zu",
			       n);
		(void)snprintf(disk->target, sizeof(disk->target), ABI_DISK_LAYER "%zu", n++);
		add_mount(root, "ext4", disk->source, disk->target, volume.readonly ? ro : grow,
			  volume.readonly || size > 0);
	}
}

/*
 * With mmap the guest keeps nothing but what is mapped, so the host's changes are seen at once, and whoever writes to a
 * disk that is full is told. With loose it keeps all, and writes later: that is right where nobody writes, or
 * was asked for.
 */
static const char *cache_of(const struct sandbox_spec *spec, bool own)
{
	if (spec->virtiofs_cache && *spec->virtiofs_cache)
		own = strcmp(spec->virtiofs_cache, SANDBOX_VIRTIOFS_ALWAYS) == 0;
	return own ? "cache=loose" : "cache=mmap";
}

/*
 * The guest needs a piece of its memory as long as a message: where there is little, one may not be found, and
 * reading fails. What is a little longer than what programs read at once saves half of the questions.
 */
static const char *msize_of(const struct sandbox_spec *spec)
{
	return spec->memory < LARGE_GUEST ? "msize=131072" : "msize=262144";
}

/* @own: nobody else writes to it */
static void add_9p(const struct container *c, struct process_root *root, const char *target,
		   const char *name, bool own)
{
	struct process_root_share *share = &root->shares[root->n_shares++];

	(void)snprintf(share->target, sizeof(share->target), "%s", target);
	(void)snprintf(share->name, sizeof(share->name), "aname=%s", name);
	share->options[0] = share->name;
	share->options[1] = cache_of(c->spec, own);
	share->options[2] = "access=client";
	share->options[3] = msize_of(c->sandbox->spec);
	add_mount(root, "9p", root->port, share->target, share->options,
		  ARRAY_SIZE(share->options));
}

/* The whole is for files, which cannot be mounted so; folders are mounted where they are in it. */
static void add_all_9p(const struct container *c, struct process_root *root)
{
	char target[sizeof(root->shares[0].target)];

	(void)snprintf(root->port, sizeof(root->port), ABI_SHARE_9P "%u", c->sandbox->share_port);
	add_9p(c, root, ABI_SHARE_LAYER, "", false);
	for (size_t i = 0; i < c->spec->volumes.n; i++) {
		if (!share_is_alone(&c->alone, i))
			continue;
		(void)snprintf(target, sizeof(target), ABI_SHARE_LAYER "/" SHARE_IN_VOLUMES "/%zu",
			       i);
		add_9p(c, root, target, target + sizeof(ABI_SHARE_LAYER), false);
	}
}

/* All of a group have one connection: nobody is let in any more once it has begun. */
static bool has_own_9p(const struct container *c)
{
	return sandbox_spec_has_9p(c->sandbox->spec) && !c->sandbox->group;
}

static void add_share(const struct container *c, struct process_root *root)
{
	if (has_own_9p(c))
		add_all_9p(c, root);
	else if (c->sandbox->group)
		add_mount(root, "bind", ABI_SHARE_WHOLE, ABI_SHARE_LAYER, NULL, 0);
	else
		add_mount(root, "virtiofs", ABI_SHARE_TAG, ABI_SHARE_LAYER, NULL, 0);
}

static void add_folder(const struct container *c, struct process_root *root)
{
	const struct sandbox_spec *spec = c->spec;
	bool bundle = spec->bundle && *spec->bundle;
	char part[SHARE_PART_MAX];

	share_part(spec, part);
	(void)snprintf(root->folder, sizeof(root->folder), ABI_SHARE_DIR "/%s" SHARE_IN_ROOTFS,
		       part);
	if (has_own_9p(c))
		add_9p(c, root, "", SHARE_IN_ROOTFS, spec->readonly_rootfs && !bundle);
	else
		add_mount(root, "bind", root->folder, "", NULL, 0);
}

void process_root_whole(const struct container *c, struct process_root *root)
{
	root->n = root->n_shares = 0;
	(void)snprintf(root->port, sizeof(root->port), ABI_SHARE_9P "%u", c->sandbox->share_port);
	if (sandbox_spec_has_9p(c->sandbox->spec))
		add_9p(c, root, ABI_SHARE_WHOLE, "", false);
	else
		add_mount(root, "virtiofs", ABI_SHARE_TAG, ABI_SHARE_WHOLE, NULL, 0);
}

void process_root(const struct container *c, struct process_root *root)
{
	static const char *const ro[] = {"ro"}, *const grow[] = {ABI_MOUNT_GROW};
	static const char *const overlay[] = {"lowerdir=" ABI_LAYERS_DIR "/" LAYER_IMAGE,
					      "upperdir=" OWN "/" ABI_UPPER_FOLDER,
					      "workdir=" OWN "/" ABI_WORK_FOLDER};
	const struct sandbox_spec *spec = c->spec;

	root->n = root->n_shares = 0;
	add_disks(spec, root);
	if (share_is_needed(spec))
		add_share(c, root);
	if (!sandbox_spec_has_disks(spec)) {
		add_folder(c, root);
		return;
	}
	if (sandbox_spec_has_copy(spec)) {
		add_mount(root, "ext4", "serial:" ABI_ROOT_SERIAL, "", grow, ARRAY_SIZE(grow));
		return;
	}
	add_mount(root, "ext4", "serial:" ABI_IMAGE_SERIAL, LAYER_IMAGE, ro, ARRAY_SIZE(ro));
	add_mount(root, "ext4", "serial:" ABI_UPPER_SERIAL, LAYER_OWN, NULL, 0);
	add_mount(root, "overlay", "overlay", "", overlay, ARRAY_SIZE(overlay));
}
