/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/inodes.h"
#include "image/layer.h"
#include "image/nameset.h"
#include "image/sum.h"

/**
 * struct tree - a folder into which an image's layers are merged, one after the other
 * @root: the folder; not owned
 * @layer: number of the layer being applied, from 1
 * @sums: checksums of what was written; of files that are gone, too
 * @allowance: folders that are made without an entry of their own count as entries
 */
struct tree {
	int root;
	unsigned int layer;
	struct allowance *allowance;

	/* The folder that the last entry was in: the next one is mostly there, too. */
	char parent[PATH_MAX];
	int parent_fd;
	uint64_t parent_ino;
	struct timespec parent_mtime; /* which it gets back when it is left */
	bool parent_has_acl, parent_stale;

	/* The file being written. */
	const struct entry *entry;
	int file;
	int64_t end;
	struct sum sum;

	struct nameset added;
	struct inodes sums;
};

/** tree_init() - begin; @root is an empty folder that nobody else touches */
void tree_init(struct tree *t, int root, struct allowance *allowance);

/** tree_sink() - what puts entries into the tree */
struct layer_sink tree_sink(struct tree *t);

/** tree_finish() - all layers are in: leave the last folder. Return: 0 or negative errno. */
int tree_finish(struct tree *t, struct err *err);

/** tree_done() - free; may be called again */
void tree_done(struct tree *t);

/* Between tree.c, tree-add.c and tree-remove.c. */

/**
 * tree_open_dir() - a folder of the image; "" is the root. Return: descriptor or negative errno.
 */
int tree_open_dir(const struct tree *t, const char *path);

/** tree_restore_mtime() - after a change in a folder. Return: 0 or negative errno. */
int tree_restore_mtime(int fd, struct timespec mtime);

/** tree_add() - put an entry into the folder @t->parent_fd. Return: 0 or negative errno. */
int tree_add(struct tree *t, const struct entry *e, struct err *err);

/**
 * tree_hide() - remove what lower layers have under @name in the folder @t->parent_fd
 *
 * What this layer has added stays, with the folders that lead to it.
 *
 * Return: 0 or negative errno; -EINTR: cancelled.
 */
int tree_hide(struct tree *t, const char *name);

/** tree_hide_all() - tree_hide() for every name in the folder */
int tree_hide_all(struct tree *t);
