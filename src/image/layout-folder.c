/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/image.h"
#include "image/layout-impl.h"
#include "image/text.h"

static int make_folder(const struct layout_writer *w, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s%s", w->prefix, name);

	if (mkdirat(w->dir, path, 0777) == 0)
		return 0;
	return errno == EEXIST && *name ? 0 : -errno;
}

static int make_folders(struct layout_writer *w, struct err *err)
{
	int r = w->fresh ? make_folder(w, "") : 0;

	if (r < 0)
		return layout_writer_failed(w, r, err);
	w->made = w->fresh;
	r = make_folder(w, "blobs");
	if (r == 0)
		r = make_folder(w, "blobs/sha256");
	return r < 0 ? layout_writer_failed(w, r, err) : 0;
}

static int place(struct layout_writer *w, struct output *o, const char *name, struct err *err)
{
	free(o->name);
	o->name = xasprintf("%s%s", w->prefix, name);
	return output_commit(o, err);
}

static int place_blob(struct layout_writer *w, struct layout_blob *b, struct err *err)
{
	_cleanup_free_ char *name = layout_blob_name(b);
	bool made = w->fresh || faccessat(w->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	int r = place(w, &b->output, name, err);

	b->made = r == 0 && made;
	return r;
}

static int place_text(struct layout_writer *w, const char *name, const char *text, struct err *err)
{
	_cleanup_output_ struct output o = OUTPUT_NULL;
	int r = output_open_in(&o, w->dir, name, err);

	if (r < 0)
		return r;
	r = fd_write_full(o.fd, text, strlen(text));
	return r < 0 ? layout_writer_failed(w, r, err) : place(w, &o, name, err);
}

static int place_index(struct layout_writer *w, struct err *err)
{
	_cleanup_free_ char *old = NULL, *text = NULL;
	size_t len = 0;
	int r = w->fresh ? -ENOENT
			 : file_slurp_at(w->dir, LAYOUT_INDEX, IMAGE_MANIFEST_MAX, &old, &len);

	if (r < 0 && r != -ENOENT)
		return err_errno(err, r, "cannot read the index of '%s'", text_of(w->path));
	r = layout_json_index(&w->blobs[w->n - 1], w->tag, old, len, &text, err);
	return r < 0 ? r : place_text(w, LAYOUT_INDEX, text, err);
}

/* The index comes last: until then nothing leads to what is new. */
static int place_all(struct layout_writer *w, struct err *err)
{
	int r = make_folders(w, err);

	if (r == 0)
		r = place_text(w, LAYOUT_FILE, LAYOUT_VERSION, err);
	for (size_t i = 0; i < w->n && r == 0; i++)
		r = place_blob(w, &w->blobs[i], err);
	return r < 0 ? r : place_index(w, err);
}

static void take_back(struct layout_writer *w)
{
	_cleanup_free_ char *folder = xstrdup(w->prefix);

	if (w->made) {
		folder[strlen(folder) - 1] = '\0';
		(void)path_remove_tree(w->dir, folder);
		return;
	}
	for (size_t i = 0; i < w->n && !w->fresh; i++) {
		_cleanup_free_ char *name = layout_blob_name(&w->blobs[i]);

		if (w->blobs[i].made)
			(void)unlinkat(w->dir, name, 0);
	}
}

int layout_folder_finish(struct layout_writer *w, struct err *err)
{
	int r;

	/* Somebody else may be adding an image to it. */
	if (!w->fresh && flock(w->dir, LOCK_EX) < 0)
		return layout_writer_failed(w, -errno, err);
	r = place_all(w, err);
	if (r < 0)
		take_back(w);
	return r;
}
