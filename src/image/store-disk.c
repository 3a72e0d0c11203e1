/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "image/store.h"
#include "image/superblock.h"

bool store_disk_is_whole(int dirfd)
{
	_cleanup_close_ int fd =
		openat(dirfd, store_form(IMAGE_DISK), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t size;
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       superblock_size(fd, &size) == 0 && size == (uint64_t)st.st_size;
}
