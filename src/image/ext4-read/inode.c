/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/ext4-read/impl.h"

/* inodes.rst */

static const uint32_t not_for_us = EXT4_ENCRYPT_FL | EXT2_COMPRBLK_FL;

void ext4r_inode_done(struct ext4r_inode *inode)
{
	free(take_ptr(inode->raw));
}

/* Two bits extend the seconds, 30 have the nanoseconds; where an inode has no room for them, neither. */
static int read_mtime(const struct ext4r *fs, struct ext4r_inode *inode, struct err *err)
{
	const struct ext2_inode_large *raw = inode->raw;
	uint32_t extra = 0;

	if (ext4r_inode_size(fs) > EXT2_GOOD_OLD_INODE_SIZE &&
	    (size_t)EXT2_GOOD_OLD_INODE_SIZE + raw->i_extra_isize >=
		    offsetof(struct ext2_inode_large, i_mtime_extra) + sizeof(extra))
		extra = raw->i_mtime_extra;
	inode->mtime.tv_sec = (time_t)(int32_t)raw->i_mtime + ((time_t)(extra & 3) << 32);
	inode->mtime.tv_nsec = (long)(extra >> 2);
	if (inode->mtime.tv_nsec >= 1000000000)
		return err_set(err, -EBADMSG, "its time is none");
	return 0;
}

/* Numbers of 8 bits are in the first word, larger ones in the second. */
static void read_device(struct ext4r_inode *inode)
{
	const struct ext2_inode_large *raw = inode->raw;
	uint32_t old = raw->i_block[0], new = raw->i_block[1];

	if (!S_ISCHR(inode->mode) && !S_ISBLK(inode->mode))
		return;
	inode->rdev_major = old ? old >> 8 & 0xff : (new & 0xfff00) >> 8;
	inode->rdev_minor = old ? old & 0xff : (new & 0xff) | (new >> 12 & 0xfff00);
}

static int check_type(const struct ext4r_inode *inode, struct err *err)
{
	static const mode_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR,
				       S_IFBLK, S_IFIFO, S_IFSOCK};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((inode->mode & S_IFMT) == types[i])
			return 0;
	return err_set(err, -EBADMSG, "it is of no kind that there is (mode %o)", inode->mode);
}

static int check(const struct ext4r *fs, const struct ext4r_inode *inode, struct err *err)
{
	const struct ext2_inode_large *raw = inode->raw;
	uint32_t room = ext4r_inode_size(fs) - EXT2_GOOD_OLD_INODE_SIZE;

	if (room > 0 && (raw->i_extra_isize > room || raw->i_extra_isize % 4))
		return err_set(err, -EBADMSG, "its inode is damaged");
	if (inode->flags & not_for_us)
		return err_set(err, -ENOTSUP, "it is encrypted or compressed");
	if (inode->links == 0)
		return err_set(err, -EBADMSG, "it was removed, and has a name all the same");
	if (inode->size > INT64_MAX)
		return err_set(err, -EBADMSG, "it has an impossible size");
	return check_type(inode, err);
}

static int fill(const struct ext4r *fs, struct ext4r_inode *inode, struct err *err)
{
	const struct ext2_inode_large *raw = inode->raw;
	int r;

	inode->mode = raw->i_mode;
	inode->uid = raw->i_uid | (uint32_t)raw->i_uid_high << 16;
	inode->gid = raw->i_gid | (uint32_t)raw->i_gid_high << 16;
	inode->links = raw->i_links_count;
	inode->flags = raw->i_flags;
	inode->size = raw->i_size | (uint64_t)raw->i_size_high << 32;
	inode->xattr_block = raw->i_file_acl | (uint64_t)raw->osd2.linux2.l_i_file_acl_high << 32;
	inode->rdev_major = inode->rdev_minor = 0;
	r = check(fs, inode, err);
	if (r < 0)
		return r;
	read_device(inode);
	return read_mtime(fs, inode, err);
}

int ext4r_inode_any(struct ext4r *fs, uint32_t ino, struct ext4r_inode *ret, struct err *err)
{
	/* What is not on the disk is 0. */
	size_t room = MAX((size_t)ext4r_inode_size(fs), sizeof(struct ext2_inode_large));
	errcode_t code;

	ext4r_inode_done(ret);
	ret->ino = ino;
	ret->raw = xcalloc(1, room);
	if (ino == 0 || ino > fs->inodes)
		return err_set(err, -EBADMSG, "there is no inode %u", ino);
	code = ext2fs_read_inode_full(fs->fs, ino, ret->raw, (int)ext4r_inode_size(fs));
	if (code == EXT2_ET_INODE_CSUM_INVALID)
		return err_set(err, -EBADMSG, "the checksum of its inode is wrong");
	if (code)
		return err_set(err, -EBADMSG, "its inode cannot be read");
	return fill(fs, ret, err);
}

int ext4r_inode(struct ext4r *fs, uint32_t ino, struct ext4r_inode *ret, struct err *err)
{
	int r = ext4r_inode_any(fs, ino, ret, err);

	if (r == 0 && ret->flags & EXT4_EA_INODE_FL)
		return err_set(err, -EBADMSG, "it is an attribute, and no file");
	return r;
}
