/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"
#include "image/sum.h"

#define SIZE 20000u

static uint8_t *some_bytes(void)
{
	uint8_t *data = xmalloc(SIZE);

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	return data;
}

static void every_bit_counts(void)
{
	_cleanup_free_ uint8_t *data = some_bytes();
	uint32_t want = sum_of(data, SIZE);

	test_true(want != 0);
	for (size_t i = 0; i < SIZE; i += 13) {
		data[i] ^= (uint8_t)(1u << i % 8);
		test_true(sum_of(data, SIZE) != want);
		data[i] ^= (uint8_t)(1u << i % 8);
	}
	test_true(sum_of(data, SIZE) == want);
}

static void pieces_are_as_good_as_the_whole(void)
{
	_cleanup_free_ uint8_t *data = some_bytes();
	uint32_t want = sum_of(data, SIZE);

	for (size_t step = 1; step < SIZE; step = step * 3 + 1) {
		struct sum s = {.at = 0};

		for (size_t at = 0; at < SIZE; at += step)
			sum_add(&s, data + at, MIN(step, SIZE - at), at);
		test_true(sum_end(&s) == want);
	}
}

static void holes_are_zeros(void)
{
	_cleanup_free_ uint8_t *data = some_bytes();
	static const size_t holes[][2] = {
		{0, 10}, {0, 4096}, {100, 9000}, {4096, 8192}, {9, 19999}};

	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		size_t start = holes[i][0], end = holes[i][1];
		struct sum s = {.at = 0};

		memset(data + start, 0, end - start);
		sum_add(&s, data, start, 0);
		sum_add(&s, data + end, SIZE - end, end);
		test_true(sum_end(&s) == sum_of(data, SIZE));
	}
}

static void places_count(void)
{
	_cleanup_free_ uint8_t *data = some_bytes();
	uint32_t want = sum_of(data, SIZE);
	uint8_t block[4096];

	memcpy(block, data, sizeof(block));
	memcpy(data, data + sizeof(block), sizeof(block));
	memcpy(data + sizeof(block), block, sizeof(block));
	test_true(sum_of(data, SIZE) != want);
}

static void what_goes_back_is_not_known(void)
{
	struct sum s = {.at = 0};

	sum_add(&s, "abcd", 4, 10);
	sum_add(&s, "abcd", 4, 12);
	test_true(sum_end(&s) == 0);
}

int main(void)
{
	test_run(every_bit_counts);
	test_run(pieces_are_as_good_as_the_whole);
	test_run(holes_are_zeros);
	test_run(places_count);
	test_run(what_goes_back_is_not_known);
	return 0;
}
