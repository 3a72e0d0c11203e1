/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "vmm/firecracker/driver-impl.h"

static mode_t mode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_mode & 07777 : 0;
}

/*
 * As they were given: a guest that had got Firecracker may have left a setuid program of the host's root, which it could
 * not run itself.
 */
void fc_disk_let_go(struct fc_disk *disk)
{
	if (!disk->used)
		return;
	if (mode_of(disk->fd) != disk->mode && fchmod(disk->fd, disk->mode) < 0)
		log_warn("cannot give a disk its mode back: %s", strerror(errno));
	fd_close(disk->fd);
	disk->used = false;
}

int fc_disk_keep(struct fc_disk *kept, const struct vmm_disk *disk, struct err *err)
{
	int fd = fcntl(disk->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(err, -errno, "cannot keep the disk %s", disk->serial);
	*kept = (struct fc_disk){.used = true, .fd = fd, .mode = mode_of(fd)};
	return 0;
}
