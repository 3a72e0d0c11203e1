/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/iolog.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"

int iolog_open(struct iolog *log, int dirfd, const char *name)
{
	log->fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	log->end = log->punched = 0;
	return log->fd < 0 ? -errno : 0;
}

void iolog_close(struct iolog *log)
{
	log->fd = fd_close(log->fd);
}

static void put(struct iolog *log, const struct iolog_header *h, const void *data)
{
	struct iovec iov[2] = {{(void *)h, sizeof(*h)}, {(void *)data, data ? h->len : 0}};
	ssize_t n = pwritev(log->fd, iov, 2, (off_t)log->end);

	if (n < 0 || (size_t)n != iov[0].iov_len + iov[1].iov_len) {
		/* A record that is there in part must not be: readers would take it for whole. */
		if (ftruncate(log->fd, (off_t)log->end) < 0)
			(void)0;
		iolog_close(log);
		return;
	}
	log->end += sizeof(*h) + h->len;
}

static void punch_oldest(struct iolog *log)
{
	while (log->end - log->punched > IOLOG_KEPT + IOLOG_SEGMENT) {
		(void)fallocate(log->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)log->punched, IOLOG_SEGMENT);
		log->punched += IOLOG_SEGMENT;
	}
}

static size_t segment_left(uint64_t offset)
{
	return IOLOG_SEGMENT - (size_t)(offset % IOLOG_SEGMENT);
}

/* Makes room for at least a header and a byte; returns how many bytes fit. */
static size_t segment_room(struct iolog *log)
{
	size_t left = segment_left(log->end);

	if (left <= sizeof(struct iolog_header)) {
		/* Too little for a record: readers skip it in the same way. */
		log->end += left;
		left = IOLOG_SEGMENT;
	}
	return left - sizeof(struct iolog_header);
}

void iolog_write(struct iolog *log, enum iolog_stream stream, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0 && log->fd >= 0) {
		size_t room = segment_room(log);
		struct iolog_header h = {
			.stream = stream,
			.len = (uint32_t)(len < room ? len : room),
		};

		put(log, &h, p);
		p += h.len;
		len -= h.len;
		punch_oldest(log);
	}
}

/* Moves on to the next record. Return: 1 if there is one, 0 if not yet, or negative errno. */
static int next_record(struct iolog_reader *r)
{
	struct iolog_header h;

	for (;;) {
		size_t left = segment_left(r->offset);
		ssize_t n;

		if (left <= sizeof(h)) {
			r->offset += left;
			continue;
		}
		n = pread(r->fd, &h, sizeof(h), (off_t)r->offset);
		if (n < 0)
			return -errno;
		if (n < (ssize_t)sizeof(h))
			return 0;
		if (h.stream != IOLOG_HOLE)
			break;
		r->offset += left;
	}
	if (h.stream > IOLOG_STDERR || h.len > segment_left(r->offset) - sizeof(h))
		return -EBADMSG;
	r->offset += sizeof(h);
	r->left = h.len;
	r->stream = h.stream;
	return 1;
}

ssize_t iolog_read(struct iolog_reader *r, void *buf, size_t size)
{
	ssize_t n;
	int found;

	while (r->left == 0) {
		found = next_record(r);
		if (found <= 0)
			return found;
	}
	n = pread(r->fd, buf, MIN(size, (size_t)r->left), (off_t)r->offset);
	if (n < 0)
		return -errno;
	r->offset += (uint64_t)n;
	r->left -= (uint32_t)n;
	return n;
}
