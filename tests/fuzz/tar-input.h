/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <archive.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

/*
 * A tar as a fuzzer's input. The first byte chooses how much the reader gets at a time. Headers get
 * the checksum they need, so that a change in one is not the end of the matter.
 */

struct tar_input {
	uint8_t *copy;
	const uint8_t *at;
	size_t left, size, step;
};

#define TAR_BLOCK    512
#define TAR_CHECKSUM 148
#define TAR_MAGIC    257

/* POSIX.1-2017, pax, "ustar Header Block": the sum of all bytes, the field itself as spaces */
static inline void tar_input_mend(uint8_t *data, size_t size)
{
	for (; size >= TAR_BLOCK; data += TAR_BLOCK, size -= TAR_BLOCK) {
		unsigned int sum = 0;

		if (memcmp(data + TAR_MAGIC, "ustar", 5) != 0)
			continue;
		memset(data + TAR_CHECKSUM, ' ', 8);
		for (int i = 0; i < TAR_BLOCK; i++)
			sum += data[i];
		(void)snprintf((char *)data + TAR_CHECKSUM, 8, "%06o", sum);
	}
}

/* @size: at least 1 */
static inline void tar_input_init(struct tar_input *in, const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1 << 20, 512, 511, 100, 4096, 10240};

	*in = (struct tar_input){.copy = xmalloc(size),
				 .size = size - 1,
				 .step = steps[data[0] % ARRAY_SIZE(steps)]};
	memcpy(in->copy, data + 1, size - 1);
	tar_input_mend(in->copy, in->size);
}

static la_ssize_t tar_input_read(struct archive *a, void *userdata, const void **ret)
{
	struct tar_input *in = userdata;
	size_t n = MIN(in->left, in->step);

	*ret = in->at;
	in->at += n;
	in->left -= n;
	return (la_ssize_t)n;
}

/* From its beginning, each time. */
static inline int tar_input_open(struct tar_input *in, struct archive *tar)
{
	in->at = in->copy;
	in->left = in->size;
	return archive_read_open(tar, in, NULL, tar_input_read, NULL);
}

static inline void tar_input_done(struct tar_input *in)
{
	free(in->copy);
}
