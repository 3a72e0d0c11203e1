/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** struct inodes - which files of a folder have been met under another name; all zero is none */
struct inodes {
	struct inode {
		dev_t dev;
		ino_t ino;
		uint32_t value;
	} * slots;
	size_t n, size;
};

/** inodes_add() - remember @value, not 0, for a file; it replaces what is there */
void inodes_add(struct inodes *s, dev_t dev, ino_t ino, uint32_t value);

/** inodes_find() - the value, or 0 */
uint32_t inodes_find(const struct inodes *s, dev_t dev, ino_t ino);

/** inodes_done() - free; may be called again */
void inodes_done(struct inodes *s);
