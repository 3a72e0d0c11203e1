/* SPDX-License-Identifier: Apache-2.0 */
#include "image/measure.h"

#include "image/inodes.h"
#include "image/walk.h"

#define BLOCK 512 /* of stat(2) */

struct measure {
	struct inodes inodes;
	uint64_t bytes;
};

static int add(const struct walk_entry *e, void *userdata)
{
	struct measure *m = userdata;
	const struct stat *st = &e->st;

	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		if (inodes_find(&m->inodes, st->st_dev, st->st_ino))
			return 0;
		inodes_add(&m->inodes, st->st_dev, st->st_ino, 1);
	}
	m->bytes += (uint64_t)st->st_blocks * BLOCK;
	return 0;
}

uint64_t measure_folder(int fd)
{
	struct measure m = {.bytes = 0};

	(void)walk_folder(fd, add, &m);
	inodes_done(&m.inodes);
	return m.bytes;
}
