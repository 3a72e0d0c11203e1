/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "image/build.h"
#include "image/text.h"
#include "image/xattr.h"

/*
 * What tree.c and tree-add.c do in a folder, done in a file system that is being written: the same
 * entries have the same effect, and the same errors. tests/image compares the two.
 */

#define LINKS_MAX 40 /* symbolic links that Linux follows on one path */

/* struct way - @at: the folder come to; @rest: what is left of the path, in @buf */
struct way {
	const struct ext4 *fs;
	uint32_t at;
	char *buf;
	const char *rest;
	int links;
};

static int follow(struct way *w, uint32_t link)
{
	const char *target = ext4_target(w->fs, link);
	char *buf;

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	buf = xasprintf("%s/%s", target, w->rest);
	free(w->buf);
	w->buf = buf;
	w->rest = buf;
	if (*buf == '/')
		w->at = EXT4_ROOT;
	return 0;
}

static int go(struct way *w, const char *name)
{
	uint32_t node;
	int r;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		w->at = ext4_parent(w->fs, w->at);
		return 0;
	}
	r = ext4_lookup(w->fs, w->at, name, &node);
	if (r < 0)
		return r;
	if (S_ISLNK(ext4_mode(w->fs, node)))
		return follow(w, node);
	if (!S_ISDIR(ext4_mode(w->fs, node)))
		return -ENOTDIR;
	w->at = node;
	return 0;
}

/* As path_open_in_root() finds a folder. Return: 0 or negative errno. */
static int find_dir(const struct ext4 *fs, const char *path, uint32_t *ret)
{
	struct way w = {.fs = fs, .at = EXT4_ROOT, .rest = path};
	char name[NAME_MAX + 1];
	int r = 0;

	while (r == 0 && *(w.rest += strspn(w.rest, "/"))) {
		size_t n = strcspn(w.rest, "/");

		if (n > NAME_MAX) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(name, w.rest, n);
		name[n] = '\0';
		w.rest += n;
		r = go(&w, name);
	}
	free(w.buf);
	*ret = w.at;
	return r;
}

bool build_is_folder(const struct build_tree *t, const char *path)
{
	uint32_t node;

	return find_dir(t->fs, path, &node) == 0;
}

static void tag(struct build_tree *t, uint32_t dir, const char *name)
{
	ext4_entry_set_tag(t->fs, ext4_entry_find(t->fs, dir, name), (uint16_t)t->layer);
}

/*
 * Folders that a layer leaves out, from @path on in @dir. Nobody says when those were made: they
 * have the time of what is put there.
 */
static int make_path(struct build_tree *t, uint32_t dir, const char *path, struct timespec time,
		     uint32_t *ret)
{
	const struct ext4_attr attr = {.mode = S_IFDIR | 0755, .mtime = time, .atime = time};
	char name[NAME_MAX + 1];
	int r;

	while (*(path += strspn(path, "/"))) {
		size_t n = strcspn(path, "/");
		uint32_t made;

		memcpy(name, path, n);
		name[n] = '\0';
		path += n;
		if (t->allowance->entries-- == 0)
			return -EFBIG;
		r = ext4_make(t->fs, dir, name, &attr, NULL, &made);
		if (r < 0)
			return r;
		tag(t, dir, name);
		dir = made;
	}
	*ret = dir;
	return 0;
}

/* As "mkdir -p": below what exists all is new, so no link can be met there. */
static int make_parents(struct build_tree *t, const struct entry *e, uint32_t *ret)
{
	_cleanup_free_ char *existing = xstrdup(e->parent);
	uint32_t dir;
	char *slash;
	int r;

	while ((r = find_dir(t->fs, existing, &dir)) == -ENOENT && *existing) {
		slash = strrchr(existing, '/');
		*(slash ? slash : existing) = '\0';
	}
	return r < 0 ? r : make_path(t, dir, e->parent + strlen(existing), e->mtime, ret);
}

