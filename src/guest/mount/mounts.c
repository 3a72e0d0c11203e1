/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macro.h"
#include "guest/mount/mountinfo.h"

#define SAFE (MS_NOSUID | MS_NODEV)

const struct mount_point mounts_system[] = {
	{"/proc", "proc", NULL, SAFE | MS_NOEXEC},
	{"/sys", "sysfs", NULL, SAFE | MS_NOEXEC},
	{"/dev", "devtmpfs", "mode=755", MS_NOSUID},
	{"/dev/pts", "devpts", "mode=620,gid=5,ptmxmode=666", MS_NOSUID | MS_NOEXEC},
	{"/dev/shm", "tmpfs", "mode=1777", SAFE},
	{"/run", "tmpfs", "mode=755", SAFE},
	{"/tmp", "tmpfs", "mode=1777", SAFE},
	{"/sys/fs/cgroup", "cgroup2", NULL, SAFE | MS_NOEXEC},
	{NULL, NULL, NULL, 0},
};

/* What devtmpfs leaves to others; a shell's <(...) needs the first. */
static const struct {
	const char *name, *target;
} links[] = {
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
};

/* A file system of its own: each row's is, so bind mounts need not be told. */
static bool is_mounted(const char *folder)
{
	char above[PATH_MAX];
	struct stat here, there;

	if ((size_t)snprintf(above, sizeof(above), "%s/..", folder) >= sizeof(above))
		return false;
	return stat(folder, &here) == 0 && stat(above, &there) == 0 && here.st_dev != there.st_dev;
}

static void make(const struct mount_point *point)
{
	if (is_mounted(point->folder))
		return;
	(void)mkdir(point->folder, 0755);
	if (mount(point->type, point->folder, point->type, point->flags, point->options) < 0 &&
	    errno != EBUSY)
		log_warn("cannot mount %s on %s: %s", point->type, point->folder, strerror(errno));
}

void mounts_make(const struct mount_point *points)
{
	for (; points->folder; points++)
		make(points);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		(void)symlink(links[i].target, links[i].name);
}

void mounts_make_root_writable(void)
{
	if (access("/", W_OK) < 0 && mount(NULL, "/", NULL, MS_REMOUNT, NULL) < 0)
		log_warn("the root file system stays read-only: %s", strerror(errno));
}

static void unmount_all(void)
{
	struct mountinfo info;
	struct mountinfo_line line;

	if (mountinfo_open(&info, AT_FDCWD, "/proc/self/mountinfo") < 0)
		return;
	/* Ours are busy as long as we are there, and hold nothing. */
	while (mountinfo_previous(&info, &line))
		if (strcmp(line.path, "/") != 0 && umount2(line.path, UMOUNT_NOFOLLOW) < 0)
			(void)umount2(line.path, MNT_DETACH | UMOUNT_NOFOLLOW);
	mountinfo_close(&info);
}

void mounts_end(void)
{
	unmount_all();
	sync();
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		log_warn("cannot make the root file system read-only: %s", strerror(errno));
}
