/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/serve.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/fd.h"
#include "base/seal.h"

SEAL_ALLOW(recvfrom);
SEAL_ALLOW(write);
SEAL_ALLOW(setsockopt);
SEAL_ALLOW(madvise);
/* What goes on with a call that a stop of the process has interrupted. */
SEAL_ALLOW(restart_syscall);

/* Both buffers' pages beyond these go back once nothing has come for a while. */
#define KEPT	     (16u << 10)
#define QUIET_SECOND 1

/**
 * struct buffers - what a connection needs
 * @in, @out: P9_MSIZE_MAX bytes each, of which only what was ever used takes memory
 * @at, @end: what of @in has come and is not worked off yet
 * @large: more than KEPT of them was used
 */
struct buffers {
	uint8_t *in, *out;
	size_t at, end;
	bool large;
};

static int buffers_make(struct buffers *b)
{
	void *p = mmap(NULL, 2 * (size_t)P9_MSIZE_MAX, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	*b = (struct buffers){.in = p, .out = (uint8_t *)p + P9_MSIZE_MAX};
	return 0;
}

static void buffers_drop(struct buffers *b)
{
	(void)munmap(b->in, 2 * (size_t)P9_MSIZE_MAX);
}

static void wake_when_quiet(int sock, bool on)
{
	const struct timeval time = {.tv_sec = on ? QUIET_SECOND : 0};

	(void)setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

static void note_size(struct buffers *b, int sock, size_t len)
{
	if (len <= KEPT || b->large)
		return;
	b->large = true;
	wake_when_quiet(sock, true);
}

static void give_back(struct buffers *b, int sock)
{
	size_t from = b->end > KEPT ? P9_MSIZE_MAX : KEPT;

	wake_when_quiet(sock, false);
	if (from < P9_MSIZE_MAX)
		(void)madvise(b->in + from, P9_MSIZE_MAX - from, MADV_DONTNEED);
	(void)madvise(b->out + KEPT, P9_MSIZE_MAX - KEPT, MADV_DONTNEED);
	b->large = false;
}

/* Return: how many bytes more there are; 0: the end; negative errno. */
static ssize_t receive(struct buffers *b, int sock)
{
	ssize_t n;

	for (;;) {
		n = recv(sock, b->in + b->end, P9_MSIZE_MAX - b->end, 0);
		if (n >= 0)
			break;
		if (errno == EAGAIN)
			give_back(b, sock);
		else if (errno != EINTR)
			return errno == ECONNRESET ? 0 : -errno;
	}
	b->end += (size_t)n;
	note_size(b, sock, b->end);
	return n;
}

static uint32_t size_at(const uint8_t *p)
{
	uint32_t size;

	memcpy(&size, p, sizeof(size));
	return le32toh(size);
}

/* Room for the whole of a message that has begun to come. */
static void move_up(struct buffers *b)
{
	memmove(b->in, b->in + b->at, b->end - b->at);
	b->end -= b->at;
	b->at = 0;
}

/* Return: the size of the next message, which is there; 0: the end; negative errno. */
static int next_message(struct p9_server *s, struct buffers *b, int sock)
{
	uint32_t size = P9_HEADER_LEN;
	ssize_t n;

	for (;;) {
		if (b->at == b->end)
			b->at = b->end = 0;
		if (b->end - b->at >= sizeof(size)) {
			size = size_at(b->in + b->at);
			if (size < P9_HEADER_LEN || size > p9_server_limit(s))
				return -EPROTO;
			if (b->end - b->at >= size)
				return (int)size;
		}
		if (P9_MSIZE_MAX - b->at < size)
			move_up(b);
		n = receive(b, sock);
		if (n <= 0)
			return n == 0 && b->at < b->end ? -EPROTO : (int)n;
	}
}

static int serve(struct p9_server *s, struct buffers *b, int sock)
{
	size_t len;
	int r;

	while ((r = next_message(s, b, sock)) > 0) {
		size_t size = (size_t)r;

		r = p9_server_answer(s, b->in + b->at, size, b->out, &len);
		if (r < 0)
			return r;
		b->at += size;
		note_size(b, sock, len);
		r = fd_write_full(sock, b->out, len);
		if (r < 0)
			return r == -EPIPE || r == -ECONNRESET ? 0 : r;
	}
	return r;
}

int p9_serve(struct p9_server *s, int sock)
{
	struct buffers b = {0};
	int r = buffers_make(&b);

	if (r < 0)
		return r;
	r = serve(s, &b, sock);
	buffers_drop(&b);
	return r;
}