/* Return: 0, or negative errno; -ENOENT where the folder is missing and not to be made. */
static int enter_parent(struct build_tree *t, const struct entry *e, bool make)
{
	int r;

	if (t->parent_known && strcmp(t->parent, e->parent) == 0)
		return 0;
	r = find_dir(t->fs, e->parent, &t->parent_node);
	if (r == -ENOENT && make)
		r = make_parents(t, e, &t->parent_node);
	t->parent_known = r == 0;
	if (r == 0)
		memcpy(t->parent, e->parent, strlen(e->parent) + 1);
	return r;
}

/* Takes away what stands where something new is to be. */
static void make_room(struct build_tree *t, const char *name)
{
	t->parent_known = false;
	(void)ext4_remove_tree(t->fs, t->parent_node, name);
}

static struct ext4_attr attr_of(const struct entry *e)
{
	static const mode_t types[] = {
		[ENTRY_DIR] = S_IFDIR,
		[ENTRY_FILE] = S_IFREG,
		[ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_NODE] = 0,
	};

	return (struct ext4_attr){
		.mode = e->kind == ENTRY_SYMLINK ? S_IFLNK | 0777 : types[e->kind] | e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.mtime = e->mtime,
		.atime = e->atime,
		.rdev = e->kind == ENTRY_NODE ? e->rdev : 0,
	};
}

int build_xattr_failed(int r, const char *name, size_t len, struct err *err)
{
	return err_errno(err, r, "ext4 does not take the extended attribute '%s' (%zu bytes)",
			 text_of(name), len);
}

static int set_xattrs(struct build_tree *t, const struct entry *e, uint32_t node, struct err *err)
{
	_cleanup_xattrs_ struct xattrs x = XATTRS_NULL;
	size_t bad;
	int r = xattrs_collect(e->archive, &x, err);

	if (r < 0 || x.n == 0)
		return r;
	r = ext4_set_xattrs(t->fs, node, x.v, x.n, &bad);
	return r < 0 ? build_xattr_failed(r, x.v[bad].name, x.v[bad].len, err) : 0;
}

/* @what: for messages */
static int make(struct build_tree *t, const struct entry *e, const char *what, uint32_t *ret,
		struct err *err)
{
	const struct ext4_attr attr = attr_of(e);
	const char *target = e->kind == ENTRY_SYMLINK ? e->link : NULL;
	int r = ext4_make(t->fs, t->parent_node, e->name, &attr, target, ret);

	if (r == -EEXIST) {
		make_room(t, e->name);
		r = ext4_make(t->fs, t->parent_node, e->name, &attr, target, ret);
	}
	if (r < 0)
		return err_errno(err, r, "cannot make the %s", what);
	return set_xattrs(t, e, *ret, err);
}

static int add_dir(struct build_tree *t, const struct entry *e, struct err *err)
{
	const struct ext4_attr attr = attr_of(e);
	uint32_t node = EXT4_ROOT;
	int r = 0;

	if (*e->name)
		r = ext4_lookup(t->fs, t->parent_node, e->name, &node);
	if (r < 0 || !S_ISDIR(ext4_mode(t->fs, node)))
		return make(t, e, "folder", &node, err);
	/* A lower layer's folder gets this layer's attributes, and no others. */
	ext4_set_attr(t->fs, node, &attr);
	return set_xattrs(t, e, node, err);
}

static int add_file(struct build_tree *t, const struct entry *e, struct err *err)
{
	uint32_t node;
	int r = make(t, e, "file", &node, err);

	if (r < 0)
		return r;
	t->entry = e;
	r = e->size < 0 ? -EINVAL : ext4_file_begin(t->fs, node, (uint64_t)e->size);
	return r < 0 ? err_errno(err, r, "cannot give the file its size") : 0;
}

static int add_special(struct build_tree *t, const struct entry *e, struct err *err)
{
	uint32_t node;

	return make(t, e, e->kind == ENTRY_SYMLINK ? "symbolic link" : "node", &node, err);
}

static int link_to(struct build_tree *t, const struct entry *e, uint32_t dir, const char *target)
{
	uint32_t node, have;
	int r = ext4_lookup(t->fs, dir, target, &node);

	if (r == 0)
		r = ext4_link(t->fs, t->parent_node, e->name, node);
	if (r != -EEXIST)
		return r;
	if (ext4_lookup(t->fs, t->parent_node, e->name, &have) == 0 && have == node)
		return 0;
	make_room(t, e->name);
	r = ext4_lookup(t->fs, dir, target, &node);
	return r < 0 ? r : ext4_link(t->fs, t->parent_node, e->name, node);
}

