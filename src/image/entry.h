/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <archive_entry.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"

/** enum entry_kind - what an entry of a layer asks for */
enum entry_kind {
	ENTRY_SKIP,	/* nothing: left over by a builder's own bookkeeping */
	ENTRY_WHITEOUT, /* @name, of a lower layer, is gone */
	ENTRY_OPAQUE,	/* all that lower layers have in @parent is gone */
	ENTRY_DIR,
	ENTRY_FILE,
	ENTRY_SYMLINK,
	ENTRY_HARDLINK,
	ENTRY_NODE, /* device or fifo */
};

/**
 * struct entry - one validated entry of a layer's tar
 * @parent: path of the folder it is in, from the root, without "." or empty parts; "" is the root
 * @name: its name there; "" only for the root itself, whose @kind is ENTRY_DIR. For ENTRY_WHITEOUT
 *	without ".wh."; for ENTRY_OPAQUE ""
 * @link: for ENTRY_SYMLINK its content, any bytes; for ENTRY_HARDLINK a path like @parent
 * @mode: permission bits with setuid, setgid and sticky; for ENTRY_NODE the type, too
 * @size: of the file, with its holes
 * @archive: where the extended attributes and ACLs are; valid until the next entry
 *
 * No component of @parent, @name or a hard link's @link is ".." or longer than NAME_MAX.
 */
struct entry {
	enum entry_kind kind;
	char parent[PATH_MAX], name[NAME_MAX + 1], link[PATH_MAX];
	mode_t mode;
	uint32_t uid, gid;
	struct timespec mtime, atime;
	dev_t rdev;
	int64_t size;
	struct archive_entry *archive;
};

/**
 * entry_plan() - check and normalise what libarchive read
 * @ret: filled on success
 *
 * Whiteouts are those of image-spec 1.1, layer.md. Names are bytes, not text.
 *
 * Return: 0 or negative errno, with a message that names the entry.
 */
int entry_plan(struct archive_entry *ae, struct entry *ret, struct err *err);

/** entry_blame() - Return: @r, with the entry's name in front of the message if it is an error */
int entry_blame(const struct entry *e, int r, struct err *err);
