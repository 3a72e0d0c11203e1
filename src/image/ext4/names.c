/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/ext4/impl.h"
#include "image/siphash.h"

/*
 * Names in folders: entries in one table for all folders, found by hash, and in a list a folder.
 * A name that is removed stays in both with no node, until it comes again: so nothing is ever
 * searched for to be taken out.
 */

#define FIRST_BUCKETS 4096u

static uint32_t hash(const struct ext4 *fs, uint32_t dir, const char *name, size_t len)
{
	return (uint32_t)siphash_name(fs->key, dir, name, len);
}

static uint32_t find(const struct ext4 *fs, uint32_t dir, const char *name)
{
	size_t len = strlen(name);
	uint32_t h, i;

	if (fs->n_buckets == 0)
		return 0;
	h = hash(fs, dir, name, len);
	for (i = fs->buckets[h & (fs->n_buckets - 1)]; i; i = ext4_entry(fs, i)->chain) {
		const struct ext4_entry *e = ext4_entry(fs, i);

		if (e->hash == h && e->dir == dir && e->len == len &&
		    memcmp(ext4_entry_name(fs, e), name, len) == 0)
			break;
	}
	return i;
}

static void grow_buckets(struct ext4 *fs)
{
	fs->n_buckets = fs->n_buckets ? 2 * fs->n_buckets : FIRST_BUCKETS;
	free(fs->buckets);
	fs->buckets = xcalloc(fs->n_buckets, sizeof(*fs->buckets));
	for (uint32_t i = 1; i < fs->entries.n; i++) {
		uint32_t *bucket = &fs->buckets[ext4_entry(fs, i)->hash & (fs->n_buckets - 1)];

		ext4_entry(fs, i)->chain = *bucket;
		*bucket = i;
	}
}

/* The new entry goes to the end of the folder's list. */
static void put_in_list(struct ext4 *fs, uint32_t dir, uint32_t entry)
{
	struct ext4_node *d = ext4_node(fs, dir);

	if (d->dir.last)
		ext4_entry(fs, d->dir.last)->next = entry;
	else
		d->dir.first = entry;
	d->dir.last = entry;
	ext4_entry(fs, entry)->next = 0;
	ext4_entry(fs, entry)->listed = true;
}

/* Removed names at the list's beginning leave it: who empties a folder does not meet them again. */
static void shorten_list(struct ext4 *fs, uint32_t dir)
{
	struct ext4_node *d = ext4_node(fs, dir);

	while (d->dir.first && !ext4_entry(fs, d->dir.first)->node) {
		ext4_entry(fs, d->dir.first)->listed = false;
		d->dir.first = ext4_entry(fs, d->dir.first)->next;
	}
	if (!d->dir.first)
		d->dir.last = 0;
}

static int new_entry(struct ext4 *fs, uint32_t dir, const char *name, uint32_t *ret)
{
	size_t len = strlen(name);
	uint32_t at, i, *bucket;
	int r;

	if (len == 0 || len > EXT2_NAME_LEN)
		return -EINVAL;
	r = ext4_arena_add(&fs->names, len, &at);
	if (r == 0)
		r = ext4_arena_add(&fs->entries, 1, &i);
	if (r < 0)
		return r;
	memcpy(fs->names.p + at, name, len);
	*ext4_entry(fs, i) = (struct ext4_entry){
		.dir = dir, .hash = hash(fs, dir, name, len), .name = at, .len = (uint8_t)len};
	if (i >= fs->n_buckets) {
		grow_buckets(fs);
	} else {
		bucket = &fs->buckets[ext4_entry(fs, i)->hash & (fs->n_buckets - 1)];
		ext4_entry(fs, i)->chain = *bucket;
		*bucket = i;
	}
	put_in_list(fs, dir, i);
	*ret = i;
	return 0;
}

