/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/launch-plan.h"
#include "sandbox/rootfs.h"
#include "sandbox/share.h"

/*
 * Users for VMMs in jails: from a range that no distribution gives away (systemd's UIDS-GIDS.md: from 1879048192 on
 * all is free). Number N of them is whose who has locked byte N of a file; the lock goes with its holder. There is one
 * such file for the machine, whatever folders its containers are in, and nobody empties its folder.
 */

#define FIRST_UID 1879048192u
#define UIDS	  65536
/* No container's, whose names begin otherwise. */
#define LOCK_FILE ".jails"

/* @ret: a user's number that nobody else gets as long as @ret_lock is open. Return: 0 or negative errno. */
static int claim(const char *folder, int *ret_lock, uint32_t *ret)
{
	_cleanup_free_ char *path = path_join(folder, LOCK_FILE);
	_cleanup_close_ int fd = -EBADF;
	int r = path_mkdirs(folder, 0700);

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (uint32_t i = 0; i < UIDS; i++) {
		struct flock lock = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			*ret = FIRST_UID + i;
			*ret_lock = take_fd(fd);
			return 0;
		}
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
	}
	return -EUSERS;
}

/* By now it may have been done for the share; what is mounted for a jail is to be seen there alone, too. */
static int leave_mounts(const struct sandbox *sb, struct err *err)
{
	return launch_shares(sb) ? 0 : rootfs_private_mounts(err);
}

int launch_jail(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	_cleanup_free_ char *folder = paths_default_run();
	uint32_t uid = 0;
	int r;

	if (!vmm_traits(p->driver)->jails || geteuid() != 0 ||
	    strcmp(p->conf.firecracker_jailer, "true") != 0)
		return 0;
	r = claim(folder, &sb->jail_lock, &uid);
	if (r < 0)
		return err_errno(err, r, "cannot get a user for the VM's jail by %s/" LOCK_FILE,
				 folder);
	sb->jail = (struct vmm_jail){.uid = uid, .gid = uid};
	return leave_mounts(sb, err);
}
