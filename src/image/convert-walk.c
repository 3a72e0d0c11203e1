/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/convert.h"
#include "image/ext4-read/ext4-read.h"
#include "image/inodes.h"
#include "image/text.h"
#include "image/xattr.h"
#include "tar/write.h"

#define PIECE	   (1u << 20) /* bytes of content read at a time */
#define GRAIN	   4096u
#define ROOT_PATH  "./"
#define LOST_FOUND "lost+found"

/*
 * struct level - a folder on the way to what is at hand
 * @next: of its names; @path_len: of its path, without a "/" at the end
 */
struct level {
	struct ext4r_folder folder;
	uint32_t ino;
	size_t next, path_len;
};

/* struct link - a file with several names. @path: the first of them; @seen: how many there were */
struct link {
	char *path;
	uint32_t seen, links;
};

/* What struct inodes has of a file, and of a folder: numbers from 2 on are those of links, and 2. */
#define SEEN_ONCE 1u

struct walk {
	const struct convert_walk *how;
	struct level *levels;
	size_t depth, room;
	struct inodes seen;
	struct link *links;
	size_t n_links, links_room;
	char path[PATH_MAX];
	uint64_t entries, bytes, passed, total;
	char *buf;
	struct err *err;
};

static int cancelled(const struct walk *w)
{
	const struct image_get_options *o = w->how->opts;

	return o->cancel && *o->cancel ? err_set(w->err, -EINTR, "interrupted") : 0;
}

/* Of the writer, which says why it failed without a sentence. */
static int wrote(const struct walk *w, int r)
{
	return r < 0 ? err_errno(w->err, r, "cannot write the layer") : 0;
}

static int wrap(const struct walk *w, int r)
{
	if (r < 0 && r != -EINTR)
		(void)err_wrap(w->err, r, "'/%s'", text_of(w->path));
	return r;
}

static uint32_t add_link(struct walk *w, const struct ext4r_inode *inode)
{
	if (w->n_links == w->links_room) {
		w->links_room = w->links_room ? 2 * w->links_room : 64;
		w->links = xreallocarray(w->links, w->links_room, sizeof(*w->links));
	}
	w->links[w->n_links++] = (struct link){xstrdup(w->path), 1, inode->links};
	return SEEN_ONCE + (uint32_t)w->n_links;
}

/* Return: 1 if it was there before, and *@ret is its first name; 0 if not; or negative errno. */
static int seen_before(struct walk *w, const struct ext4r_inode *inode, const char **ret)
{
	uint32_t value = inodes_find(&w->seen, 0, inode->ino);
	bool folder = S_ISDIR(inode->mode);
	struct link *link;

	if (value == 0) {
		value = folder || inode->links == 1 ? SEEN_ONCE : add_link(w, inode);
		inodes_add(&w->seen, 0, inode->ino, value);
		return 0;
	}
	if (folder)
		return err_set(w->err, -EBADMSG, "the folder is in more than one place");
	link = value > SEEN_ONCE ? &w->links[value - SEEN_ONCE - 1] : NULL;
	if (!link || link->seen++ == link->links)
		return err_set(w->err, -EBADMSG, "it has more names than it says (%u)",
			       inode->links);
	*ret = link->path;
	return 1;
}

static int count_bytes(struct walk *w, uint64_t n)
{
	uint64_t max = w->how->opts->max_bytes ? w->how->opts->max_bytes : IMAGE_BYTES_MAX;

	if (n > max - w->bytes)
		return err_set(w->err, -EFBIG, "the image would have more than %llu bytes",
			       (unsigned long long)max);
	w->bytes += n;
	return 0;
}

/* What is between @at and its end: what is there, and zeros. @i: the piece that was come to */
static int fill(struct walk *w, const struct ext4r_content *c, size_t *i, uint64_t at, size_t n)
{
	char *to = w->buf;
	int r = 0;

	while (n > 0 && r == 0) {
		const struct tar_extent *e;
		size_t len = n;

		while (*i < c->n && c->v[*i].offset + c->v[*i].len <= at)
			++*i;
		e = *i < c->n ? &c->v[*i] : NULL;
		if (e && e->offset <= at) {
			len = (size_t)MIN((uint64_t)n, e->offset + e->len - at);
			r = ext4r_read(w->how->fs, c, *i, at - e->offset, to, len, w->err);
		} else {
			len = e ? (size_t)MIN((uint64_t)n, e->offset - at) : n;
			memset(to, 0, len);
		}
		to += len;
		at += len;
		n -= len;
	}
	return r;
}