/* Return: 0 and an entry without a node; -EEXIST: there is one that has a node. */
static int get_entry(struct ext4 *fs, uint32_t dir, const char *name, uint32_t *ret)
{
	if (!S_ISDIR(ext4_node(fs, dir)->mode))
		return -ENOTDIR;
	*ret = find(fs, dir, name);
	if (*ret == 0)
		return new_entry(fs, dir, name, ret);
	if (ext4_entry(fs, *ret)->node)
		return -EEXIST;
	ext4_entry(fs, *ret)->tag = 0;
	if (!ext4_entry(fs, *ret)->listed)
		put_in_list(fs, dir, *ret);
	return 0;
}

void ext4_names_done(struct ext4 *fs)
{
	free(fs->buckets);
	fs->buckets = NULL;
	fs->n_buckets = 0;
}

uint32_t ext4_entry_find(const struct ext4 *fs, uint32_t dir, const char *name)
{
	uint32_t i = find(fs, dir, name);

	return i && ext4_entry(fs, i)->node ? i : 0;
}

int ext4_lookup(const struct ext4 *fs, uint32_t dir, const char *name, uint32_t *ret)
{
	uint32_t i;

	if (!S_ISDIR(ext4_node(fs, dir)->mode))
		return -ENOTDIR;
	i = ext4_entry_find(fs, dir, name);
	if (!i)
		return -ENOENT;
	*ret = ext4_entry(fs, i)->node;
	return 0;
}

static uint32_t first_alive(const struct ext4 *fs, uint32_t i)
{
	while (i && !ext4_entry(fs, i)->node)
		i = ext4_entry(fs, i)->next;
	return i;
}

uint32_t ext4_entry_first(const struct ext4 *fs, uint32_t dir)
{
	return first_alive(fs, ext4_node(fs, dir)->dir.first);
}

uint32_t ext4_entry_next(const struct ext4 *fs, uint32_t entry)
{
	return first_alive(fs, ext4_entry(fs, entry)->next);
}

uint32_t ext4_entry_node(const struct ext4 *fs, uint32_t entry)
{
	return ext4_entry(fs, entry)->node;
}

uint16_t ext4_entry_tag(const struct ext4 *fs, uint32_t entry)
{
	return ext4_entry(fs, entry)->tag;
}

void ext4_entry_set_tag(struct ext4 *fs, uint32_t entry, uint16_t tag)
{
	ext4_entry(fs, entry)->tag = tag;
}

static void copy_attr(struct ext4_node *node, const struct ext4_attr *attr)
{
	node->mode = (uint16_t)attr->mode;
	node->uid = attr->uid;
	node->gid = attr->gid;
	node->mtime = ext4_time(attr->mtime);
	node->atime = ext4_time(attr->atime);
}

static int new_target(struct ext4 *fs, const char *target, struct ext4_node *node)
{
	size_t len = target ? strlen(target) : 0;
	int r;

	if (len == 0 || len >= EXT4_BLOCK)
		return -EINVAL;
	r = ext4_arena_add(&fs->names, len + 1, &node->target);
	if (r < 0)
		return r;
	memcpy(fs->names.p + node->target, target, len + 1);
	node->size = len;
	return 0;
}

static int new_node(struct ext4 *fs, uint32_t dir, const struct ext4_attr *attr, const char *target,
		    uint32_t *ret)
{
	struct ext4_node node = {.links = 1};
	int r = 0;

	copy_attr(&node, attr);
	if (S_ISDIR(attr->mode)) {
		node.links = 2;
		node.dir.parent = dir;
	} else if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode)) {
		/* As mknod(2): 12 bits of the major number, 20 of the minor. */
		if (attr->rdev > UINT32_MAX)
			return -EINVAL;
		node.rdev = (uint32_t)attr->rdev;
	} else if (S_ISLNK(attr->mode)) {
		r = new_target(fs, target, &node);
	}
	if (r == 0)
		r = ext4_arena_add(&fs->nodes, 1, ret);
	if (r == 0)
		*ext4_node(fs, *ret) = node;
	return r;
}

