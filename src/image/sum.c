/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sum.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"

/*
 * The CRC-32C of each block of 4 KiB, without inversions, times an odd number that depends on its
 * place, added up. So a block of zeros adds nothing, and one that changed changes the sum whenever
 * its CRC does.
 */

#define BLOCK 4096u
#define PIECE (256u << 10)

/* The instruction takes three cycles, and one can begin in each: so three at once cost as one. */
#define AT_ONCE 3

#ifdef __x86_64__
#include <x86intrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *p,
							    size_t len)
{
	uint64_t wide = crc, word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	while (len--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}

__attribute__((target("sse4.2"))) static void crc_blocks_sse42(const uint8_t *p, uint32_t *ret)
{
	uint64_t wide[AT_ONCE] = {0}, word;

	for (const uint8_t *end = p + BLOCK; p < end; p += sizeof(word))
		for (size_t i = 0; i < AT_ONCE; i++) {
			memcpy(&word, p + i * BLOCK, sizeof(word));
			wide[i] = _mm_crc32_u64(wide[i], word);
		}
	for (size_t i = 0; i < AT_ONCE; i++)
		ret[i] = (uint32_t)wide[i];
}

static bool has_sse42(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	abort();
}

static void crc_blocks_sse42(const uint8_t *p, uint32_t *ret)
{
	abort();
}

static bool has_sse42(void)
{
	return false;
}
#endif

static uint32_t crc(uint32_t crc, const uint8_t *p, size_t len)
{
	return has_sse42() ? crc_sse42(crc, p, len) : ext2fs_crc32c_le(crc, p, len);
}

/* Of AT_ONCE blocks, each for itself. */
static void crc_blocks(const uint8_t *p, uint32_t *ret)
{
	if (has_sse42()) {
		crc_blocks_sse42(p, ret);
		return;
	}
	for (size_t i = 0; i < AT_ONCE; i++)
		ret[i] = ext2fs_crc32c_le(0, p + i * BLOCK, BLOCK);
}

static void add_block(struct sum *s, uint64_t index, uint32_t crc)
{
	s->total += crc * (uint32_t)(2 * index + 1);
}

/* The rest of the block are zeros. */
static void end_block(struct sum *s)
{
	static const uint8_t zeros[BLOCK];
	uint64_t index = s->at / BLOCK;

	if (s->block)
		s->block = crc(s->block, zeros, BLOCK - s->at % BLOCK);
	add_block(s, index, s->block);
	s->block = 0;
	s->at = (index + 1) * BLOCK;
}

static void skip_to(struct sum *s, uint64_t offset)
{
	static const uint8_t zeros[BLOCK];

	if (offset / BLOCK != s->at / BLOCK && s->at % BLOCK != 0)
		end_block(s);
	if (s->block)
		s->block = crc(s->block, zeros, offset - s->at);
	s->at = offset;
}

/* Return: how many bytes were taken: whole blocks, or what is up to the end of one. */
static size_t add_some(struct sum *s, const uint8_t *p, size_t len)
{
	size_t n = MIN(len, BLOCK - s->at % BLOCK);
	uint32_t blocks[AT_ONCE];

	if (s->at % BLOCK == 0 && len >= (size_t)AT_ONCE * BLOCK) {
		crc_blocks(p, blocks);
		for (size_t i = 0; i < AT_ONCE; i++)
			add_block(s, s->at / BLOCK + i, blocks[i]);
		s->at += AT_ONCE * BLOCK;
		return (size_t)AT_ONCE * BLOCK;
	}
	s->block = crc(s->block, p, n);
	if (s->at % BLOCK + n == BLOCK) {
		add_block(s, s->at / BLOCK, s->block);
		s->block = 0;
	}
	s->at += n;
	return n;
}

void sum_add(struct sum *s, const void *data, size_t len, uint64_t offset)
{
	const uint8_t *p = data;

	s->unknown |= offset < s->at;
	if (s->unknown)
		return;
	if (offset > s->at)
		skip_to(s, offset);
	for (size_t n; len > 0; p += n, len -= n)
		n = add_some(s, p, len);
}

uint32_t sum_end(struct sum *s)
{
	if (s->at % BLOCK != 0)
		end_block(s);
	if (s->unknown)
		return 0;
	return s->total ? s->total : 1;
}

uint32_t sum_of(const void *data, size_t len)
{
	struct sum s = {.at = 0};

	sum_add(&s, data, len, 0);
	return sum_end(&s);
}

static int add_range(int fd, struct sum *s, char *piece, off_t start, off_t end)
{
	while (start < end) {
		ssize_t n = pread(fd, piece, MIN((size_t)(end - start), PIECE), start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		sum_add(s, piece, (size_t)n, (uint64_t)start);
		start += n;
	}
	return 0;
}

int sum_file(int fd, uint32_t *ret)
{
	_cleanup_free_ char *piece = xmalloc(PIECE);
	struct sum s = {.at = 0};
	off_t start, end = 0;
	int r = 0;

	while (r == 0 && (start = lseek(fd, end, SEEK_DATA)) >= 0) {
		end = lseek(fd, start, SEEK_HOLE);
		r = end < 0 ? -errno : add_range(fd, &s, piece, start, end);
	}
	/* No data from there on. */
	if (r == 0 && errno != ENXIO)
		r = -errno;
	*ret = sum_end(&s);
	return r;
}
