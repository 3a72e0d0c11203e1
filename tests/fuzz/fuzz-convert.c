/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "image/convert.h"
#include "image/ext4-read/ext4-read.h"
#include "tar/write.h"

/*
 * A file with anything in it, as a file system that becomes a layer. Most of one is zeros, so the input
 * is the rest: the file's KiB in two bytes, and runs of bytes, each with three bytes that say where it
 * is and two for how long. Those of the corpus are mke2fs's and ours.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KIB_MAX	    4096u
#define ENTRIES_MAX 2000
#define BYTES_MAX   (16 << 20)

static int count(void *userdata _unused_, const void *data _unused_, size_t len _unused_)
{
	return 0;
}

static void write_runs(int fd, const uint8_t *data, size_t size, size_t end)
{
	while (size > 5) {
		size_t at = data[0] | data[1] << 8 | data[2] << 16, len = data[3] | data[4] << 8;

		data += 5;
		size -= 5;
		len = MIN(len, size);
		if (at < end && pwrite(fd, data, MIN(len, end - at), (off_t)at) < 0)
			return;
		data += len;
		size -= len;
	}
}

static void convert(int fd)
{
	const struct image_get_options opts = {.max_bytes = BYTES_MAX, .max_entries = ENTRIES_MAX};
	struct tar_writer tar = {.put = count};
	struct convert_walk walk = {.tar = &tar, .opts = &opts};
	struct err err = ERR_NULL;

	if (ext4r_open(fd, &walk.fs, &err) == 0)
		(void)convert_walk(&walk, &err);
	ext4r_free(walk.fs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("fs", MFD_CLOEXEC);
	size_t end;

	if (size < 2 || fd < 0)
		return 0;
	end = MIN((size_t)(data[0] | data[1] << 8), (size_t)KIB_MAX) << 10;
	if (ftruncate(fd, (off_t)end) < 0)
		return 0;
	write_runs(fd, data + 2, size - 2, end);
	convert(fd);
	return 0;
}