int ext4_make(struct ext4 *fs, uint32_t dir, const char *name, const struct ext4_attr *attr,
	      const char *target, uint32_t *ret)
{
	uint32_t entry;
	int r = get_entry(fs, dir, name, &entry);

	if (r == 0)
		r = new_node(fs, dir, attr, target, ret);
	if (r < 0)
		return r;
	ext4_entry(fs, entry)->node = *ret;
	if (S_ISDIR(attr->mode))
		ext4_node(fs, dir)->links++;
	return 0;
}

int ext4_link(struct ext4 *fs, uint32_t dir, const char *name, uint32_t node)
{
	uint32_t entry;
	int r;

	if (S_ISDIR(ext4_node(fs, node)->mode))
		return -EPERM;
	r = get_entry(fs, dir, name, &entry);
	if (r < 0)
		return r;
	if (ext4_node(fs, node)->links >= EXT4_LINKS_MAX)
		return -EMLINK;
	ext4_node(fs, node)->links++;
	ext4_entry(fs, entry)->node = node;
	return 0;
}

static void drop_node(struct ext4 *fs, uint32_t dir, uint32_t i)
{
	struct ext4_node *node = ext4_node(fs, i);

	if (S_ISDIR(node->mode)) {
		node->links = 0;
		ext4_node(fs, dir)->links--;
	} else if (--node->links == 0) {
		ext4_data_free(fs, node);
	}
}

int ext4_entry_remove(struct ext4 *fs, uint32_t i)
{
	struct ext4_entry *e = ext4_entry(fs, i);

	if (S_ISDIR(ext4_node(fs, e->node)->mode) && ext4_entry_first(fs, e->node))
		return -ENOTEMPTY;
	drop_node(fs, e->dir, e->node);
	e->node = 0;
	shorten_list(fs, e->dir);
	return 0;
}

int ext4_unlink(struct ext4 *fs, uint32_t dir, const char *name)
{
	uint32_t i = ext4_entry_find(fs, dir, name);

	return i ? ext4_entry_remove(fs, i) : -ENOENT;
}

int ext4_remove_tree(struct ext4 *fs, uint32_t dir, const char *name)
{
	uint32_t *way = NULL, next = ext4_entry_find(fs, dir, name);
	size_t n = 0, room = 0;

	if (!next)
		return -ENOENT;
	do {
		uint32_t node;

		if (next) {
			if (n == room) {
				room = room ? 2 * room : 16;
				way = xreallocarray(way, room, sizeof(*way));
			}
			way[n++] = next;
		} else {
			(void)ext4_entry_remove(fs, way[--n]);
		}
		node = n > 0 ? ext4_entry(fs, way[n - 1])->node : 0;
		next = node && S_ISDIR(ext4_node(fs, node)->mode) ? ext4_entry_first(fs, node) : 0;
	} while (n > 0);
	free(way);
	return 0;
}

void ext4_set_attr(struct ext4 *fs, uint32_t node, const struct ext4_attr *attr)
{
	copy_attr(ext4_node(fs, node), attr);
	ext4_node(fs, node)->xattrs = 0;
}

mode_t ext4_mode(const struct ext4 *fs, uint32_t node)
{
	return ext4_node(fs, node)->mode;
}

uint32_t ext4_parent(const struct ext4 *fs, uint32_t dir)
{
	return ext4_node(fs, dir)->dir.parent;
}

const char *ext4_target(const struct ext4 *fs, uint32_t node)
{
	return fs->names.p + ext4_node(fs, node)->target;
}

uint16_t ext4_mark(const struct ext4 *fs, uint32_t dir)
{
	return ext4_node(fs, dir)->mark;
}

void ext4_set_mark(struct ext4 *fs, uint32_t dir, uint16_t mark)
{
	ext4_node(fs, dir)->mark = mark;
}
