/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "image/layout-impl.h"
#include "image/text.h"

/* Digests are made of as much at a time, and written. */
#define BUFFER (256u << 10)

static const char *const types[] = {
	[LAYOUT_PLAIN] = "application/vnd.oci.image.layer.v1.tar",
	[LAYOUT_GZIP] = "application/vnd.oci.image.layer.v1.tar+gzip",
	[LAYOUT_ZSTD] = "application/vnd.oci.image.layer.v1.tar+zstd",
};

/* libarchive leaves memory behind when it hears of an error, so it hears of none. */
static la_ssize_t store(struct archive *a _unused_, void *userdata, const void *data, size_t len)
{
	struct layout_layer *l = userdata;

	if (l->error == 0)
		l->error = fd_write_full(l->blob.output.fd, data, len);
	if (l->error == 0) {
		hashing_add(&l->stored, data, len);
		l->blob.size += len;
	}
	return (la_ssize_t)len;
}

/* As one nameless entry of no format at all: what libarchive's filters make of it is all that comes. */
static bool begin_filter(struct layout_layer *l)
{
	struct archive_entry *entry = archive_entry_new();
	bool gzip = l->how == LAYOUT_GZIP, ok;

	l->filter = archive_write_new();
	if (!l->filter || !entry)
		abort();
	archive_entry_set_filetype(entry, AE_IFREG);
	ok = (gzip ? archive_write_add_filter_gzip(l->filter)
		   : archive_write_add_filter_zstd(l->filter)) == ARCHIVE_OK &&
	     /* The same bytes at any time. */
	     (!gzip || archive_write_set_filter_option(l->filter, "gzip", "timestamp", NULL) ==
			       ARCHIVE_OK) &&
	     archive_write_set_format_raw(l->filter) == ARCHIVE_OK &&
	     archive_write_set_bytes_in_last_block(l->filter, 1) == ARCHIVE_OK &&
	     archive_write_open(l->filter, l, NULL, store, NULL) == ARCHIVE_OK &&
	     archive_write_header(l->filter, entry) == ARCHIVE_OK;
	archive_entry_free(entry);
	return ok;
}

int layout_writer_layer(struct layout_writer *w, enum layout_compression how, struct err *err)
{
	struct layout_layer *l = &w->layer;
	int r = layout_blob_open(w, &l->blob, err);

	if (r < 0)
		return r;
	l->how = how;
	l->blob.type = types[how];
	l->blob.size = 0;
	l->n = 0;
	l->error = 0;
	l->buf = xmalloc(BUFFER);
	hashing_begin(&l->plain);
	if (how == LAYOUT_PLAIN)
		return 0;
	hashing_begin(&l->stored);
	if (!begin_filter(l))
		return err_set(err, -ENOTSUP, "the layer cannot be compressed");
	return 0;
}

static int flush(struct layout_layer *l)
{
	size_t n = l->n;

	l->n = 0;
	if (n == 0 || l->error < 0)
		return l->error;
	hashing_add(&l->plain, l->buf, n);
	if (l->filter) {
		if (archive_write_data(l->filter, l->buf, n) < 0 && l->error == 0)
			l->error = -EIO;
		return l->error;
	}
	l->blob.size += n;
	return l->error = fd_write_full(l->blob.output.fd, l->buf, n);
}

int layout_writer_put(void *writer, const void *data, size_t len)
{
	struct layout_layer *l = &((struct layout_writer *)writer)->layer;
	const char *p = data;
	int r = 0;

	while (len > 0 && r == 0) {
		size_t n = MIN(len, BUFFER - l->n);

		memcpy(l->buf + l->n, p, n);
		l->n += n;
		p += n;
		len -= n;
		if (l->n == BUFFER)
			r = flush(l);
	}
	return r;
}

static int end_filter(struct layout_layer *l)
{
	if (l->filter && archive_write_close(l->filter) != ARCHIVE_OK && l->error == 0)
		l->error = -EIO;
	return l->error;
}

int layout_writer_layer_end(struct layout_writer *w, struct digest *ret, struct err *err)
{
	struct layout_layer *l = &w->layer;
	int r = flush(l);

	if (r == 0)
		r = end_filter(l);
	if (r < 0)
		return layout_writer_failed(w, r, err);
	hashing_end(&l->plain, ret);
	l->blob.digest = *ret;
	if (l->how != LAYOUT_PLAIN)
		hashing_end(&l->stored, &l->blob.digest);
	layout_blob_add(w, &l->blob);
	layout_layer_done(l);
	return 0;
}

void layout_layer_done(struct layout_layer *l)
{
	/* What it would still write is of no use. */
	l->error = -ECANCELED;
	archive_write_free(take_ptr(l->filter));
	hashing_done(&l->plain);
	hashing_done(&l->stored);
	output_done(&l->blob.output);
	free(take_ptr(l->buf));
}
