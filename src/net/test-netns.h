/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"

/* Tests in network namespaces of their own, which go when the test has ended. */

/*
 * netns_new() - enter a namespace with nothing but lo, which is down. Return: it, or negative
 * errno.
 */
static inline int netns_new(void)
{
	return unshare(CLONE_NEWNET) < 0 ? -errno : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static inline void netns_enter(int netns)
{
	test_int(setns(netns, CLONE_NEWNET), 0);
}

/*
 * netns_tests() - Return: 0, or TEST_SKIPPED: the machine lets nobody make namespaces, or this is not root.
 */
static inline int netns_tests(void)
{
	int netns = geteuid() == 0 ? netns_new() : -EPERM;

	if (netns < 0) {
		puts("network namespaces need root");
		return TEST_SKIPPED;
	}
	fd_close(netns);
	return 0;
}

/* command() - what a shell prints that runs this in the present namespace; free() it */
static inline char *_printf_(1, 2) command(const char *fmt, ...)
{
	char line[512], *text;
	FILE *pipe;
	va_list ap;

	va_start(ap, fmt);
	test_true((size_t)vsnprintf(line, sizeof(line), fmt, ap) < sizeof(line));
	va_end(ap);
	pipe = popen(line, "re");
	test_true(pipe);
	test_int(fd_slurp(fileno(pipe), 1 << 20, &text, NULL), 0);
	if (pclose(pipe) != 0)
		test_fail("%s", line);
	return text;
}

#define run(...) free(command(__VA_ARGS__))

static inline int index_of(const char *name)
{
	unsigned int index = if_nametoindex(name);

	test_true(index != 0);
	return (int)index;
}

/* A pair of interfaces, @name here and @far there, both up. */
static inline void make_pair(const char *name, const char *far, int there)
{
	run("ip link add %s type veth peer name %s netns /proc/%d/fd/%d", name, far, (int)getpid(),
	    there);
	run("ip link set %s up", name);
	run("nsenter --net=/proc/%d/fd/%d ip link set %s up", (int)getpid(), there, far);
}
