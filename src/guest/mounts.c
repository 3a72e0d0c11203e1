/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macro.h"

#define TABLE_MAX   (4U << 20)
#define UNMOUNT_MAX 4096

#define SAFE	    (MS_NOSUID | MS_NODEV)

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

/* The kernel writes blanks and the like as \040. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*out++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

/* "id parent device root mount-point ...": each line, from the last one back. */
static void unmount_lines(char *table, size_t len)
{
	char *end = table + len, *field = table;

	for (int n = 0; end > table && n < UNMOUNT_MAX; n++) {
		char *line;

		*--end = '\0';
		line = memrchr(table, '\n', (size_t)(end - table));
		line = line ? line + 1 : table;
		end = line;
		for (int i = 0; i < 5 && line; i++)
			field = strsep(&line, " ");
		if (!line)
			continue;
		unescape(field);
		/* Ours are busy as long as we are there, and hold nothing. */
		if (strcmp(field, "/") != 0 && umount2(field, UMOUNT_NOFOLLOW) < 0)
			(void)umount2(field, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
}

void mounts_end(void)
{
	char *table;
	size_t len;

	/* Its length is not known before: it is no file of a disk. */
	if (file_slurp_at(AT_FDCWD, "/proc/self/mountinfo", TABLE_MAX, &table, &len) == 0) {
		unmount_lines(table, len);
		free(table);
	}
	sync();
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		log_warn("cannot make the root file system read-only: %s", strerror(errno));
}
