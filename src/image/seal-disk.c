/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/seal.h"
#include "image/store.h"

/* struct disk - where it is read, and the hole or data that is there ends at @until */
struct disk {
	int fd;
	off_t size, at, until;
	bool is_hole;
	char *piece;
};

static int disk_open(struct disk *d, int dirfd)
{
	struct stat st;

	*d = (struct disk){.fd = openat(dirfd, store_form(IMAGE_DISK),
					O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC)};
	if (d->fd < 0 || fstat(d->fd, &st) < 0)
		return -errno;
	d->size = st.st_size;
	d->piece = xmalloc(SEAL_PIECE);
	return 0;
}

static void disk_done(struct disk *d)
{
	free(take_ptr(d->piece));
	d->fd = fd_close(d->fd);
}
#define _cleanup_disk_ __attribute__((cleanup(disk_done)))

/* What a file system does not say is read. */
static void look_ahead(struct disk *d)
{
	off_t data = lseek(d->fd, d->at, SEEK_DATA);

	d->is_hole = data > d->at || (data < 0 && errno == ENXIO);
	d->until = d->is_hole ? (data < 0 ? d->size : data) : lseek(d->fd, d->at, SEEK_HOLE);
	if (d->until <= d->at)
		d->until = d->size;
}

/* Return: 1 with the checksum of the next piece, 0 at the end, or negative errno. */
static int next_piece(struct disk *d, uint32_t *ret)
{
	size_t len = (size_t)MIN((off_t)SEAL_PIECE, d->size - d->at);
	ssize_t n = 0;

	if (len == 0)
		return 0;
	if (d->at >= d->until)
		look_ahead(d);
	if (d->is_hole && d->until >= d->at + (off_t)len) {
		*ret = sum_of(NULL, 0);
	} else {
		/* A disk that becomes shorter meanwhile has zeros there. */
		memset(d->piece, 0, len);
		for (size_t have = 0; have < len; have += (size_t)n) {
			n = pread(d->fd, d->piece + have, len - have, d->at + (off_t)have);
			if (n < 0 && errno != EINTR)
				return -errno;
			if (n == 0)
				break;
			n = MAX(n, 0);
		}
		*ret = sum_of(d->piece, len);
	}
	d->at += (off_t)len;
	return 1;
}

int seal_disk_write(int dirfd, const struct inodes *known, struct seal_out *out)
{
	_cleanup_disk_ struct disk d;
	char line[32];
	uint32_t sum;
	int r = disk_open(&d, dirfd), n;

	if (r < 0)
		return r;
	n = snprintf(line, sizeof(line), "%lld\n", (long long)d.size);
	r = seal_put(out, line, (size_t)n);
	while (r == 0 && (r = next_piece(&d, &sum)) > 0) {
		n = snprintf(line, sizeof(line), "%x\n", sum);
		r = seal_put(out, line, (size_t)n);
	}
	return r;
}

static void tell_size(const struct seal_reader *reader, off_t have, long long want)
{
	_cleanup_free_ char *how =
		xasprintf("has %lld bytes instead of %lld", (long long)have, want);

	reader->differs("", how, reader->userdata);
}

static void tell_pieces(const struct seal_reader *reader, off_t first, size_t n)
{
	_cleanup_free_ char *how =
		xasprintf("%zu of its pieces of %u bytes differ%s, %s at byte %lld", n, SEAL_PIECE,
			  n == 1 ? "s" : "", n == 1 ? "that" : "the first", (long long)first);

	reader->differs("", how, reader->userdata);
}

int seal_disk_check(int dirfd, const char *text, size_t len, const struct seal_reader *reader)
{
	_cleanup_disk_ struct disk d;
	size_t different = 0;
	off_t first = 0;
	long long size;
	uint32_t sum;
	char *rest;
	int r = disk_open(&d, dirfd);

	if (r < 0)
		return r;
	(void)posix_fadvise(d.fd, 0, 0, POSIX_FADV_DONTNEED);
	size = strtoll(text, &rest, 10);
	if (size != d.size)
		tell_size(reader, d.size, size);
	d.size = MIN(d.size, size);
	while ((r = next_piece(&d, &sum)) > 0) {
		if (strtoul(rest, &rest, 16) == sum)
			continue;
		if (different++ == 0)
			first = (d.at - 1) / SEAL_PIECE * SEAL_PIECE;
	}
	if (r == 0 && different > 0)
		tell_pieces(reader, first, different);
	return r;
}
