/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"

/* Of one call: a signal is looked for between them. */
#define PIECE	 (UINT64_C(64) << 20)
#define PIECE_RW ((size_t)1 << 20)

/* For file systems between which the kernel does not copy by itself. */
static ssize_t copy_by_hand(int from, int to, off_t at, size_t len)
{
	_cleanup_free_ char *data = xmalloc(MIN(len, PIECE_RW));
	ssize_t n = pread(from, data, MIN(len, PIECE_RW), at), done = 0, written;

	for (; done < n; done += written) {
		written = pwrite(to, data + done, (size_t)(n - done), at + done);
		if (written < 0 && errno == EINTR)
			written = 0;
		else if (written < 0)
			return -errno;
	}
	return n < 0 ? -errno : n;
}

static ssize_t copy_some(int from, int to, off_t at, size_t len)
{
	off_t in = at, out = at;
	ssize_t n = copy_file_range(from, &in, to, &out, len, 0);

	if (n >= 0)
		return n;
	if (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)
		return copy_by_hand(from, to, at, len);
	return -errno;
}

static int copy_part(int from, int to, off_t at, off_t end, const volatile sig_atomic_t *cancel)
{
	while (at < end) {
		ssize_t n;

		if (cancel && *cancel)
			return -EINTR;
		n = copy_some(from, to, at, (size_t)MIN(PIECE, (uint64_t)(end - at)));
		if (n == 0)
			return 0;
		if (n < 0 && n != -EINTR)
			return (int)n;
		at += MAX(n, 0);
	}
	return 0;
}

/* Return: 1: there is no more. */
static int find_part(int from, off_t *at, off_t *end)
{
	*at = lseek(from, *end, SEEK_DATA);
	if (*at < 0)
		return errno == ENXIO ? 1 : -errno;
	*end = lseek(from, *at, SEEK_HOLE);
	return *end < 0 ? -errno : 0;
}

int copy_file(int from, int to, const volatile sig_atomic_t *cancel)
{
	off_t at, end = 0;
	struct stat st;
	int r;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		return -errno;
	while ((r = find_part(from, &at, &end)) == 0) {
		r = copy_part(from, to, at, end, cancel);
		if (r < 0)
			return r;
	}
	return MIN(r, 0);
}
