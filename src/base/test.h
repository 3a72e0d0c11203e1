/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* A test program that ends with this has not run, as it says. */
#define TEST_SKIPPED 77

/** test_is_root() - may mounts be made? It says so if not. */
static inline bool test_is_root(void)
{
	if (geteuid() != 0)
		puts("mounting needs root");
	return geteuid() == 0;
}

/** test_in_child() - call it in a child, whose namespaces go with it, whatever happens. Return: the child's exit status */
static inline int test_in_child(void (*tests)(void))
{
	int status;
	pid_t pid;

	/* Or the child would print it again. */
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		tests();
		exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}
