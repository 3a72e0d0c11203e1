/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/procfs.h"

#define MOUNTINFO_MAX (1u << 20)

/* "\040" and its like stand for what would end a word of mountinfo (proc(5)). In place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] & 7) * 64 + (s[2] & 7) * 8 + (s[3] & 7));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/*
 * "36 35 98:0 /mnt1 /mnt2 rw,noatime - ext3 …": of a block device, mounted for writing?
 * Return: its mount point, or NULL.
 */
static char *parse_line(char *line)
{
	char *words[6], *device_end;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!(words[i] = strsep(&line, " ")))
			return NULL;
	/* Major number 0: of no device. */
	if (strtoul(words[2], &device_end, 10) == 0 || *device_end != ':')
		return NULL;
	if (strcmp(words[5], "rw") != 0 && strncmp(words[5], "rw,", 3) != 0)
		return NULL;
	unescape(words[4]);
	return words[4];
}

/* The process' root holds links that its owner has made: none leads out of it. */
static int open_mount(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static void each_mount(pid_t pid, void (*one)(int fd, const char *path, int out), int out)
{
	_cleanup_close_ int dir = -EBADF, root = -EBADF;
	char name[16] = "self", *info, *rest, *line;
	int proc = procfs_get();

	if (pid > 0)
		(void)snprintf(name, sizeof(name), "%d", (int)pid);
	dir = proc < 0 ? proc : openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	root = dir < 0 ? dir : openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || file_slurp_at(dir, "mountinfo", MOUNTINFO_MAX, &info, NULL) < 0)
		return;
	rest = info;
	while ((line = strsep(&rest, "\n"))) {
		const char *path = parse_line(line);
		_cleanup_close_ int fd = path ? open_mount(root, path) : -EBADF;

		if (fd >= 0)
			one(fd, path, out);
	}
	free(info);
}

static void freeze_one(int fd, const char *path, int out)
{
	if (ioctl(fd, FIFREEZE, 0) == 0 && out >= 0)
		(void)fd_write_full(out, path, strlen(path) + 1);
}

static void thaw_one(int fd, const char *path _unused_, int out _unused_)
{
	(void)ioctl(fd, FITHAW, 0);
}

void freeze_mounts(pid_t pid, int out)
{
	each_mount(pid, freeze_one, out);
}

void thaw_mounts(pid_t pid)
{
	each_mount(pid, thaw_one, -EBADF);
}
