/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/tarfile.h"
#include "image/text.h"

/*
 * Two libarchive readers stand one behind the other: one that only decompresses (stream.c), whose
 * output is hashed, and the tar reader here, which gets that output. A single reader would do both
 * in one, but then nobody could hash the tar.
 *
 * Names are bytes. libarchive thinks them text: in a UTF-8 locale it would change decomposed
 * letters of a pax header to composed ones. In the C locale it cannot convert what is not ASCII,
 * says so in a warning, and leaves the bytes as they are, which is what is wanted.
 */

static bool is_about_text(struct archive *tar)
{
	const char *text = archive_error_string(tar);

	return text && strstr(text, "can't be converted from");
}

static int read_content(struct archive *tar, const struct layer_sink *sink, struct err *err)
{
	const void *data;
	int64_t offset;
	size_t len;
	int r;

	while ((r = archive_read_data_block(tar, &data, &len, &offset)) == ARCHIVE_OK) {
		if (len == 0)
			continue;
		r = sink->data(sink->userdata, data, len, offset, err);
		if (r < 0)
			return r;
	}
	if (r != ARCHIVE_EOF)
		return tarfile_error(tar, "its tar", err);
	return sink->end(sink->userdata, err);
}

static int read_entry(struct archive *tar, struct archive_entry *ae, struct entry *e,
		      const struct layer_sink *sink, struct err *err)
{
	int r = entry_plan(ae, e, err);

	if (r == 0)
		r = sink->entry(sink->userdata, e, err);
	if (r == 0 && e->kind == ENTRY_FILE)
		r = read_content(tar, sink, err);
	return r;
}

static int read_entries(struct archive *tar, const struct layer_sink *sink,
			struct allowance *allowance, struct err *err)
{
	_cleanup_free_ struct entry *e = xmalloc(sizeof(*e));
	struct archive_entry *ae;
	int r;

	allowance->header = (struct tar_header){.begun = false};
	while ((r = tarfile_next(tar, &allowance->header, &ae)) != ARCHIVE_EOF) {
		if (r != ARCHIVE_OK && !(r == ARCHIVE_WARN && is_about_text(tar)))
			return tarfile_error(tar, "its tar", err);
		if (allowance->cancel && *allowance->cancel)
			return err_set(err, -EINTR, "interrupted");
		if (allowance->entries-- == 0)
			return err_set(err, -EFBIG,
				       "the image's layers have more entries than are allowed");
		r = read_entry(tar, ae, e, sink, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int layer_read(struct archive *tar, const struct layer_sink *sink, struct allowance *allowance,
	       struct err *err)
{
	locale_t bytes = newlocale(LC_ALL_MASK, "C", (locale_t)0), before;
	int r;

	if (!bytes)
		abort();
	before = uselocale(bytes);
	r = read_entries(tar, sink, allowance, err);
	(void)uselocale(before);
	freelocale(bytes);
	return r;
}

/* What the tar reader's callback needs. @error: why it had to stop. */
struct source {
	struct stream *stream;
	struct err error;
};

static la_ssize_t source_read(struct archive *a, void *userdata, const void **ret)
{
	struct source *s = userdata;
	ssize_t n = stream_next(s->stream, ret, &s->error);

	if (n < 0)
		archive_set_error(a, (int)-n, "%s", s->error.text);
	return n < 0 ? -1 : n;
}

static int read_stream(struct stream *stream, const struct layer_sink *sink,
		       struct allowance *allowance, struct err *err)
{
	struct source source = {.stream = stream};
	struct archive *tar = tarfile_new();
	int r;

	if (archive_read_open(tar, &source, NULL, source_read, NULL) == ARCHIVE_OK)
		r = layer_read(tar, sink, allowance, err);
	else
		r = tarfile_error(tar, "its tar", err);
	tarfile_free(tar);
	if (r < 0 && source.error.code) {
		r = source.error.code;
		if (err)
			*err = source.error;
	}
	return r;
}

void layer_open(struct layer *ret, const struct blobs *blobs, const struct blob_ref *ref,
		struct allowance *allowance)
{
	*ret = (struct layer){.stream = STREAM_NULL, .err = ERR_NULL};
	ret->opened = stream_open(&ret->stream, blobs, ref, allowance, &ret->err);
}

int layer_apply(struct layer *l, const struct blob_ref *ref, const struct digest *plain,
		const struct layer_sink *sink, struct err *err)
{
	struct stream *stream = &l->stream;
	int r = l->opened;

	if (r < 0 && err)
		*err = l->err;
	if (r == 0)
		r = read_stream(stream, sink, stream->allowance, err);
	/* Where the bytes are not the promised ones, that is the reason for whatever came of it. */
	if (r == -EBADMSG)
		stream_blame(stream, &ref->digest, err);
	return r < 0 ? r : stream_verify(stream, &ref->digest, plain, err);
}

void layer_done(struct layer *l)
{
	stream_done(&l->stream);
}

int layer_apply_fd(int fd, const struct layer_sink *sink, struct allowance *allowance,
		   struct digest *ret_plain, struct err *err)
{
	_cleanup_stream_ struct stream stream = STREAM_NULL;
	const uint64_t entries = allowance->entries;
	int r = stream_open_fd(&stream, fd, allowance, err);

	if (r == 0)
		r = read_stream(&stream, sink, allowance, err);
	if (r == 0)
		r = stream_digest(&stream, ret_plain, err);
	/* Zeros end an archive: what begins with them, as a disk does, would be an empty one. */
	if (r == 0 && allowance->entries == entries)
		r = err_set(err, -EBADMSG, "there is nothing in it, or it is no tar");
	return r;
}
