/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/store.h"

/* Of ext4's superblock. */
#define SUPERBLOCK    1024
#define AT_BLOCKS     0x4
#define AT_BLOCK_SIZE 0x18
#define AT_MAGIC      0x38
#define MAGIC	      0xef53

bool store_disk_is_whole(int dirfd)
{
	_cleanup_close_ int fd =
		openat(dirfd, store_form(IMAGE_DISK), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint32_t blocks, log;
	uint16_t magic;
	struct stat st;
	char sb[64];

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    pread(fd, sb, sizeof(sb), SUPERBLOCK) != sizeof(sb))
		return false;
	memcpy(&blocks, sb + AT_BLOCKS, sizeof(blocks));
	memcpy(&log, sb + AT_BLOCK_SIZE, sizeof(log));
	memcpy(&magic, sb + AT_MAGIC, sizeof(magic));
	return le16toh(magic) == MAGIC && le32toh(log) < 10 &&
	       (uint64_t)st.st_size == (uint64_t)le32toh(blocks) << (10 + le32toh(log));
}
