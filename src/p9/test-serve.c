/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: messages in pieces, several at once, and none at all. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/test.h"
#include "p9/serve.h"
#include "p9/test-peer.h"

static struct peer peer;
static char dir[] = "/var/tmp/caisson-test-p9.XXXXXX";
/* The other end of the socket, the same that it serves: its options can be seen here. */
static int served = -EBADF;
static pid_t pid;

/* Have a process that serves the folder. Its exit status is the errno. */
static void start(void)
{
	static struct p9_server server;
	int fds[2], proc, root, r;

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pid = fork();
	test_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fds[0]);
		if (peer_enter_fds(proc) < 0)
			_exit(99);
		p9_server_init(&server, &(struct p9_server_args){.root = root, .max_fids = 1000});
		r = p9_serve(&server, fds[1]);
		p9_server_deinit(&server);
		_exit(-r);
	}
	peer.sock = fds[0];
	served = fds[1];
}

static int ended(void)
{
	int status;

	test_int(waitpid(pid, &status, 0), pid);
	peer.sock = fd_close(peer.sock);
	served = fd_close(served);
	test_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int finish(void)
{
	test_int(shutdown(peer.sock, SHUT_WR), 0);
	return ended();
}

static size_t request(uint8_t *to, uint8_t type, const void *body, size_t len)
{
	struct p9_out out = {.at = to, .max = P9_MSIZE_MAX};

	p9_put_u32(&out, (uint32_t)(P9_HEADER_LEN + len));
	p9_put_u8(&out, type);
	p9_put_u16(&out, 7);
	memcpy(to + out.len, body, len);
	return P9_HEADER_LEN + len;
}

static void in_pieces(void)
{
	uint8_t bytes[64], answer[64];
	size_t len = request(bytes, P9_TCLUNK, "\0\0\0\0", 4);

	start();
	peer_begin(&peer, 8192, "", 0);
	for (size_t i = 0; i < len; i++)
		test_int(fd_write_full(peer.sock, bytes + i, 1), 0);
	test_int(fd_read_full(peer.sock, answer, 7), 7);
	test_int(answer[4], P9_TCLUNK + 1);
	test_int(finish(), 0);
}

static void several_at_once(void)
{
	uint8_t bytes[100 * 16], answer[100 * 11];
	size_t len = 0;

	start();
	peer_begin(&peer, 4096, "", 0);
	for (unsigned int i = 0; i < 100; i++)
		len += request(bytes + len, P9_TCLUNK, "\x07\0\0\0", 4);
	test_int(fd_write_full(peer.sock, bytes, len), 0);
	test_int(fd_read_full(peer.sock, answer, sizeof(answer)), sizeof(answer));
	for (unsigned int i = 0; i < 100; i++) {
		test_int(answer[i * 11 + 4], P9_RLERROR);
		test_int(answer[i * 11 + 7], EBADF);
	}
	test_int(finish(), 0);
}

/* So that they come to lie over the end of the buffer. */
static void large_ones_at_once(void)
{
	static uint8_t bytes[P9_MSIZE_MAX], body[700000];
	const uint32_t fid = 1, count = sizeof(body) - 16;
	uint8_t answer[11];
	pid_t writer;
	size_t len;

	start();
	peer_begin(&peer, P9_MSIZE_MAX, "", 0);
	test_int(peer_create(&peer, 1, "large", 0600, 0), 0);
	memset(body, 'x', sizeof(body));
	memcpy(body, &fid, 4);
	memset(body + 4, 0, 8);
	memcpy(body + 12, &count, 4);
	len = request(bytes, P9_TWRITE, body, sizeof(body));
	writer = fork();
	if (writer == 0) {
		for (int i = 0; i < 5; i++)
			test_int(fd_write_full(peer.sock, bytes, len), 0);
		_exit(0);
	}
	for (int i = 0; i < 5; i++) {
		test_int(fd_read_full(peer.sock, answer, sizeof(answer)), sizeof(answer));
		test_int(answer[4], P9_TWRITE + 1);
		test_mem(answer + 7, &count, 4);
	}
	test_int(waitpid(writer, NULL, 0), writer);
	test_int(finish(), 0);
}

static void is_closed_after(const void *bytes, size_t len)
{
	start();
	peer_begin(&peer, 8192, "", 0);
	test_int(fd_write_full(peer.sock, bytes, len), 0);
	test_int(ended(), EPROTO);
}

static void no_messages(void)
{
	is_closed_after("\0\0\0\0", 4);
	is_closed_after("\x06\0\0\0\x78\0", 6);
	is_closed_after("\x01\x20\0\0\x78\0\0", 7);
	is_closed_after("\xff\xff\xff\xff\x78\0\0", 7);
	is_closed_after("\x08\0\0\0\x78\0\0\0", 8);
	/* Before anything was agreed on. */
	start();
	test_int(fd_write_full(peer.sock, "\x0b\0\0\0\x78\0\0\0\0\0\0", 11), 0);
	test_int(ended(), EPROTO);
	start();
	test_int(fd_write_full(peer.sock, "\x01\x10\0\0\x78\0\0\0\0\0\0", 11), 0);
	test_int(ended(), EPROTO);
	/* Half of one. */
	start();
	test_int(fd_write_full(peer.sock, "\x0b\0\0", 3), 0);
	test_int(finish(), EPROTO);
	start();
	test_int(finish(), 0);
}

static long private_kb(void)
{
	char path[64], line[128];
	FILE *file;
	long kb = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	test_true(file);
	while (fgets(line, sizeof(line), file))
		(void)sscanf(line, "Private_Dirty: %ld", &kb);
	(void)fclose(file);
	return kb;
}

static struct timeval patience(void)
{
	socklen_t len = sizeof(struct timeval);
	struct timeval time;

	test_int(getsockopt(served, SOL_SOCKET, SO_RCVTIMEO, &time, &len), 0);
	return time;
}

/* Its memory goes once nothing has come for a while, of which the test makes a short one. */
static void gives_memory_back(void)
{
	const struct timeval soon = {.tv_usec = 1000};
	const char *got;
	long before;

	start();
	peer_begin(&peer, P9_MSIZE_MAX, "", 0);
	test_int(patience().tv_sec, 0);
	test_int(peer_create(&peer, 1, "sparse", 0600, 0), 0);
	test_int(peer_write(&peer, 1, P9_MSIZE_MAX, "end"), 3);
	before = private_kb();
	test_int(peer_read(&peer, 1, 0, P9_MSIZE_MAX, &got), P9_MSIZE_MAX - 11);
	test_true(private_kb() > before + 1000);
	test_int(patience().tv_sec, 1);
	test_int(setsockopt(served, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
	/* From the next message on. That it has waited for long enough shows nowhere else. */
	test_int(peer_call(&peer, P9_TFLUSH, "w", 1), 0);
	while (patience().tv_usec > 0)
		(void)sched_yield();
	test_int(peer_read(&peer, 1, P9_MSIZE_MAX, 10, &got), 3);
	test_str(got, "end");
	test_true(private_kb() < before + 100);
	test_int(finish(), 0);
}

int main(void)
{
	log_init("test", -1, LOG_LEVEL_ERROR);
	(void)signal(SIGPIPE, SIG_IGN);
	test_true(mkdtemp(dir));
	umask(0);
	test_run(in_pieces);
	test_run(several_at_once);
	test_run(large_ones_at_once);
	test_run(no_messages);
	test_run(gives_memory_back);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