static int write_piece(struct walk *w, const struct ext4r_content *c, size_t *i, uint64_t at,
		       size_t n)
{
	const struct image_get_options *o = w->how->opts;
	int r = cancelled(w);

	if (r == 0)
		r = fill(w, c, i, at, n);
	if (r < 0)
		return r;
	w->passed += n;
	if (o->passed)
		o->passed(w->passed, w->total, o->userdata);
	return wrote(w, tar_write_data(w->how->tar, w->buf, n));
}

static int write_content(struct walk *w, const struct ext4r_content *c, const struct tar_member *m)
{
	size_t piece = 0;
	int r = 0;

	for (size_t i = 0; i < m->n_extents && r == 0; i++)
		for (uint64_t at = 0; at < m->extents[i].len && r == 0; at += PIECE)
			r = write_piece(w, c, &piece, m->extents[i].offset + at,
					(size_t)MIN(m->extents[i].len - at, (uint64_t)PIECE));
	return r;
}

/*
 * A file system that is built of the layer has blocks of 4 KiB. Where holes begin and end there is
 * where they do here, so that its layer is the same again.
 */
static size_t round_extents(const struct ext4r_content *c, uint64_t size, struct tar_extent *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		uint64_t from = c->v[i].offset & ~(uint64_t)(GRAIN - 1);
		uint64_t to = (c->v[i].offset + c->v[i].len + GRAIN - 1) & ~(uint64_t)(GRAIN - 1);

		to = MIN(to, size);
		if (n > 0 && ret[n - 1].offset + ret[n - 1].len >= from)
			ret[n - 1].len = to - ret[n - 1].offset;
		else
			ret[n++] = (struct tar_extent){.offset = from, .len = to - from};
	}
	return n;
}

static int write_file(struct walk *w, const struct ext4r_inode *inode, struct tar_member *m)
{
	_cleanup_ext4r_content_ struct ext4r_content c = EXT4R_CONTENT_NULL;
	_cleanup_free_ struct tar_extent *v = NULL;
	int r = ext4r_content(w->how->fs, inode, &c, w->err);

	if (r < 0)
		return r;
	v = xcalloc(c.n + 1, sizeof(*v));
	m->size = inode->size;
	m->extents = v;
	m->n_extents = round_extents(&c, inode->size, v);
	/* What has no hole is the same in any archive. */
	m->sparse = m->size > 0 && (m->n_extents != 1 || v[0].offset > 0 || v[0].len < m->size);
	r = count_bytes(w, tar_content_size(m));
	if (r == 0)
		r = wrote(w, tar_write_member(w->how->tar, m));
	if (r == 0)
		r = write_content(w, &c, m);
	return r < 0 ? r : wrote(w, tar_write_pad(w->how->tar));
}

static int write_symlink(struct walk *w, const struct ext4r_inode *inode, struct tar_member *m)
{
	_cleanup_free_ char *target = NULL;
	int r = ext4r_target(w->how->fs, inode, &target, w->err);

	m->link = target;
	return r < 0 ? r : wrote(w, tar_write_member(w->how->tar, m));
}

/* Those that mean something to a container; an overlay's own notes do not. */
static int read_xattrs(struct walk *w, const struct ext4r_inode *inode, struct ext4r_xattrs *x,
		       struct tar_member *m)
{
	int r = ext4r_xattrs(w->how->fs, inode, x, w->err);
	size_t n = 0;

	if (r == 0)
		r = count_bytes(w, x->bytes);
	for (size_t i = 0; i < x->n && r == 0; i++) {
		struct tar_xattr one = x->v[i];

		if (!xattr_is_for_us(one.name))
			continue;
		x->v[i] = x->v[n];
		x->v[n++] = one;
	}
	m->xattrs = x->v;
	m->n_xattrs = n;
	return r;
}

static int write_member(struct walk *w, const struct ext4r_inode *inode, const char *first)
{
	_cleanup_ext4r_xattrs_ struct ext4r_xattrs x = EXT4R_XATTRS_NULL;
	struct tar_member m = {
		.path = *w->path ? w->path : ROOT_PATH,
		.link = first,
		.type = TAR_HARDLINK,
		.mode = inode->mode & 07777,
		.uid = inode->uid,
		.gid = inode->gid,
		.mtime = inode->mtime,
		.rdev_major = inode->rdev_major,
		.rdev_minor = inode->rdev_minor,
	};
	int r;

	/* Nothing listens to a socket any more. */
	if (!first && !tar_type_of(inode->mode, &m.type))
		return 0;
	r = first ? 0 : read_xattrs(w, inode, &x, &m);
	if (r < 0)
		return r;
	if (m.type == TAR_FILE)
		return write_file(w, inode, &m);
	if (m.type == TAR_SYMLINK)
		return write_symlink(w, inode, &m);
	return wrote(w, tar_write_member(w->how->tar, &m));
}

