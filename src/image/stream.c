/* SPDX-License-Identifier: Apache-2.0 */
#include "image/stream.h"

#include <archive.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "image/tarfile.h"
#include "image/thread.h"

/*
 * A layer is promised twice: the manifest has the digest of the bytes as they are stored, the
 * configuration that of the tar inside (the "diff ID"). Both are computed while the layer is being
 * unpacked; nothing is read twice. The blob's bytes are hashed where libarchive fetches them, the
 * tar's where they leave it. A blob that is not compressed has one digest, computed once.
 *
 * To decompress takes longer than all else that is done with a layer, so a thread does it, some MiB
 * ahead. Not with what comes from a pipe, whose reader is to be interrupted.
 */

static bool cancelled(const struct stream *s)
{
	return s->allowance->cancel && *s->allowance->cancel;
}

/* Read to where they are hashed, or hashed from where they are. */
static ssize_t read_hashed(struct stream *s, const void **ret, struct err *err)
{
	size_t size;
	void *room = hashing_room(&s->stored, &size);
	ssize_t n = blob_read(&s->blob, room, size, err);

	*ret = room;
	if (n >= 0) {
		hashing_added(&s->stored, (size_t)n);
	} else if (n == -ENOTSUP) {
		n = blob_next(&s->blob, ret, err);
		if (n > 0)
			hashing_add(&s->stored, *ret, (size_t)n);
	}
	return n;
}

/* What the reader of the stream was not told yet, it is told by itself. */
static void tell_passed(struct stream *s)
{
	const struct allowance *a = s->allowance;
	uint64_t read = s->read;

	if (a->passed && read != s->told)
		a->passed(read, s->total, a->userdata);
	s->told = read;
}

static ssize_t read_stored(struct stream *s, const void **ret, struct err *err)
{
	ssize_t n;

	if (s->waits && fd_wait_input(s->blob.fd, s->allowance->cancel) < 0)
		return err_set(err, -EINTR, "interrupted");
	n = hashing_runs(&s->stored) ? read_hashed(s, ret, err) : blob_next(&s->blob, ret, err);
	if (n > 0)
		s->read += (uint64_t)n;
	return n;
}

/* Compressed data may decompress to nothing for as long as it likes, so this looks for itself. */
static la_ssize_t filter_read(struct archive *a, void *userdata, const void **ret)
{
	struct stream *s = userdata;
	ssize_t n = cancelled(s) ? err_set(&s->error, -EINTR, "interrupted")
				 : read_stored(s, ret, &s->error);

	if (n < 0) {
		archive_set_error(a, (int)-n, "%s", s->error.text);
		return -1;
	}
	return n;
}

static int filter_error(struct stream *s, struct err *err)
{
	if (s->error.code) {
		if (err)
			*err = s->error;
		return s->error.code;
	}
	return tarfile_error(s->filter, "its compressed data", err);
}

static int open_filter(struct stream *s, struct err *err)
{
	struct archive_entry *entry;
	int r;

	s->filter = tarfile_new_filter();
	if (archive_read_open(s->filter, s, NULL, filter_read, NULL) != ARCHIVE_OK)
		return filter_error(s, err);
	r = archive_read_next_header(s->filter, &entry);
	s->ended = r == ARCHIVE_EOF;
	return r == ARCHIVE_OK || s->ended ? 0 : filter_error(s, err);
}

static ssize_t filtered_next(struct stream *s, const void **ret, struct err *err)
{
	int64_t offset;
	size_t n;
	int r;

	do
		r = s->ended ? ARCHIVE_EOF : archive_read_data_block(s->filter, ret, &n, &offset);
	while (r == ARCHIVE_OK && n == 0);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return filter_error(s, err);
	return (ssize_t)n;
}

static void *decode(void *userdata)
{
	struct stream *s = userdata;
	const void *p;
	ssize_t n;

	do
		n = filtered_next(s, &p, &s->failure);
	while (n > 0 && hashing_add(&s->plain, p, (size_t)n));
	s->result = (int)MIN(n, 0);
	hashing_close(&s->plain);
	return NULL;
}

static int start_decoder(struct stream *s, struct err *err)
{
	int r = open_filter(s, err);

	if (r < 0)
		return r;
	hashing_begin_pipe(&s->plain);
	s->decoder = thread_start(decode, s);
	s->decodes = true;
	return 0;
}

static void stop_decoder(struct stream *s)
{
	if (!s->decodes)
		return;
	hashing_refuse(&s->plain);
	if (pthread_join(s->decoder, NULL) != 0)
		abort();
	s->decodes = false;
}

static ssize_t decoded_next(struct stream *s, const void **ret, struct err *err)
{
	size_t n = hashing_take(&s->plain, ret);

	if (n > 0)
		return (ssize_t)n;
	stop_decoder(s);
	if (s->result < 0 && err)
		*err = s->failure;
	return s->result;
}

