/* SPDX-License-Identifier: Apache-2.0 */
#include "image/superblock.h"

#include <endian.h>
#include <errno.h>
#include <unistd.h>

/* The first fields (Linux' fs/ext4/ext4.h), little-endian. */
struct super {
	uint32_t inodes, blocks, fields_2_to_5[4], log_block_size, fields_7_to_13[7];
	uint16_t magic;
};

#define SUPER_AT      1024
#define SUPER_MAGIC   0xef53
#define LOG_BLOCK_MAX 6 /* 64 KiB */

int superblock_size(int fd, uint64_t *ret)
{
	struct super super;
	uint32_t log;

	if (pread(fd, &super, sizeof(super), SUPER_AT) != sizeof(super))
		return -EBADMSG;
	log = le32toh(super.log_block_size);
	if (le16toh(super.magic) != SUPER_MAGIC || log > LOG_BLOCK_MAX)
		return -EBADMSG;
	*ret = (uint64_t)le32toh(super.blocks) << (10 + log);
	return 0;
}
