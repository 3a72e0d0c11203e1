/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layout-write.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/blob.h"
#include "image/layout-impl.h"
#include "image/text.h"

#define TAG_MAX 128

static bool valid_tag(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > TAG_MAX || !isalnum((unsigned char)s[0]) ||
	    !isalnum((unsigned char)s[n - 1]))
		return false;
	while (isalnum((unsigned char)*s) || (*s && strchr("-._+@", *s)))
		s++;
	return *s == '\0';
}

/* As a reference is read: a name that is there may have a colon in it. */
static int split(struct layout_writer *w, const char *output, struct err *err)
{
	const char *path = str_starts(output, "oci-archive:");
	char *colon;

	w->archive = path;
	if (!path)
		path = str_starts(output, "oci:");
	if (!path || !*path)
		return err_set(err, -EINVAL,
			       "'%s' is no place for an image: oci:DIR[:TAG] or "
			       "oci-archive:FILE[:TAG] is one",
			       text_of(output));
	w->path = xstrdup(path);
	colon = strrchr(w->path, ':');
	if (!colon || strchr(colon, '/') || access(w->path, F_OK) == 0)
		return 0;
	if (colon == w->path || !valid_tag(colon + 1))
		return err_set(err, -EINVAL, "'%s' is no tag", text_of(colon + 1));
	*colon = '\0';
	w->tag = xstrdup(colon + 1);
	return 0;
}

static int open_archive(struct layout_writer *w, struct err *err)
{
	int r = output_open(&w->output, w->path, err);

	if (r < 0)
		return r;
	w->dir = fcntl(w->output.dir, F_DUPFD_CLOEXEC, 3);
	return w->dir < 0 ? err_errno(err, -errno, "cannot write to '%s'", text_of(w->path)) : 0;
}

static bool is_empty(int dir)
{
	_cleanup_dir_ DIR *names = dir_open(dir, ".");

	return names && !dir_next(names);
}

static int check_folder(struct layout_writer *w, struct err *err)
{
	if (faccessat(w->dir, LAYOUT_FILE, F_OK, 0) == 0 || is_empty(w->dir))
		return 0;
	return err_set(err, -EEXIST, "'%s' is there, and is no OCI image layout", text_of(w->path));
}

static int open_parent(struct layout_writer *w, struct err *err)
{
	_cleanup_free_ char *parent = xstrdup(w->path);
	char *slash;

	/* "dir/" is "dir". */
	while (strlen(parent) > 1 && parent[strlen(parent) - 1] == '/')
		parent[strlen(parent) - 1] = '\0';
	slash = strrchr(parent, '/');
	w->prefix = xasprintf("%s/", slash ? slash + 1 : parent);
	if (slash)
		slash[slash == parent] = '\0';
	w->fresh = true;
	w->dir = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w->dir < 0 ? err_errno(err, -errno, "cannot write to '%s'", text_of(w->path)) : 0;
}

static int open_folder(struct layout_writer *w, struct err *err)
{
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->dir >= 0) {
		w->prefix = xstrdup("");
		return check_folder(w, err);
	}
	if (errno != ENOENT)
		return err_errno(err, -errno, "cannot write to '%s'", text_of(w->path));
	return open_parent(w, err);
}

int layout_writer_open(const char *output, struct layout_writer **ret, struct err *err)
{
	struct layout_writer *w = xcalloc(1, sizeof(*w));
	int r;

	w->dir = -EBADF;
	w->output = w->layer.blob.output = (struct output)OUTPUT_NULL;
	*ret = w;
	r = split(w, output, err);
	if (r < 0)
		return r;
	return w->archive ? open_archive(w, err) : open_folder(w, err);
}

int layout_writer_failed(const struct layout_writer *w, int r, struct err *err)
{
	if (r == -ENOSPC || r == -EDQUOT)
		return err_set(err, r, "there is not enough space left for '%s'", text_of(w->path));
	return err_errno(err, r, "cannot write to '%s'", text_of(w->path));
}

int layout_blob_open(struct layout_writer *w, struct layout_blob *b, struct err *err)
{
	int r;

	b->output = (struct output)OUTPUT_NULL;
	/* Its name means nothing to anybody. */
	r = output_open_in(&b->output, w->dir, "caisson-blob", NULL);
	return r < 0 ? layout_writer_failed(w, r, err) : 0;
}

void layout_blob_add(struct layout_writer *w, struct layout_blob *b)
{
	w->blobs = xreallocarray(w->blobs, w->n + 1, sizeof(*w->blobs));
	w->blobs[w->n++] = *b;
	*b = (struct layout_blob){.output = OUTPUT_NULL};
}

char *layout_blob_name(const struct layout_blob *b)
{
	return xasprintf(BLOBS_PREFIX_OCI "%s", digest_hex(&b->digest));
}

static int add_document(struct layout_writer *w, const char *type, const char *data, size_t len,
			struct err *err)
{
	struct layout_blob b = {.type = type, .size = len};
	int r = layout_blob_open(w, &b, err);

	if (r == 0) {
		digest_of(data, len, &b.digest);
		r = fd_write_full(b.output.fd, data, len);
		if (r < 0)
			(void)layout_writer_failed(w, r, err);
	}
	if (r == 0)
		layout_blob_add(w, &b);
	output_done(&b.output);
	return r;
}

int layout_writer_finish(struct layout_writer *w, const char *config, size_t len, struct err *err)
{
	_cleanup_free_ char *manifest = NULL;
	int r = add_document(w, LAYOUT_CONFIG_TYPE, config, len, err);

	if (r < 0)
		return r;
	manifest = layout_json_manifest(w->blobs, w->n);
	r = add_document(w, LAYOUT_MANIFEST_TYPE, manifest, strlen(manifest), err);
	if (r < 0)
		return r;
	return w->archive ? layout_archive_finish(w, err) : layout_folder_finish(w, err);
}

void layout_writer_free(struct layout_writer *w)
{
	if (!w)
		return;
	layout_layer_done(&w->layer);
	for (size_t i = 0; i < w->n; i++)
		output_done(&w->blobs[i].output);
	free(w->blobs);
	output_done(&w->output);
	fd_close(w->dir);
	free(w->path);
	free(w->tag);
	free(w->prefix);
	free(w);
}
