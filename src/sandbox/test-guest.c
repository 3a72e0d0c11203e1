/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/test-guest.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"

void test_peer_close(struct test_peer *p)
{
	loop_io_stop(&p->io);
	p->fd = fd_close(p->fd);
}

static void answer(struct test_peer *p, const char *text, size_t len)
{
	p->line[p->len] = '\0';
	if (len == 0)
		test_peer_close(p);
	else
		test_int(send(p->fd, text, len, MSG_NOSIGNAL), len);
}

static void asked(struct test_peer *p)
{
	p->state = TEST_PEER_ASKED;
	if (p->guest->answer)
		answer(p, p->guest->answer, strlen(p->guest->answer));
	p->is_rpc = strcmp(p->line, "CONNECT 1024\n") == 0;
	if (p->is_rpc)
		loop_io_stop(&p->io);
	p->len = 0;
}

/* Four bytes of length and the id; from then on the test reads and writes. */
static void greeted(struct test_peer *p)
{
	const struct test_guest *g = p->guest;

	p->state = TEST_PEER_GREETED;
	loop_io_stop(&p->io);
	if (g->greeting)
		answer(p, g->greeting, g->greeting_len);
	else
		answer(p, p->line, p->len);
	memmove(p->line, p->line + 4, p->len - 3);
	if (p->fd >= 0)
		test_int(fd_nonblock(p->fd, false), 0);
}

static bool greeting_is_whole(const struct test_peer *p)
{
	uint32_t len;

	if (p->state != TEST_PEER_ASKED || p->len < sizeof(len))
		return false;
	memcpy(&len, p->line, sizeof(len));
	return p->len == sizeof(len) + ntohl(len);
}

static void readable(struct loop_io *io, uint32_t revents _unused_)
{
	struct test_peer *p = container_of(io, struct test_peer, io);
	ssize_t n = read(p->fd, p->line + p->len, 1);

	loop_quit(p->guest->loop, 0);
	if (n <= 0) {
		test_peer_close(p);
		return;
	}
	test_true(++p->len < sizeof(p->line));
	if (p->state == TEST_PEER_CONNECTED && p->line[p->len - 1] == '\n')
		asked(p);
	else if (greeting_is_whole(p))
		greeted(p);
}

static void dialled(struct loop_io *io, uint32_t revents _unused_)
{
	struct test_guest *g = container_of(io, struct test_guest, accept);
	struct test_peer *p = &g->peers[g->n++];

	test_true(g->n <= TEST_PEERS_MAX);
	*p = (struct test_peer){.guest = g, .io = LOOP_IO_NULL, .state = TEST_PEER_CONNECTED};
	p->fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	test_true(p->fd >= 0);
	test_int(loop_io_start(g->loop, &p->io, p->fd, EPOLLIN, readable), 0);
	loop_quit(g->loop, 0);
}

void test_guest_start(struct test_guest *g, struct loop *loop, const char *folder)
{
	int fd;

	*g = (struct test_guest){.loop = loop, .accept = LOOP_IO_NULL, .answer = "OK 1073741824\n"};
	g->path = path_join(folder, "vsock");
	g->address.hybrid_path = g->path;
	fd = unix_listen(g->path);
	test_true(fd >= 0);
	test_int(loop_io_start(loop, &g->accept, fd, EPOLLIN, dialled), 0);
}

void test_guest_stop(struct test_guest *g)
{
	int fd = g->accept.fd;

	loop_io_stop(&g->accept);
	fd_close(fd);
	for (size_t i = 0; i < g->n; i++)
		test_peer_close(&g->peers[i]);
	test_int(unlink(g->path), 0);
	free(g->path);
}

struct test_peer *test_guest_stream(struct test_guest *g, const char *kind)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->peers[i].state == TEST_PEER_GREETED &&
		    strncmp(g->peers[i].line, kind, strlen(kind)) == 0)
			return &g->peers[i];
	return NULL;
}
