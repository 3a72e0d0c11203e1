/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program says to vsockd before it is connected with a guest. The first byte of the input says in how large
 * pieces the rest arrives (0: at once).
 */
#include <fcntl.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "vsockd/host.h"
#include "vsockd/vsockd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing behind the line was taken. */
static void check_rest(int fd, const uint8_t *data, size_t len)
{
	uint8_t buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	test_int(n < 0 ? 0 : n, len);
	if (n > 0)
		test_mem(buf, data, len);
}

/* What it was taken for says itself again. */
static void check_line(const uint8_t *line, size_t len, uint32_t port)
{
	static const char word[] = "CONNECT";
	char number[16], text[HOST_LINE_MAX + 1];

	test_true(len > sizeof(word) && len <= HOST_LINE_MAX && line[len - 1] == '\n');
	test_int(strncasecmp((const char *)line, word, sizeof(word) - 1), 0);
	memcpy(text, line, len);
	text[len] = '\0';
	(void)snprintf(number, sizeof(number), "%u", port);
	test_true(strstr(text, number) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2], r = -EAGAIN;
	uint32_t port = 0;
	size_t piece, len, at = 0;
	const uint8_t *end;

	if (size < 2 || size > 4096)
		return 0;
	piece = data[0] > 0 ? data[0] : size;
	data++;
	size--;
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	while (r == -EAGAIN && at < size) {
		ssize_t n = send(fds[0], data + at, MIN(piece, size - at), MSG_NOSIGNAL);

		test_true(n > 0);
		at += (size_t)n;
		r = host_read_line(fds[1], &port);
	}
	end = memchr(data, '\n', MIN(at, HOST_LINE_MAX));
	/* As long as there is neither an end nor too much it waits, and then no longer. */
	test_true((r == -EAGAIN) == (!end && at < HOST_LINE_MAX));
	if (r == 0) {
		len = (size_t)(end + 1 - data);
		check_line(data, len, port);
		check_rest(fds[1], data + len, at - len);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
	return 0;
}
