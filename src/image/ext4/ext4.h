/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * Writes an ext4 file system into a file, from beginning to end, without mounting anything and
 * without being root. Contents go to the file as they come; what says where they are stays in
 * memory until ext4_finish(). Nothing here knows of archives or images.
 *
 * The same calls make the same bytes, on any machine.
 *
 * Functions return 0 or a negative errno. After an error of the file (-ENOSPC, -EIO, …) nothing can
 * be done with the file system but to free it.
 */

struct ext4;
struct xattr;

/* Files, folders and so on are numbered; 0 is none. They keep their number until ext4_finish(). */
#define EXT4_ROOT 1u

/* Most bytes that a file can have, with its holes: what 2^32 - 1 blocks hold. */
#define EXT4_FILE_MAX ((UINT64_C(1) << 44) - 4096)

/**
 * struct ext4_attr - what all kinds of files have
 * @mode: with its type
 * @mtime, @atime: what ext4 cannot express, before 1901 and after 2446, becomes its nearest
 * @rdev: of devices
 */
struct ext4_attr {
	mode_t mode;
	uint32_t uid, gid;
	struct timespec mtime, atime;
	dev_t rdev;
};

/**
 * ext4_new() - begin, with an empty root that belongs to root
 * @fd: an empty file, open for writing; not owned. Nobody else may write to it
 *
 * Aborts without memory, as all functions here.
 */
struct ext4 *ext4_new(int fd);

/** ext4_free() - accepts NULL */
void ext4_free(struct ext4 *fs);

/**
 * ext4_lookup() - find a name in a folder
 *
 * Return: 0; -ENOENT; -ENOTDIR: @dir is none.
 */
int ext4_lookup(const struct ext4 *fs, uint32_t dir, const char *name, uint32_t *ret);

/**
 * ext4_make() - make a file, folder, symbolic link or node
 * @name: from 1 to 255 bytes; neither "." nor ".."
 * @target: of a symbolic link, from 1 to 4095 bytes; NULL for others
 *
 * Return: 0; -EEXIST; -ENOTDIR; -EINVAL; -EFBIG: more than can be numbered.
 */
int ext4_make(struct ext4 *fs, uint32_t dir, const char *name, const struct ext4_attr *attr,
	      const char *target, uint32_t *ret);

/** ext4_link() - one more name for what is no folder. Return: 0; -EEXIST, -EPERM, -EMLINK, … */
int ext4_link(struct ext4 *fs, uint32_t dir, const char *name, uint32_t node);

/**
 * ext4_unlink() - remove a name; with the last one its blocks are free for what comes
 *
 * Return: 0; -ENOENT; -ENOTEMPTY.
 */
int ext4_unlink(struct ext4 *fs, uint32_t dir, const char *name);

/** ext4_remove_tree() - remove a name and all below it. Return: 0 or -ENOENT. */
int ext4_remove_tree(struct ext4 *fs, uint32_t dir, const char *name);

/** ext4_set_attr() - new attributes for a folder, and none of the extended ones */
void ext4_set_attr(struct ext4 *fs, uint32_t node, const struct ext4_attr *attr);

/**
 * ext4_set_xattrs() - give something extended attributes, in place of those with the same names
 * @ret_bad: on failure: which one
 *
 * What Linux would refuse is refused here: -ENOTSUP, -EINVAL, -EPERM; -E2BIG: they do not fit.
 */
int ext4_set_xattrs(struct ext4 *fs, uint32_t node, const struct xattr *xattrs, size_t n,
		    size_t *ret_bad);

/**
 * ext4_file_begin() - content for a regular file that has none comes
 * @size: what it will be; -EFBIG: more than a file can have
 */
int ext4_file_begin(struct ext4 *fs, uint32_t node, uint64_t size);

/**
 * ext4_file_write() - some of it
 * @offset: where; may leave a hole, but never goes back: -EINVAL
 */
int ext4_file_write(struct ext4 *fs, const void *data, size_t len, uint64_t offset);

/** ext4_file_end() - that was all of it: the rest is a hole */
int ext4_file_end(struct ext4 *fs);

/** ext4_mode() - mode with type */
mode_t ext4_mode(const struct ext4 *fs, uint32_t node);

/** ext4_parent() - the folder that a folder is in; of the root, itself */
uint32_t ext4_parent(const struct ext4 *fs, uint32_t dir);

/** ext4_target() - of a symbolic link; valid until the next ext4_make() or ext4_link() */
const char *ext4_target(const struct ext4 *fs, uint32_t node);

/*
 * What is in a folder, in no order that means anything. Entries are numbered, too; 0 is none. What
 * is removed meanwhile is left out.
 *
 * Entries have a tag, and folders a mark, for the caller's own purposes: both are 0 at first.
 */

/** ext4_entry_first() - the first of a folder's entries, or 0 */
uint32_t ext4_entry_first(const struct ext4 *fs, uint32_t dir);

/** ext4_entry_next() - the one after @entry, or 0 */
uint32_t ext4_entry_next(const struct ext4 *fs, uint32_t entry);

/** ext4_entry_find() - by its name, or 0 */
uint32_t ext4_entry_find(const struct ext4 *fs, uint32_t dir, const char *name);

/** ext4_entry_node() - what it names */
uint32_t ext4_entry_node(const struct ext4 *fs, uint32_t entry);

/** ext4_entry_remove() - as ext4_unlink() */
int ext4_entry_remove(struct ext4 *fs, uint32_t entry);

/** ext4_entry_tag(), ext4_mark() - numbers for who builds, 0 at first; they are not written */
uint16_t ext4_entry_tag(const struct ext4 *fs, uint32_t entry);
void ext4_entry_set_tag(struct ext4 *fs, uint32_t entry, uint16_t tag);
uint16_t ext4_mark(const struct ext4 *fs, uint32_t dir);
void ext4_set_mark(struct ext4 *fs, uint32_t dir, uint16_t mark);

/**
 * struct ext4_finish - how the file system ends
 * @size: bytes that it shall have; 0: what it needs and @extra
 * @extra: bytes that shall be free
 * @identity: any text; with the metadata, it makes the UUID
 * @unsynced: it need not outlast the machine's end, so nobody waits for the disk
 */
struct ext4_finish {
	uint64_t size, extra;
	const char *identity;
	bool unsynced;
};

/**
 * ext4_finish() - write all that is still missing
 * @ret_needed: on -EMSGSIZE: the least @size that would do
 *
 * Return: 0; -EMSGSIZE: does not fit into @size; -EFBIG: more than ext4 without 64-bit block
 * numbers can have, 16 TiB.
 */
int ext4_finish(struct ext4 *fs, const struct ext4_finish *how, uint64_t *ret_needed);
