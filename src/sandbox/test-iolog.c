/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/iolog.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char folder[] = "/tmp/test-iolog.XXXXXX";
static int dirfd;

static struct iolog_reader reader(void)
{
	struct iolog_reader r = {.fd = openat(dirfd, "log", O_RDONLY | O_CLOEXEC)};

	test_true(r.fd >= 0);
	return r;
}

static void streams_stay_apart(void)
{
	struct iolog log = IOLOG_NULL;
	struct iolog_reader r;
	char buf[64];

	test_int(iolog_open(&log, dirfd, "log"), 0);
	r = reader();
	test_int(iolog_read(&r, buf, sizeof(buf)), 0);
	iolog_write(&log, IOLOG_STDOUT, "out\0bin", 7);
	iolog_write(&log, IOLOG_STDERR, "err", 3);
	test_int(iolog_read(&r, buf, 4), 4);
	test_mem(buf, "out\0", 4);
	test_int(iolog_read(&r, buf, sizeof(buf)), 3);
	test_int(r.stream, IOLOG_STDOUT);
	test_mem(buf, "bin", 3);
	test_int(iolog_read(&r, buf, sizeof(buf)), 3);
	test_int(r.stream, IOLOG_STDERR);
	test_int(iolog_read(&r, buf, sizeof(buf)), 0);
	iolog_write(&log, IOLOG_STDOUT, "more", 4);
	test_int(iolog_read(&r, buf, sizeof(buf)), 4);
	fd_close(r.fd);
	iolog_close(&log);
	iolog_close(&log);
}

/* A counter in each chunk shows that nothing is lost, doubled or out of order. */
static void the_newest_are_kept(void)
{
	enum { CHUNK = 70001, CHUNKS = 1000 };
	_cleanup_free_ char *buf = xcalloc(1, CHUNK);
	struct iolog log = IOLOG_NULL;
	struct iolog_reader r;
	uint64_t total = 0;
	unsigned char last = 0;
	struct stat st;
	ssize_t n;

	test_int(iolog_open(&log, dirfd, "log"), 0);
	for (int i = 0; i < CHUNKS; i++) {
		memset(buf, i % 251, CHUNK);
		iolog_write(&log, IOLOG_STDOUT, buf, CHUNK);
	}
	test_int(fstat(log.fd, &st), 0);
	test_true(st.st_blocks * 512 <= IOLOG_KEPT + 3 * IOLOG_SEGMENT);
	r = reader();
	while ((n = iolog_read(&r, buf, 1000)) > 0) {
		total += (uint64_t)n;
		last = (unsigned char)buf[n - 1];
	}
	test_int(n, 0);
	test_int(last, (CHUNKS - 1) % 251);
	test_true(total >= IOLOG_KEPT - IOLOG_SEGMENT && total <= IOLOG_KEPT + 2 * IOLOG_SEGMENT);
	fd_close(r.fd);
	iolog_close(&log);
}

static void garbage_is_refused(void)
{
	static const char garbage[64] = "this is no log of ours, as anyone can see at once";
	struct iolog_reader r;
	char buf[16];

	test_int(file_write_atomic_at(dirfd, "log", garbage, sizeof(garbage), 0600), 0);
	r = reader();
	test_int(iolog_read(&r, buf, sizeof(buf)), -EBADMSG);
	fd_close(r.fd);
}

int main(void)
{
	test_true(mkdtemp(folder));
	dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_run(streams_stay_apart);
	test_run(the_newest_are_kept);
	test_run(garbage_is_refused);
	fd_close(dirfd);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
