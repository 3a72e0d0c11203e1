/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is answered to "CONNECT <port>" where a VMM, or anybody, shows a guest's vsock. The first byte of the input
 * says in how large pieces the rest arrives (0: at once); then nothing more comes.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"
#include "loop/test-clock.h"
#include "sandbox/dial.h"

/* No answer is longer, with its newline. */
#define ANSWER_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/caisson-fuzz-dial.XXXXXX";
static char path[64];
static struct guest_address address;
static struct loop loop;
static int listener = -EBADF, n_done, result;

static void remove_folder(void)
{
	(void)path_remove_tree(AT_FDCWD, dir);
}

static void prepare(void)
{
	if (listener >= 0)
		return;
	test_true(mkdtemp(dir) != NULL);
	(void)atexit(remove_folder);
	(void)snprintf(path, sizeof(path), "%s/uds", dir);
	address.hybrid_path = path;
	listener = unix_listen(path);
	test_true(listener >= 0);
}

static void done(struct dial *dial _unused_, int fd)
{
	n_done++;
	result = fd;
}

/* Return: how many bytes the answer has with its newline; 0: what was sent is none. */
static size_t answer_in(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', MIN(size, ANSWER_MAX));

	return end && end - data >= 3 && memcmp(data, "OK ", 3) == 0 ? (size_t)(end + 1 - data) : 0;
}

/* Nothing behind the answer was read. */
static void check_rest(const uint8_t *rest, size_t len)
{
	for (size_t at = 0; at < len;) {
		uint8_t buf[256];
		ssize_t n = read(result, buf, sizeof(buf));

		test_true(n > 0 && (size_t)n <= len - at);
		test_mem(buf, rest + at, (size_t)n);
		at += (size_t)n;
	}
}

/* Return: how much of it was sent: a socket takes so many pieces that nobody reads. */
static size_t talk(const uint8_t *data, size_t size, size_t piece)
{
	size_t at = 0;
	int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char asked[32];

	test_int(read(peer, asked, sizeof(asked)), 13);
	test_mem(asked, "CONNECT 1025\n", 13);
	while (at < size) {
		ssize_t n = send(peer, data + at, MIN(piece, size - at), MSG_NOSIGNAL);

		if (n < 0)
			break;
		at += (size_t)n;
		(void)test_turn(&loop);
	}
	(void)close(peer);
	(void)test_turn(&loop);
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dial dial = DIAL_NULL;
	size_t piece, len, sent;

	if (size < 2 || size > 4096)
		return 0;
	prepare();
	piece = data[0] > 0 ? data[0] : size;
	len = answer_in(++data, --size);
	n_done = 0;
	test_int(loop_init(&loop), 0);
	test_int(dial_start(&dial, &loop, &address, 1025, done), 0);
	(void)test_turn(&loop);
	sent = talk(data, size, piece);
	test_int(n_done, 1);
	if (len > 0) {
		test_true(result >= 0);
		check_rest(data + len, sent - len);
		fd_close(result);
	} else {
		test_true(result == -ECONNREFUSED || result == -EPROTO || result == -ECONNRESET);
	}
	dial_stop(&dial);
	loop_deinit(&loop);
	return 0;
}
