/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/sysmacros.h>

#include "image/ext4/impl.h"

/* inodes.rst. Inodes are 256 bytes, of which 128 + 32 have names, and the rest attributes. */

#define SECONDS_MIN INT64_C(-0x80000000)
#define SECONDS_MAX INT64_C(0x37fffffff)

/* inodes.rst, "Inode Timestamps": two bits extend the seconds, 30 have the nanoseconds. */
uint64_t ext4_time(struct timespec t)
{
	int64_t sec = t.tv_sec;
	uint32_t nsec = (uint32_t)t.tv_nsec, low, epoch;

	if (t.tv_nsec < 0 || t.tv_nsec > 999999999)
		nsec = 0;
	if (sec < SECONDS_MIN || sec > SECONDS_MAX) {
		sec = sec < SECONDS_MIN ? SECONDS_MIN : SECONDS_MAX;
		nsec = 0;
	}
	low = (uint32_t)sec;
	epoch = (uint32_t)((uint64_t)(sec - (int32_t)low) >> 32) & 3;
	return (uint64_t)(nsec << 2 | epoch) << 32 | low;
}

static void fill_times(const struct ext4_node *node, struct ext2_inode_large *inode)
{
	uint32_t low = (uint32_t)node->mtime, extra = (uint32_t)(node->mtime >> 32);

	inode->i_atime = (uint32_t)node->atime;
	inode->i_atime_extra = (uint32_t)(node->atime >> 32);
	/* Nobody can choose these two; it was then that it came to be as it is. */
	inode->i_mtime = inode->i_ctime = inode->i_crtime = low;
	inode->i_mtime_extra = inode->i_ctime_extra = inode->i_crtime_extra = extra;
}

/* As the kernel has it: numbers of 8 bits in the first word, larger ones in the second. */
static void fill_device(uint32_t rdev, uint32_t *i_block)
{
	uint32_t major = major(rdev), minor = minor(rdev);

	if (major < 256 && minor < 256)
		i_block[0] = major << 8 | minor;
	else
		i_block[1] = rdev;
}

/* Return: blocks. */
static uint64_t fill_content(const struct ext4 *fs, struct ext4_node *node,
			     struct ext2_inode_large *inode)
{
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) {
		fill_device(node->rdev, inode->i_block);
		return 0;
	}
	if (S_ISLNK(node->mode) && node->size < EXT4_FAST_LINK) {
		memcpy(inode->i_block, fs->names.p + node->target, node->size);
		return 0;
	}
	if (!S_ISREG(node->mode) && !S_ISDIR(node->mode) && !S_ISLNK(node->mode))
		return 0;
	inode->i_flags = EXT4_EXTENTS_FL;
	if (S_ISDIR(node->mode) && node->size > EXT4_BLOCK && !(node->mark & EXT4_MARK_LINEAR))
		inode->i_flags |= EXT2_INDEX_FL;
	return ext4_extents_root(fs, node, inode->i_block);
}

void ext4_inode_fill(const struct ext4 *fs, uint32_t i, void *buf)
{
	struct ext4_node *node = ext4_node(fs, i);
	struct ext2_inode_large *inode = buf;
	uint64_t sectors;

	inode->i_mode = node->mode;
	inode->i_uid = (uint16_t)node->uid;
	inode->i_uid_high = (uint16_t)(node->uid >> 16);
	inode->i_gid = (uint16_t)node->gid;
	inode->i_gid_high = (uint16_t)(node->gid >> 16);
	inode->i_size = (uint32_t)node->size;
	inode->i_size_high = (uint32_t)(node->size >> 32);
	/* super.rst, RO_COMPAT_DIR_NLINK: 1 is "more than can be counted". */
	inode->i_links_count = (uint16_t)(node->links > EXT4_LINKS_MAX ? 1 : node->links);
	inode->i_extra_isize = EXT4_INODE_EXTRA;
	fill_times(node, inode);
	sectors = fill_content(fs, node, inode) * (EXT4_BLOCK / 512);
	inode->i_file_acl = ext4_xattrs_inode(fs, node, (char *)buf + 128 + EXT4_INODE_EXTRA);
	sectors += inode->i_file_acl ? EXT4_BLOCK / 512 : 0;
	inode->i_blocks = (uint32_t)sectors;
	inode->osd2.linux2.l_i_blocks_hi = (uint16_t)(sectors >> 32);
}
