/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/root.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macro.h"
#include "base/path.h"

#define LOCKED (MS_NOSUID | MS_NOEXEC | MS_NODEV)

/*
 * In this order. /run and /tmp are in memory as all of the initramfs is, and may have something in
 * them by now: nothing is mounted over those.
 */
static const struct {
	const char *source, *target, *type;
	unsigned long flags;
	const char *data;
	bool optional; /* not all kernels have it */
} mounts[] = {
	{"proc", "/proc", "proc", LOCKED, NULL, false},
	{"sysfs", "/sys", "sysfs", LOCKED, NULL, false},
	{"devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=755", true},
	{"cgroup2", ROOT_CGROUP, "cgroup2", LOCKED, NULL, false},
};

/*
 * The root that came from the initramfs is the one mount without a parent, and pivot_root(2) wants
 * one ("NOTES" there). So it is mounted once more, and that is moved over "/": the same files, by a
 * mount with a parent. crun's pivot_root() works from there, as after any switch_root(8); and what a
 * container leaves behind below its own root is the bare first mount. No path leads there; but who
 * may unmount gets to it, and to the same files (docs/security.md).
 */
static int become_movable(void)
{
	if (mount("/", "/mnt", NULL, MS_BIND | MS_REC, NULL) < 0 || chdir("/mnt") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int mount_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		int r = path_mkdirs(mounts[i].target, 0755);

		if (r == 0 &&
		    mount(mounts[i].source, mounts[i].target, mounts[i].type, mounts[i].flags,
			  mounts[i].data) < 0 &&
		    errno != EBUSY)
			r = -errno;
		if (r < 0 && !mounts[i].optional)
			return r;
	}
	return 0;
}

static bool prepared;

bool root_prepared(void)
{
	return prepared;
}

int root_prepare(void)
{
	static bool movable;
	int r = 0;

	if (prepared)
		return 0;
	if (!movable)
		r = become_movable();
	movable |= r == 0;
	if (r == 0)
		r = mount_all();
	if (r < 0) {
		log_error("cannot prepare for containers: %s", strerror(-r));
		return r;
	}
	prepared = true;
	return 0;
}
