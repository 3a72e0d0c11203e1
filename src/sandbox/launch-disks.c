/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "sandbox/disk-open.h"
#include "sandbox/launch-plan.h"
#include "sandbox/share.h"
#include "sandbox/volume.h"

static int open_inner(struct sandbox *sb, const struct disk *disk, bool *ret_device,
		      struct err *err)
{
	const char *path = disk->source;
	_cleanup_close_ int at = share_find(sb->record, sb->spec, &path, err);

	if (at < 0)
		return at;
	return disk_open(at, path, disk, ret_device, err);
}

static int add(struct sandbox *sb, const struct volume *volume, struct launch_disk *ret,
	       struct err *err)
{
	struct disk disk = {.readonly = volume->readonly};

	disk.source = (char *)disk_of_volume(volume->source, &disk.size);
	ret->readonly = volume->readonly;
	ret->fd = volume->kind == VOLUME_DISK
			  ? disk_open(-EBADF, disk.source, &disk, &ret->device, err)
			  : open_inner(sb, &disk, &ret->device, err);
	return ret->fd < 0 ? ret->fd : 0;
}

int launch_disks(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	const struct strv *volumes = &sb->spec->volumes;

	for (size_t i = 0; i < volumes->n && p->n_disks < DISKS_MAX; i++) {
		const struct volume volume = volume_of(volumes->v[i]);
		struct launch_disk *disk = &p->disks[p->n_disks];
		int r;

		if (!volume_is_disk(&volume))
			continue;
		r = add(sb, &volume, disk, err);
		if (r < 0)
			return r;
		(void)snprintf(disk->serial, sizeof(disk->serial), ABI_DISK_SERIAL "%zu",
			       p->n_disks++);
	}
	return 0;
}
