/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/extras.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/path.h"

/* It is there when the guest boots, unless the host is overrun. */
#define DEADLINE (20 * NSEC_PER_SEC)

#define DEVICE	 "/dev/" ABI_EXTRAS_SERIAL
#define MOUNTED	 "/run/.extras"

/* Places below "/", which are the same on the disk. */
static const char *const folders[] = {ABI_EXTRAS_RUN, ABI_EXTRAS_LIB};

/* The bind mounts are as read-only as what they show. */
static int place(void)
{
	char source[64];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		int r;

		(void)snprintf(source, sizeof(source), MOUNTED "%s", folders[i]);
		if (access(source, F_OK) < 0)
			continue;
		r = path_mkdirs(folders[i], 0755);
		if (r < 0)
			return r;
		if (mount(source, folders[i], NULL, MS_BIND, NULL) < 0)
			return -errno;
	}
	return 0;
}

/* Reading a disk blocks, as any page of ours that is not in memory does. */
static int mount_disk(dev_t device)
{
	int r;

	(void)unlink(DEVICE);
	r = path_mkdirs(MOUNTED, 0700);
	if (r < 0)
		return r;
	if (mknod(DEVICE, S_IFBLK | 0600, device) < 0 ||
	    mount(DEVICE, MOUNTED, "ext4", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		return -errno;
	r = place();
	/* Every mount shows in each container's namespace. */
	(void)umount2(MOUNTED, MNT_DETACH);
	(void)rmdir(MOUNTED);
	return r;
}

static void found(struct blockdev *disk, int error, dev_t device)
{
	struct extras *extras = container_of(disk, struct extras, disk);

	if (error < 0)
		extras->done(extras, error, "find the extras disk");
	else
		extras->done(extras, mount_disk(device), "mount the extras disk");
}

void extras_start(struct extras *extras, struct loop *loop,
		  void (*done)(struct extras *extras, int error, const char *what))
{
	int r;

	extras->done = done;
	r = blockdev_await(&extras->disk, loop, ABI_EXTRAS_SERIAL, DEADLINE, found);
	if (r < 0)
		done(extras, r, "look for the extras disk");
}
