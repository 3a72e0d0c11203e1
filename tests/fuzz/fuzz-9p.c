/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that sends any requests of 9P, after those that begin a session. The input is a list of them: type, length,
 * and what follows the header. What they are about is a small folder, which is new each time.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "p9/server.h"

#define FILE_BYTES_MAX (1u << 20)
#define FIDS_MAX       200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct p9_server server;
static uint8_t request[P9_HEADER_LEN + UINT8_MAX], answer[P9_MSIZE_MAX];
static int old_folder = -EBADF, proc = -EBADF, top = -EBADF;
static char dir[] = "/tmp/caisson-fuzz-9p.XXXXXX";

static void remove_folder(void)
{
	(void)path_remove_tree(AT_FDCWD, dir);
}

static void prepare(void)
{
	const struct rlimit limit = {.rlim_cur = FILE_BYTES_MAX, .rlim_max = FILE_BYTES_MAX};

	if (top >= 0)
		return;
	log_init("fuzz", -1, LOG_LEVEL_ERROR);
	(void)signal(SIGXFSZ, SIG_IGN);
	umask(0);
	old_folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!mkdtemp(dir) || setrlimit(RLIMIT_FSIZE, &limit) < 0)
		abort();
	top = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)atexit(remove_folder);
}

/* Some of each kind. */
static void fill_folder(void)
{
	_cleanup_close_ int fd = -EBADF;

	(void)path_remove_tree(top, "t");
	if (mkdirat(top, "t", 0755) < 0 || mkdirat(top, "t/d", 0777) < 0 ||
	    symlinkat("../..", top, "t/l") < 0 || mkfifoat(top, "t/p", 0600) < 0)
		abort();
	fd = openat(top, "t/f", O_RDWR | O_CREAT | O_CLOEXEC, 06755);
	if (fd < 0 || write(fd, "content", 7) != 7)
		abort();
}

static void send_request(uint8_t type, const uint8_t *body, size_t len)
{
	const uint32_t size = (uint32_t)(P9_HEADER_LEN + len);
	uint8_t *exact;
	size_t n;

	memcpy(request, &size, sizeof(size));
	request[4] = type;
	memcpy(request + P9_HEADER_LEN, body, len);
	/* Without anything behind it, so that reading past it is found. */
	exact = malloc(size);
	if (!exact)
		abort();
	memcpy(exact, request, size);
	if (p9_server_answer(&server, exact, size, answer, &n) == 0 && n > P9_MSIZE_MAX)
		abort();
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t version[] = "\0\x20\0\0\x08\0" P9_VERSION;
	static const uint8_t attach[] = "\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0";
	_cleanup_close_ int root = -EBADF, fds = -EBADF;

	prepare();
	fill_folder();
	root = openat(top, "t", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fds = openat(proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p9_enter_fds(fds) < 0)
		abort();
	/* Nobody else is root's to become in a program that reads its inputs afterwards. */
	p9_server_init(&server,
		       &(struct p9_server_args){.root = root, .fixed = true, .max_fids = FIDS_MAX});
	send_request(P9_TVERSION, version, sizeof(version) - 1);
	send_request(P9_TATTACH, attach, sizeof(attach) - 1);
	while (size >= 2 && size - 2 >= data[1]) {
		send_request(data[0], data + 2, data[1]);
		size -= 2u + data[1];
		data += 2 + data[1];
	}
	p9_server_deinit(&server);
	if (fchdir(old_folder) < 0)
		abort();
	return 0;
}
