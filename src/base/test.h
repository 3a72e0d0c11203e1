/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Unit tests: a plain main() that calls functions which use these checks. The first failed check
 * prints itself and ends the program with status 1. NDEBUG has no effect on them.
 */

#define test_fail(...)                                                        \
	do {                                                                  \
		fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, __func__); \
		fprintf(stderr, __VA_ARGS__);                                 \
		fputc('\n', stderr);                                          \
		exit(1);                                                      \
	} while (0)

#define test_true(expr)                                   \
	do {                                              \
		if (!(expr))                              \
			test_fail("not true: %s", #expr); \
	} while (0)

#define test_int(have, want)                                              \
	do {                                                              \
		long long _h = (long long)(have), _w = (long long)(want); \
		if (_h != _w)                                             \
			test_fail("%s is %lld, not %lld", #have, _h, _w); \
	} while (0)

#define test_str(have, want)                                                                  \
	do {                                                                                  \
		const char *_h = (have), *_w = (want);                                        \
		if (!_h || strcmp(_h, _w) != 0)                                               \
			test_fail("%s is \"%s\", not \"%s\"", #have, _h ? _h : "(null)", _w); \
	} while (0)

#define test_mem(have, want, len)                                      \
	do {                                                           \
		if (memcmp(have, want, len) != 0)                      \
			test_fail("%s differs from %s", #have, #want); \
	} while (0)

/** test_run() - call a test function, naming it */
#define test_run(func)                    \
	do {                              \
		func();                   \
		printf("ok %s\n", #func); \
	} while (0)
