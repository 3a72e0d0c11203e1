/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/config.h"
#include "image/ext4/ext4.h"
#include "image/image.h"
#include "image/layer.h"
#include "image/source.h"

/*
 * From an image, or a folder, to a file with an ext4 file system: without unpacking anything, a
 * mount, or being root.
 */

/* Sizes of a file system: what holds its own tables, and what needs no block number of 64 bits. */
#define IMAGE_SIZE_MIN (1ULL << 20)
#define IMAGE_SIZE_MAX ((16ULL << 40) - (1ULL << 20))

/* The variable of an image that says the size of its root file system. */
#define IMAGE_ENV_ROOTFS_SIZE "RUNCVM_ROOTFS_SIZE"

/** struct image_adder - who asks for more files */
struct image_adder;

/**
 * image_add_file() - one more file, of root's, in place of what has its name
 * @path: without a "/" at the beginning; folders on it are made
 *
 * Return: 0 or negative errno, with a message.
 */
int image_add_file(struct image_adder *a, const char *path, mode_t mode, const void *data,
		   size_t len, struct err *err);

/** image_add_folder() - the same, unless there is a folder of that name */
int image_add_folder(struct image_adder *a, const char *path, struct err *err);

/**
 * struct image_build - what to build
 * @reference: as for image_get()
 * @output: the file; one that is there is replaced in the end
 * @size: bytes that the file system shall have, from IMAGE_SIZE_MIN to IMAGE_SIZE_MAX; 0: what the
 *	image takes, and @extra; or, if that is 0, too, what its IMAGE_ENV_ROOTFS_SIZE says
 * @extra: bytes that shall be free
 * @add: adds what the image has not, when all that it has is there. @config: what it says of itself,
 *	nothing where it is a folder or a tar. Return: as image_add_file(). NULL: nothing is added
 * @labels: "KEY=VALUE" each: extended attributes user.KEY of the root
 * @opts: progress, cancel and limits, as for image_get()
 */
struct image_build {
	const char *reference, *output;
	uint64_t size, extra;
	int (*add)(struct image_adder *a, const struct image_config *config, void *userdata,
		   struct err *err);
	void *add_userdata;
	const struct strv *labels;
	struct image_get_options opts;
};

/**
 * image_build() - build it
 *
 * The same image gives the same bytes. The file appears in one step, whole, or not at all.
 *
 * Return: 0 or negative errno, with one sentence: see image_get().
 */
int image_build(const struct image_build *b, struct err *err);

/**
 * image_build_empty() - a file system with nothing in it, in an empty file; nobody waits for the disk
 *
 * Return: 0 or negative errno.
 */
int image_build_empty(int fd, uint64_t size);

/**
 * image_build_upper() - the same with ABI_UPPER_FOLDER in it, as an overlay's upper one on the host
 * @path: that one. Whiteouts and opaque folders stay what they are to overlayfs
 * @opts: cancel and limits, as for image_get()
 *
 * Return: 0 or negative errno, with a message; -ENOTSUP: overlayfs has noted in it what says where in
 * the lower folders something is; -EMSGSIZE: it does not fit into @size.
 */
int image_build_upper(int fd, uint64_t size, const char *path, const struct image_get_options *opts,
		      struct err *err);

/* Between build.c and the other files that begin so. */

/**
 * struct build_tree - a file system into which an image's layers are merged, as in image/tree.h
 * @layer: number of the layer being applied, from 1; its entries have that tag
 */
struct build_tree {
	struct ext4 *fs;
	unsigned int layer;
	struct allowance *allowance;

	/* The folder that the last entry was in: the next one is mostly there, too. */
	char parent[PATH_MAX];
	uint32_t parent_node;
	bool parent_known;

	const struct entry *entry; /* the file being written */
};

/**
 * build_disk() - an image's layers to a file, without anything besides
 * @fd: an empty file
 *
 * Return: 0 or negative errno, with a message.
 */
int build_disk(int fd, const struct source *source, const struct diff_ids *diff_ids,
	       struct allowance *allowance, const struct image_get_options *opts, struct err *err);

/**
 * build_disk_of() - a folder to a file, without anything besides
 * @fd: an empty file
 * @id: of the image that this is
 *
 * Return: 0 or negative errno, with a message.
 */
int build_disk_of(int fd, const char *path, const struct digest *id,
		  const struct image_get_options *opts, struct err *err);

/** build_sink() - what puts a layer's entries into the tree */
struct layer_sink build_sink(struct build_tree *t);

/** build_is_folder() - is there one at @path, which may lead over symbolic links? */
bool build_is_folder(const struct build_tree *t, const char *path);

/** build_add() - call @b->add. Return: what it returns. */
int build_add(struct build_tree *t, const struct image_build *b, const struct image_config *config,
	      struct err *err);

/** build_hide() - as tree_hide(), in the folder @t->parent_node; NULL: as tree_hide_all() */
int build_hide(struct build_tree *t, const char *name);

/**
 * build_folder() - all that is in a folder
 * @skip_dev, @skip_ino: a file that is left out
 *
 * Return: 0 or negative errno, with a message.
 */
int build_folder(struct ext4 *fs, const char *path, const struct image_get_options *opts,
		 dev_t skip_dev, ino_t skip_ino, struct err *err);

/**
 * build_upper() - all that is in an overlay's upper folder
 * @node: the folder that it becomes
 *
 * Return: as image_build_upper(), which asks for it.
 */
int build_upper(struct ext4 *fs, uint32_t node, const char *path,
		const struct image_get_options *opts, struct err *err);

/** build_size() - the size wanted; 0: what it takes. Return: 0, or -EINVAL, with a message. */
int build_size(const struct image_build *b, const struct image_config *config, uint64_t *ret,
	       struct err *err);

/** build_too_small() - the sentence for a size of build_size()'s. Return: -EFBIG. */
int build_too_small(const struct image_build *b, uint64_t size, uint64_t needed, struct err *err);

/** build_xattr_failed() - the sentence for what ext4_set_xattrs() does not take. Return: @r. */
int build_xattr_failed(int r, const char *name, size_t len, struct err *err);
