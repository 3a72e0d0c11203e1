/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process-root.h"

#include <stdio.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "rpc/rpc.h"
#include "sandbox/disk.h"
#include "sandbox/share.h"
#include "sandbox/volume.h"

/* Where the two disks are mounted: names in ABI_LAYERS_DIR. */
#define LAYER_IMAGE "image"
#define LAYER_OWN   "upper"
#define OWN	    ABI_LAYERS_DIR "/" LAYER_OWN

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

void process_root(const struct sandbox_spec *spec, struct process_root *root)
{
	static const char *const ro[] = {"ro"}, *const grow[] = {ABI_MOUNT_GROW};
	static const char *const overlay[] = {"lowerdir=" ABI_LAYERS_DIR "/" LAYER_IMAGE,
					      "upperdir=" OWN "/" ABI_UPPER_FOLDER,
					      "workdir=" OWN "/" ABI_WORK_FOLDER};

	root->n = 0;
	add_disks(spec, root);
	if (share_is_needed(spec))
		add_mount(root, "virtiofs", ABI_SHARE_TAG, ABI_SHARE_LAYER, NULL, 0);
	if (!sandbox_spec_has_disks(spec)) {
		add_mount(root, "bind", ABI_SHARE_DIR "/" SHARE_IN_ROOTFS, "", NULL, 0);
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
