/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/ranges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"

/* What the kernel says of them: proc(5), /proc/PID/fdinfo. */
static size_t as_the_kernel(int fd, const struct p9_ranges *r)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fdinfo/%d", fd);
	FILE *file = fopen(path, "re");
	char line[256], kind[8], end[32];
	unsigned long long first;
	size_t n = 0;

	test_true(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "lock: %*d: OFDLCK ADVISORY %7s %*d %*s %llu %31s", kind, &first,
			   end) != 3)
			continue;
		test_true(n < p9_ranges_count(r));
		test_true(r->v[n].first == first);
		test_true(r->v[n].write == (strcmp(kind, "WRITE") == 0));
		test_true(strcmp(end, "EOF") == 0 ? r->v[n].last == INT64_MAX
						  : r->v[n].last == strtoull(end, NULL, 10));
		n++;
	}
	(void)fclose(file);
	return n;
}

/* Whatever is locked and unlocked, in a few bytes. */
static void are_those_of_the_kernel(void)
{
	_cleanup_close_ int fd = memfd_create("ranges", MFD_CLOEXEC);
	_cleanup_free_ struct p9_ranges *r = NULL;

	srand(1);
	for (int i = 0; i < 20000; i++) {
		struct flock lock = {.l_type = (short)(rand() % 3),
				     .l_whence = SEEK_SET,
				     .l_start = rand() % 24,
				     .l_len = rand() % 8};
		struct p9_ranges *after = p9_ranges_after(r, &lock);

		test_int(fcntl(fd, F_OFD_SETLK, &lock), 0);
		free(r);
		r = after;
		test_int(as_the_kernel(fd, r), p9_ranges_count(r));
	}
}

int main(void)
{
	test_run(are_those_of_the_kernel);
	return 0;
}