static struct level *push(struct walk *w, uint32_t ino)
{
	struct level *l;

	if (w->depth == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->levels = xreallocarray(w->levels, w->room, sizeof(*w->levels));
	}
	l = &w->levels[w->depth++];
	*l = (struct level){.folder = EXT4R_FOLDER_NULL, .ino = ino, .path_len = strlen(w->path)};
	return l;
}

static void pop(struct walk *w)
{
	ext4r_folder_done(&w->levels[--w->depth].folder);
}

static int enter(struct walk *w, const struct ext4r_inode *inode, const char *name)
{
	uint32_t parent = w->depth > 0 ? w->levels[w->depth - 1].ino : inode->ino;
	bool lost = w->depth == 1 && strcmp(name, LOST_FOUND) == 0;
	struct level *l = push(w, inode->ino);
	int r = ext4r_folder(w->how->fs, inode, parent, &l->folder, w->err);

	if (r == 0 && lost && l->folder.n == 0)
		return 0;
	return r < 0 ? r : write_member(w, inode, NULL);
}

static int visit(struct walk *w, uint32_t ino, const char *name)
{
	_cleanup_ext4r_inode_ struct ext4r_inode inode = EXT4R_INODE_NULL;
	uint64_t max = w->how->opts->max_entries ? w->how->opts->max_entries : IMAGE_ENTRIES_MAX;
	const char *first = NULL;
	int r = cancelled(w);

	if (r == 0)
		r = ext4r_inode(w->how->fs, ino, &inode, w->err);
	if (r == 0)
		r = seen_before(w, &inode, &first);
	if (r < 0)
		return r;
	if (++w->entries > max)
		return err_set(w->err, -EFBIG, "the image would have more than %llu files",
			       (unsigned long long)max);
	if (S_ISDIR(inode.mode))
		return enter(w, &inode, name);
	return write_member(w, &inode, first);
}

static bool is_skipped(const struct walk *w)
{
	for (size_t i = 0; i < w->how->n_skip; i++)
		if (strcmp(w->how->skip[i], w->path) == 0)
			return true;
	return false;
}

static int visit_next(struct walk *w)
{
	struct level *l = &w->levels[w->depth - 1];
	const struct ext4r_name *n = &l->folder.v[l->next++];
	const char *name = l->folder.text + n->at;
	size_t at = l->path_len + (l->path_len > 0);

	if (at + strlen(name) >= sizeof(w->path))
		return err_set(w->err, -ENAMETOOLONG, "it has names in it with more than %d bytes",
			       PATH_MAX - 1);
	if (l->path_len > 0)
		w->path[l->path_len] = '/';
	memcpy(w->path + at, name, strlen(name) + 1);
	if (is_skipped(w))
		return 0;
	if (str_starts(name, TAR_WHITEOUT))
		return err_set(w->err, -ENOTSUP,
			       "in a layer, a name that begins with " TAR_WHITEOUT
			       " says that a file is gone");
	return visit(w, n->ino, name);
}

static int walk_all(struct walk *w)
{
	int r = visit(w, EXT4R_ROOT, "");

	if (r == 0 && w->depth == 0)
		r = err_set(w->err, -EBADMSG, "it is no folder");
	while (r == 0 && w->depth > 0) {
		struct level *l = &w->levels[w->depth - 1];

		w->path[l->path_len] = '\0';
		if (l->next == l->folder.n)
			pop(w);
		else
			r = visit_next(w);
	}
	return r < 0 ? wrap(w, r) : wrote(w, tar_write_end(w->how->tar));
}

int convert_walk(const struct convert_walk *how, struct err *err)
{
	struct walk w = {.how = how, .total = ext4r_used(how->fs), .err = err};
	int r;

	w.buf = xmalloc(PIECE);
	r = walk_all(&w);
	while (w.depth > 0)
		pop(&w);
	for (size_t i = 0; i < w.n_links; i++)
		free(w.links[i].path);
	free(w.links);
	free(w.levels);
	inodes_done(&w.seen);
	free(w.buf);
	return r;
}
