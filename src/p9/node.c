/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/node.h"

#include <errno.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/seal.h"

SEAL_ALLOW(openat2);
SEAL_ALLOW_ARG(openat, 2, O_CREAT, 0);
SEAL_ALLOW(statx);

#define INO_BITS 48

const char *p9_fd_name(int fd, char buf[static P9_FD_NAME_SIZE])
{
	char *p = buf + P9_FD_NAME_SIZE - 1;
	unsigned int n = (unsigned int)fd;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return p;
}

int p9_enter_fds(int fds)
{
	struct statfs fs;

	if (fstatfs(fds, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return -ENOTDIR;
	return fchdir(fds) < 0 ? -errno : 0;
}

int p9_open_path(int dirfd, const char *path, uint64_t flags)
{
	const struct open_how how = {
		.flags = flags | O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int p9_reopen(int fd, int flags)
{
	char name[P9_FD_NAME_SIZE];
	int again = openat(AT_FDCWD, p9_fd_name(fd, name), flags | O_NOCTTY | O_CLOEXEC);

	return again < 0 ? -errno : again;
}

int p9_stat_at(int dirfd, const char *name, struct statx *ret)
{
	return statx(dirfd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		     STATX_BASIC_STATS | STATX_BTIME, ret) < 0
		       ? -errno
		       : 0;
}

int p9_stat(int fd, struct statx *ret)
{
	return p9_stat_at(fd, "", ret);
}

/* Return: which one it is; P9_DEVS_MAX: too many to count. */
static unsigned int dev_index(struct p9_devs *devs, uint32_t major, uint32_t minor)
{
	unsigned int i = 0;

	while (i < devs->n && (devs->dev[i].major != major || devs->dev[i].minor != minor))
		i++;
	if (i == devs->n && i < P9_DEVS_MAX) {
		devs->dev[i].major = major;
		devs->dev[i].minor = minor;
		devs->n++;
	}
	return i;
}

/* All of the bits of the result depend on all of those of @v, and no two have the same (splitmix64). */
static uint64_t mixed(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

uint64_t p9_qid_path(struct p9_devs *devs, const struct statx *st, uint64_t ino)
{
	unsigned int dev = dev_index(devs, st->stx_dev_major, st->stx_dev_minor);
	uint64_t number;

	if (ino >> INO_BITS == 0 && dev < P9_DEVS_MAX)
		return (uint64_t)dev << INO_BITS | ino;
	/* As unlikely to be another's as 64 bits make it; the highest byte is that of no file system's number. */
	number = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	return mixed(ino ^ mixed(number)) | UINT64_C(0xff) << (INO_BITS + 8);
}

struct p9_qid p9_qid(struct p9_devs *devs, const struct statx *st)
{
	const struct statx_timestamp *t = &st->stx_mtime;
	uint64_t changed = mixed(((uint64_t)t->tv_sec << 30 ^ t->tv_nsec) + st->stx_size);
	struct p9_qid qid = {
		.version = (uint32_t)changed ? (uint32_t)changed : 1,
		.path = p9_qid_path(devs, st, st->stx_ino),
	};

	if (S_ISDIR(st->stx_mode))
		qid.type = P9_QT_DIR;
	else if (S_ISLNK(st->stx_mode))
		qid.type = P9_QT_SYMLINK;
	return qid;
}
