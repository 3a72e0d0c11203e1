/* SPDX-License-Identifier: Apache-2.0 */
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/build.h"
#include "image/text.h"

/* struct image_adder - what is added is one more layer, without attributes: @entry has @none */
struct image_adder {
	struct build_tree *tree;
	struct layer_sink sink;
	struct archive_entry *none;
	struct entry entry;
};

int build_add(struct build_tree *t, const struct image_build *b, const struct image_config *config,
	      struct err *err)
{
	_cleanup_free_ struct image_adder *a = xcalloc(1, sizeof(*a));
	int r;

	a->tree = t;
	a->sink = build_sink(t);
	a->none = archive_entry_new();
	if (!a->none)
		abort();
	a->sink.begin(t);
	r = b->add(a, config, b->add_userdata, err);
	archive_entry_free(a->none);
	return r;
}

/* Times and owner are nobody's choice, and the same every time. */
static int plan(struct image_adder *a, enum entry_kind kind, const char *path, mode_t mode,
		struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t parent = slash ? (size_t)(slash - path) : 0;

	a->entry = (struct entry){.kind = kind, .mode = mode, .archive = a->none};
	if (parent >= sizeof(a->entry.parent) || strlen(name) >= sizeof(a->entry.name))
		return err_set(err, -ENAMETOOLONG, "'%s' is too long a name", text_of(path));
	memcpy(a->entry.parent, path, parent);
	strcpy(a->entry.name, name);
	return 0;
}

int image_add_file(struct image_adder *a, const char *path, mode_t mode, const void *data,
		   size_t len, struct err *err)
{
	int r = plan(a, ENTRY_FILE, path, mode, err);

	a->entry.size = (int64_t)len;
	if (r == 0)
		r = a->sink.entry(a->tree, &a->entry, err);
	if (r == 0 && len > 0)
		r = a->sink.data(a->tree, data, len, 0, err);
	return r < 0 ? r : a->sink.end(a->tree, err);
}

int image_add_folder(struct image_adder *a, const char *path, struct err *err)
{
	int r;

	if (build_is_folder(a->tree, path))
		return 0;
	r = plan(a, ENTRY_DIR, path, 0755, err);
	return r < 0 ? r : a->sink.entry(a->tree, &a->entry, err);
}
