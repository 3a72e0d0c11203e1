/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/test-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/test.h"

static struct loop *turning;

static void end_turn(struct loop_defer *defer _unused_)
{
	loop_quit(turning, 0);
}

void loop_settle(struct loop *loop)
{
	struct loop_defer end = LOOP_DEFER_NULL(end);

	for (;;) {
		struct pollfd ready = {.fd = loop->epoll_fd, .events = POLLIN};

		if (poll(&ready, 1, 0) == 0 && list_empty(&loop->deferred))
			return;
		turning = loop;
		loop_defer_start(loop, &end, end_turn);
		test_int(loop_run(loop), 0);
	}
}

int peer_init(struct peer *peer, struct loop *loop)
{
	int fds[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	test_int(fd_nonblock(fds[0], true), 0);
	*peer = (struct peer){.loop = loop, .fd = fds[0], .chunk = SIZE_MAX};
	return fds[1];
}

void peer_close(struct peer *peer)
{
	peer->fd = fd_close(peer->fd);
}

void peer_done(struct peer *peer)
{
	peer_close(peer);
	free(peer->out);
	free(peer->in);
	peer->out = peer->in = NULL;
	peer->out_at = peer->out_len = peer->out_size = 0;
	peer->in_at = peer->in_len = peer->in_size = 0;
}

static void grow(uint8_t **data, size_t *size, size_t len)
{
	if (len <= *size)
		return;
	*size = 2 * len;
	*data = realloc(*data, *size);
	test_true(*data);
}

void peer_put(struct peer *peer, const void *data, size_t len)
{
	size_t end = peer->out_at + peer->out_len;

	if (len == 0)
		return;
	grow(&peer->out, &peer->out_size, end + len);
	if (data)
		memcpy(peer->out + end, data, len);
	else
		memset(peer->out + end, 0, len);
	peer->out_len += len;
}

void peer_put_frame(struct peer *peer, uint32_t stream, uint8_t type, uint8_t flags,
		    const void *data, size_t len)
{
	struct ttrpc_frame frame = {
		.len = (uint32_t)len, .stream_id = stream, .type = type, .flags = flags};
	uint8_t header[TTRPC_FRAME_HEADER_LEN];

	ttrpc_frame_encode(&frame, header);
	peer_put(peer, header, sizeof(header));
	if (len > 0)
		peer_put(peer, data, len);
}

static struct ttrpc_bytes bytes(const void *data, size_t len)
{
	return (struct ttrpc_bytes){.data = data, .len = len};
}

static void put_message(struct peer *peer, struct ttrpc_frame *frame, const uint8_t *head,
			size_t head_len, const void *payload, size_t len)
{
	uint8_t header[TTRPC_FRAME_HEADER_LEN];

	frame->len = (uint32_t)(head_len + len);
	ttrpc_frame_encode(frame, header);
	peer_put(peer, header, sizeof(header));
	peer_put(peer, head, head_len);
	if (len > 0)
		peer_put(peer, payload, len);
}

void peer_put_request(struct peer *peer, uint32_t stream, uint8_t flags, const char *service,
		      const char *method, const void *payload, size_t len)
{
	struct ttrpc_request_envelope request = {
		.service = bytes(service, strlen(service)),
		.method = bytes(method, strlen(method)),
		.payload = bytes(payload, len),
		.timeout_nano = 12345,
	};
	struct ttrpc_frame frame = {
		.stream_id = stream, .type = TTRPC_FRAME_REQUEST, .flags = flags};
	uint8_t head[256];
	size_t head_len;

	test_int(ttrpc_envelope_put_request(&request, head, sizeof(head), &head_len), 0);
	put_message(peer, &frame, head, head_len, payload, len);
}

void peer_put_response(struct peer *peer, uint32_t stream, int code, const char *message,
		       const void *payload, size_t len)
{
	struct ttrpc_response_envelope response = {
		.code = code,
		.message = bytes(message, strlen(message)),
		.payload = bytes(payload, len),
	};
	struct ttrpc_frame frame = {.stream_id = stream, .type = TTRPC_FRAME_RESPONSE};
	uint8_t head[1024];
	size_t head_len;

	test_int(ttrpc_envelope_put_response(&response, head, sizeof(head), &head_len), 0);
	put_message(peer, &frame, head, head_len, payload, len);
}

static bool write_some(struct peer *peer)
{
	size_t len = MIN(peer->out_len, peer->chunk);
	ssize_t n;

	if (peer->fd < 0 || len == 0)
		return false;
	n = send(peer->fd, peer->out + peer->out_at, len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
		peer->out_at = peer->out_len = 0;
		return false;
	}
	if (n < 0)
		return false;
	peer->out_len -= (size_t)n;
	peer->out_at = peer->out_len > 0 ? peer->out_at + (size_t)n : 0;
	return true;
}

static bool read_some(struct peer *peer)
{
	uint8_t buf[65536];
	ssize_t n;

	if (peer->fd < 0 || peer->deaf || peer->eof)
		return false;
	n = recv(peer->fd, buf, sizeof(buf), 0);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		peer->eof = true;
	if (n <= 0)
		return false;
	grow(&peer->in, &peer->in_size, peer->in_len + (size_t)n);
	memcpy(peer->in + peer->in_len, buf, (size_t)n);
	peer->in_len += (size_t)n;
	return true;
}

void peer_pump(struct peer *peer)
{
	bool moved = true;

	if (peer->in_len > 0 && peer->in_at > 0)
		memmove(peer->in, peer->in + peer->in_at, peer->in_len - peer->in_at);
	peer->in_len -= peer->in_at;
	peer->in_at = 0;
	while (moved) {
		moved = write_some(peer);
		loop_settle(peer->loop);
		moved |= read_some(peer);
	}
}

bool peer_next(struct peer *peer, struct peer_frame *ret)
{
	size_t left = peer->in_len - peer->in_at;

	if (left < TTRPC_FRAME_HEADER_LEN)
		return false;
	ttrpc_frame_decode(peer->in + peer->in_at, &ret->head);
	if (left - TTRPC_FRAME_HEADER_LEN < ret->head.len)
		return false;
	ret->data = peer->in + peer->in_at + TTRPC_FRAME_HEADER_LEN;
	peer->in_at += TTRPC_FRAME_HEADER_LEN + ret->head.len;
	return true;
}

void peer_expect_response(struct peer *peer, uint32_t stream, int code, const void *payload,
			  size_t len)
{
	struct ttrpc_response_envelope response;
	struct peer_frame frame;

	test_true(peer_next(peer, &frame));
	test_int(frame.head.type, TTRPC_FRAME_RESPONSE);
	test_int(frame.head.flags, 0);
	test_int(frame.head.stream_id, stream);
	test_int(ttrpc_envelope_parse_response(bytes(frame.data, frame.head.len), &response), 0);
	test_int(response.code, code);
	test_int(response.payload.len, len);
	if (len > 0)
		test_mem(response.payload.data, payload, len);
	if (code != 0)
		test_true(response.message.len > 0);
}

void peer_expect_data(struct peer *peer, uint32_t stream, uint8_t flags, const void *data,
		      size_t len)
{
	struct peer_frame frame;

	test_true(peer_next(peer, &frame));
	test_int(frame.head.type, TTRPC_FRAME_DATA);
	test_int(frame.head.flags, flags);
	test_int(frame.head.stream_id, stream);
	test_int(frame.head.len, len);
	if (len > 0)
		test_mem(frame.data, data, len);
}

void peer_expect_nothing(struct peer *peer)
{
	struct peer_frame frame;

	test_true(!peer_next(peer, &frame));
	test_int(peer->in_len - peer->in_at, 0);
}