static int check_size(uint64_t have, uint64_t want, struct err *err)
{
	if (want == UINT64_MAX || have == want)
		return 0;
	return err_set(err, -EBADMSG, "it is %s: it has %llu bytes, not %llu",
		       have < want ? "truncated" : "damaged", (unsigned long long)have,
		       (unsigned long long)want);
}

int stream_open(struct stream *s, const struct blobs *blobs, const struct blob_ref *ref,
		struct allowance *allowance, struct err *err)
{
	_cleanup_free_ char *name =
		ref->path ? xstrdup(ref->path) : blobs_name(blobs, &ref->digest);
	int r;

	r = blob_open(blobs, name, &s->blob, err);
	if (r == 0)
		r = check_size(s->blob.size, ref->size, err);
	if (r < 0)
		return r;
	s->allowance = allowance;
	s->total = s->blob.size;
	hashing_begin(&s->stored);
	return ref->compression == COMPRESSION_NONE ? 0 : start_decoder(s, err);
}

/* Of a file, as far as it is still to be read. */
static uint64_t bytes_left(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (at < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= at)
		return UINT64_MAX;
	return (uint64_t)(st.st_size - at);
}

int stream_open_fd(struct stream *s, int fd, struct allowance *allowance, struct err *err)
{
	int r = blob_open_fd(fd, &s->blob, err);

	if (r < 0)
		return r;
	s->allowance = allowance;
	s->total = bytes_left(fd);
	s->waits = true;
	hashing_begin(&s->plain);
	return open_filter(s, err);
}

static ssize_t hashed_next(struct stream *s, const void **ret, struct err *err)
{
	ssize_t n = filtered_next(s, ret, err);

	if (n > 0)
		hashing_add(&s->plain, *ret, (size_t)n);
	return n;
}

static ssize_t stored_next(struct stream *s, const void **ret, struct err *err)
{
	return cancelled(s) ? err_set(err, -EINTR, "interrupted") : read_stored(s, ret, err);
}

ssize_t stream_next(struct stream *s, const void **ret, struct err *err)
{
	struct allowance *a = s->allowance;
	ssize_t n;

	if (cancelled(s))
		return err_set(err, -EINTR, "interrupted");
	n = !s->filter ? stored_next(s, ret, err)
	    : s->waits ? hashed_next(s, ret, err)
		       : decoded_next(s, ret, err);
	tell_passed(s);
	if (n <= 0)
		return n;
	if ((uint64_t)n > a->bytes)
		return err_set(err, -EFBIG,
			       "the image's layers unpack to more than is allowed, %llu bytes: "
			       "$CAISSON_IMAGE_MAX may allow more",
			       (unsigned long long)a->max_bytes);
	a->bytes -= (uint64_t)n;
	if (!tarfile_count(&a->header, (size_t)n))
		return err_set(err, -EFBIG, "a header in it has more than %u bytes",
			       TAR_HEADER_MAX);
	return n;
}

static int compare(const char *what, const struct digest *have, const struct digest *want,
		   struct err *err)
{
	if (!*want->text || strcmp(have->text, want->text) == 0)
		return 0;
	return err_set(err, -EBADMSG, "bad digest: %s is %s, not %s", what, have->text, want->text);
}

static int read_rest(struct stream *s, struct err *err)
{
	const void *p;
	ssize_t n;

	do
		n = stream_next(s, &p, err);
	while (n > 0);
	return (int)n;
}

int stream_digest(struct stream *s, struct digest *ret, struct err *err)
{
	int r = read_rest(s, err);

	if (r == 0 && archive_filter_bytes(s->filter, 0) == 0)
		r = err_set(err, -EBADMSG, "it is empty");
	if (r == 0)
		hashing_end(&s->plain, ret);
	return r;
}

int stream_verify(struct stream *s, const struct digest *stored, const struct digest *plain,
		  struct err *err)
{
	struct digest have_stored, have_plain;
	const void *p;
	ssize_t n;
	int r = read_rest(s, err);

	if (r < 0)
		return r;
	/* What follows the compressed data belongs to the blob, too. */
	do
		n = stored_next(s, &p, err);
	while (n > 0);
	if (n < 0)
		return (int)n;
	hashing_end(&s->stored, &have_stored);
	have_plain = have_stored;
	if (s->filter)
		hashing_end(&s->plain, &have_plain);
	r = compare("the blob", &have_stored, stored, err);
	return r < 0 ? r : compare("the tar", &have_plain, plain, err);
}

void stream_blame(struct stream *s, const struct digest *stored, struct err *err)
{
	struct digest have;
	const void *p;
	ssize_t n;

	stop_decoder(s);
	if (!hashing_runs(&s->stored) || s->error.code)
		return;
	do
		n = stored_next(s, &p, NULL);
	while (n > 0);
	if (n < 0)
		return;
	hashing_end(&s->stored, &have);
	(void)compare("the blob", &have, stored, err);
}

void stream_done(struct stream *s)
{
	stop_decoder(s);
	tarfile_free(take_ptr(s->filter));
	blob_done(&s->blob);
	hashing_done(&s->stored);
	hashing_done(&s->plain);
}
