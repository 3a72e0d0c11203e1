/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/ext4-read/impl.h"

static const struct {
	errcode_t code;
	int error;
	const char *text;
} reasons[] = {
	{EXT2_ET_BAD_MAGIC, -EINVAL, "it is no ext4 file system"},
	{EXT2_ET_UNSUPP_FEATURE, -ENOTSUP, "it has features that are not known here"},
	{EXT2_ET_SB_CSUM_INVALID, -EBADMSG, "the checksum of its superblock is wrong"},
	{EXT2_ET_UNEXPECTED_BLOCK_SIZE, -EBADMSG, "its superblock is damaged"},
	{EXT2_ET_CORRUPT_SUPERBLOCK, -EBADMSG, "its superblock is damaged"},
	{EXT2_ET_GDESC_READ, -EBADMSG, "its group descriptors cannot be read"},
};

static int open_failed(errcode_t code, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].code == code)
			return err_set(err, reasons[i].error, "%s", reasons[i].text);
	if (code > 0 && code < 4096)
		return err_errno(err, -(int)code, "cannot read it");
	/* Too short to have a superblock, too. */
	return err_set(err, -EBADMSG, "it is no ext4 file system, or is damaged");
}

static int check_groups(const struct ext4r *fs, struct err *err)
{
	for (dgrp_t i = 0; i < fs->fs->group_desc_count; i++)
		if (!ext2fs_group_desc_csum_verify(fs->fs, i))
			return err_set(err, -EBADMSG, "the checksum of its group %u is wrong", i);
	return 0;
}

static int check(struct ext4r *fs, struct err *err)
{
	struct ext2_super_block *super = fs->fs->super;
	off_t size = lseek(fs->fd, 0, SEEK_END);

	if (size < 0)
		return err_errno(err, -errno, "cannot read it");
	/* With a journal the one tells a mount, without one the other. */
	if (ext2fs_has_feature_journal_needs_recovery(super) || !(super->s_state & EXT2_VALID_FS))
		return err_set(err, -EBUSY,
			       "it is in use, or was not unmounted: shut its machine down, or run "
			       "e2fsck on it");
	if (fs->blocks > (uint64_t)size / fs->block)
		return err_set(err, -EBADMSG,
			       "it is cut off: it says that it has %llu bytes, and there are %lld",
			       (unsigned long long)fs->blocks * fs->block, (long long)size);
	return check_groups(fs, err);
}

int ext4r_open(int fd, struct ext4r **ret, struct err *err)
{
	struct ext4r *fs;
	struct stat st;
	char path[32];
	errcode_t code;
	int r;

	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot read it");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, -EINVAL, "it is neither a file nor a block device");
	fs = xcalloc(1, sizeof(*fs));
	fs->fd = fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	code = ext2fs_open(path, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs->fs);
	if (code) {
		free(fs);
		return open_failed(code, err);
	}
	fs->block = fs->fs->blocksize;
	fs->inodes = fs->fs->super->s_inodes_count;
	fs->blocks = fs->left = ext2fs_blocks_count(fs->fs->super);
	r = check(fs, err);
	if (r < 0)
		ext4r_free(fs);
	else
		*ret = fs;
	return r;
}

void ext4r_free(struct ext4r *fs)
{
	if (fs)
		ext2fs_free(fs->fs);
	free(fs);
}

uint64_t ext4r_used(const struct ext4r *fs)
{
	uint64_t unused = ext2fs_free_blocks_count(fs->fs->super);

	return (unused < fs->blocks ? fs->blocks - unused : 0) * fs->block;
}

bool ext4r_is_block(const struct ext4r *fs, uint64_t block, uint64_t n)
{
	return block > fs->fs->super->s_first_data_block && block < fs->blocks &&
	       n <= fs->blocks - block;
}

int ext4r_read_at(const struct ext4r *fs, uint64_t at, void *buf, size_t len, struct err *err)
{
	char *p = buf;

	while (len > 0) {
		ssize_t n = pread(fs->fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "cannot read its blocks");
		if (n == 0)
			return err_set(err, -EBADMSG, "its blocks are beyond the end of the image");
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int ext4r_read_block(const struct ext4r *fs, uint64_t block, void *buf, struct err *err)
{
	return ext4r_read_at(fs, block * fs->block, buf, fs->block, err);
}