static int add_hardlink(struct build_tree *t, const struct entry *e, struct err *err)
{
	_cleanup_free_ char *parent = xstrdup(e->link);
	char *slash = strrchr(parent, '/');
	const char *target = e->link + (slash ? slash + 1 - parent : 0);
	uint32_t dir;
	int r;

	*(slash ? slash : parent) = '\0';
	r = find_dir(t->fs, parent, &dir);
	if (r == 0)
		r = link_to(t, e, dir, target);
	return r < 0 ? err_errno(err, r, "cannot make the hard link to '%s'", text_of(e->link)) : 0;
}

static int hidden(int r, struct err *err)
{
	return r < 0 ? err_set(err, r, "interrupted") : 0;
}

static int add_whiteout(struct build_tree *t, const struct entry *e, struct err *err)
{
	return hidden(build_hide(t, e->name), err);
}

static int add_opaque(struct build_tree *t, const struct entry *e, struct err *err)
{
	return hidden(build_hide(t, NULL), err);
}

static int skip(struct build_tree *t, const struct entry *e, struct err *err)
{
	return 0;
}

static int (*const adders[])(struct build_tree *t, const struct entry *e, struct err *err) = {
	[ENTRY_SKIP] = skip,
	[ENTRY_WHITEOUT] = add_whiteout,
	[ENTRY_OPAQUE] = add_opaque,
	[ENTRY_DIR] = add_dir,
	[ENTRY_FILE] = add_file,
	[ENTRY_SYMLINK] = add_special,
	[ENTRY_HARDLINK] = add_hardlink,
	[ENTRY_NODE] = add_special,
};

static int add_entry(struct build_tree *t, const struct entry *e, struct err *err)
{
	bool adds = e->kind != ENTRY_SKIP && e->kind != ENTRY_WHITEOUT && e->kind != ENTRY_OPAQUE;
	int r;

	if (!adds && t->layer == 1)
		return 0;
	r = enter_parent(t, e, adds);
	/* Nothing to hide in a folder that is not there. */
	if (!adds && (r == -ENOENT || r == -ENOTDIR))
		return 0;
	if (r == -EEXIST)
		return err_set(err, r, "a symbolic link that leads nowhere is in its path");
	if (r == -EFBIG)
		return err_set(err, r, "the image's layers have more folders than are allowed");
	if (r < 0)
		return err_errno(err, r, "cannot enter the folder it is in");
	r = adders[e->kind](t, e, err);
	if (r == 0 && adds && *e->name)
		tag(t, t->parent_node, e->name);
	return r;
}

static int sink_entry(void *userdata, const struct entry *e, struct err *err)
{
	return entry_blame(e, add_entry(userdata, e, err), err);
}

static int sink_data(void *userdata, const void *data, size_t len, int64_t offset, struct err *err)
{
	struct build_tree *t = userdata;
	int r = offset < 0 ? -EINVAL : ext4_file_write(t->fs, data, len, (uint64_t)offset);

	if (r == -EINVAL)
		return err_set(err, -EBADMSG, "its tar is damaged: a file has an impossible size");
	return r < 0 ? entry_blame(t->entry, err_errno(err, r, "cannot write the file"), err) : 0;
}

static int sink_end(void *userdata, struct err *err)
{
	struct build_tree *t = userdata;
	int r = ext4_file_end(t->fs);

	return r < 0 ? entry_blame(t->entry, err_errno(err, r, "cannot write the file"), err) : 0;
}

static void sink_begin(void *userdata)
{
	struct build_tree *t = userdata;

	t->layer++;
}

struct layer_sink build_sink(struct build_tree *t)
{
	return (struct layer_sink){
		.begin = sink_begin,
		.entry = sink_entry,
		.data = sink_data,
		.end = sink_end,
		.userdata = t,
	};
}
