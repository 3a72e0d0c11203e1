/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define HEADER_LEN 110
#define TRAILER	   "TRAILER!!!"

static void put(struct cpio *cpio, const void *data, size_t len)
{
	if (cpio->error)
		return;
	cpio->error = fd_write_full(cpio->fd, data, len);
	cpio->written += len;
}

/* Headers and contents begin at multiples of 4. */
static void pad(struct cpio *cpio)
{
	static const char zeros[4];

	put(cpio, zeros, -cpio->written & 3);
}

static void header(struct cpio *cpio, const char *name, mode_t mode, uint32_t size, uint32_t major,
		   uint32_t minor)
{
	size_t name_size = strlen(name) + 1;
	char text[HEADER_LEN + 1];
	uint32_t nlink = S_ISDIR(mode) ? 2 : 1;

	/* magic ino mode uid gid nlink mtime filesize dev(2) rdev(2) namesize check */
	(void)snprintf(text, sizeof(text),
		       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++cpio->ino,
		       (uint32_t)mode, 0U, 0U, nlink, 0U, size, 0U, 0U, major, minor,
		       (uint32_t)name_size, 0U);
	put(cpio, text, HEADER_LEN);
	put(cpio, name, name_size);
	pad(cpio);
}

void cpio_init(struct cpio *cpio, int fd)
{
	*cpio = (struct cpio){.fd = fd};
}

void cpio_dir(struct cpio *cpio, const char *name, mode_t mode)
{
	header(cpio, name, S_IFDIR | mode, 0, 0, 0);
}

void cpio_char_device(struct cpio *cpio, const char *name, mode_t mode, uint32_t major,
		      uint32_t minor)
{
	header(cpio, name, S_IFCHR | mode, 0, major, minor);
}

void cpio_data(struct cpio *cpio, const char *name, mode_t mode, const void *data, size_t len)
{
	if (len > CPIO_FILE_MAX && !cpio->error)
		cpio->error = -EFBIG;
	header(cpio, name, S_IFREG | mode, (uint32_t)len, 0, 0);
	put(cpio, data, len);
	pad(cpio);
}

/* The size stands in front, so a file that changes meanwhile is an error. */
static void copy(struct cpio *cpio, int fd, uint64_t size)
{
	static char buf[65536];
	uint64_t at = 0;

	while (at < size && !cpio->error) {
		ssize_t n = pread(fd, buf, MIN(sizeof(buf), size - at), (off_t)at);

		if (n <= 0) {
			cpio->error = n < 0 ? -errno : -ESTALE;
			return;
		}
		put(cpio, buf, (size_t)n);
		at += (uint64_t)n;
	}
}

void cpio_file(struct cpio *cpio, const char *name, mode_t mode, int fd)
{
	struct stat st;

	if (cpio->error)
		return;
	if (fstat(fd, &st) < 0)
		cpio->error = -errno;
	else if (!S_ISREG(st.st_mode))
		cpio->error = -EINVAL;
	else if ((uint64_t)st.st_size > CPIO_FILE_MAX)
		cpio->error = -EFBIG;
	if (cpio->error)
		return;
	header(cpio, name, S_IFREG | mode, (uint32_t)st.st_size, 0, 0);
	copy(cpio, fd, (uint64_t)st.st_size);
	pad(cpio);
}

int cpio_end(struct cpio *cpio)
{
	/* The trailer's inode number is 0 by custom. */
	cpio->ino = UINT32_MAX;
	header(cpio, TRAILER, 0, 0, 0, 0);
	return cpio->error;
}
