/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/links.h"

#include <string.h>

static size_t slot_of(const struct stat *st)
{
	uint64_t hash = ((uint64_t)st->st_dev << 32 ^ (uint64_t)st->st_ino) * 0x9e3779b97f4a7c15ULL;

	return (size_t)(hash >> 32) % TAR_LINKS_SLOTS;
}

static void remember(struct tar_links *links, struct tar_link *slot, const struct stat *st,
		     const char *path)
{
	size_t size = strlen(path) + 1;

	/* Offset 0 is of no name. */
	if (links->names_len == 0)
		links->names_len = 1;
	if (links->n >= TAR_LINKS_SLOTS / 2 || size > sizeof(links->names) - links->names_len)
		return;
	slot->dev = st->st_dev;
	slot->ino = st->st_ino;
	slot->name = (uint32_t)links->names_len;
	memcpy(links->names + links->names_len, path, size);
	links->names_len += size;
	links->n++;
}

const char *tar_links_find(struct tar_links *links, const struct stat *st, const char *path)
{
	size_t i = slot_of(st);

	for (; links->slots[i].name; i = (i + 1) % TAR_LINKS_SLOTS)
		if (links->slots[i].ino == st->st_ino && links->slots[i].dev == st->st_dev)
			return links->names + links->slots[i].name;
	remember(links, &links->slots[i], st, path);
	return NULL;
}
