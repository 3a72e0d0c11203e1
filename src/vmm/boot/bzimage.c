/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/bzimage.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Offsets in the file. */
#define AT_SETUP_SECTS	  0x1f1
#define AT_BOOT_FLAG	  0x1fe
#define AT_MAGIC	  0x202
#define AT_PROTOCOL	  0x206
#define AT_KERNEL_VERSION 0x20e /* less 0x200 */
#define AT_PAYLOAD_OFFSET 0x248 /* from the end of the setup */
#define AT_PAYLOAD_LENGTH 0x24c
#define HEADER_END	  0x250

#define BOOT_FLAG	  0xaa55
#define PROTOCOL_PAYLOADS 0x0208
#define SECTOR		  512
#define SETUP_SECTS_OLD	  4 /* what 0 means */

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* "6.1.0-39-amd64 (builder@host) #1 SMP …": up to the first blank. */
static void get_version(const uint8_t *setup, size_t len, char ret[BZIMAGE_VERSION_MAX])
{
	size_t at = get16(setup + AT_KERNEL_VERSION), n = 0;

	ret[0] = '\0';
	if (at == 0)
		return;
	at += 0x200;
	while (at + n < len && n < BZIMAGE_VERSION_MAX - 1) {
		char c = (char)setup[at + n];

		if (!isalnum((unsigned char)c) && (!c || !strchr("-_.+~", c)))
			break;
		ret[n++] = c;
	}
	ret[n] = '\0';
}

int bzimage_parse(const void *setup, size_t len, uint64_t file_size, struct bzimage *ret)
{
	const uint8_t *p = setup;
	uint64_t sectors, length;
	struct bzimage image;

	if (len < HEADER_END || get16(p + AT_BOOT_FLAG) != BOOT_FLAG ||
	    memcmp(p + AT_MAGIC, "HdrS", 4) != 0 || get16(p + AT_PROTOCOL) < PROTOCOL_PAYLOADS)
		return -ENOEXEC;
	sectors = p[AT_SETUP_SECTS] ? p[AT_SETUP_SECTS] : SETUP_SECTS_OLD;
	image.payload_offset = (sectors + 1) * SECTOR + get32(p + AT_PAYLOAD_OFFSET);
	length = get32(p + AT_PAYLOAD_LENGTH);
	/* Sums of 32-bit numbers: they cannot overflow. */
	if (length <= sizeof(uint32_t) || image.payload_offset + length > file_size)
		return -ENOEXEC;
	image.payload_length = length - sizeof(uint32_t);
	image.vmlinux_size = 0;
	get_version(p, len, image.version);
	*ret = image;
	return 0;
}

int bzimage_open(int fd, struct bzimage *ret)
{
	_cleanup_free_ uint8_t *setup = xmalloc(BZIMAGE_SETUP_MAX);
	struct bzimage image;
	struct stat st;
	uint8_t size[4];
	ssize_t n;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	n = pread(fd, setup, BZIMAGE_SETUP_MAX, 0);
	if (n < 0)
		return -errno;
	r = bzimage_parse(setup, (size_t)n, (uint64_t)st.st_size, &image);
	if (r < 0)
		return r;
	n = pread(fd, size, sizeof(size), (off_t)(image.payload_offset + image.payload_length));
	if (n != sizeof(size))
		return n < 0 ? -errno : -ENOEXEC;
	image.vmlinux_size = get32(size);
	*ret = image;
	return 0;
}
