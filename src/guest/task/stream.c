/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "guest/sockets/localhost.h"

#define HEADER_LEN 4

static uint32_t id_len(const struct stream *stream)
{
	const uint8_t *p = stream->greeting;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const uint8_t *stream_id(const struct stream *stream)
{
	return stream->greeting + HEADER_LEN;
}

static void release(struct stream *stream)
{
	loop_io_stop(&stream->io);
	loop_timer_stop(&stream->deadline);
	vsock_dial_stop(&stream->dial);
	stream->fd = fd_close(stream->fd);
	stream->state = STREAM_FREE;
}

/* The socket is new and its buffer empty: what does not fit goes to a peer that is none of ours. */
static void answer_error(int fd, const char *text)
{
	uint8_t answer[128];
	size_t len = MIN(strlen(text), sizeof(answer) - HEADER_LEN);

	memset(answer, 0, HEADER_LEN);
	answer[3] = (uint8_t)len;
	memcpy(answer + HEADER_LEN, text, len);
	(void)send(fd, answer, HEADER_LEN + len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void refuse(struct stream *stream, const char *text)
{
	answer_error(stream->fd, text);
	release(stream);
}

static struct stream *find(struct stream_table *table, const void *id, size_t len)
{
	for (size_t i = 0; i < table->n_seen; i++) {
		struct stream *stream = &table->slots[i];

		if (stream->state == STREAM_WAITING && id_len(stream) == len &&
		    memcmp(stream_id(stream), id, len) == 0)
			return stream;
	}
	return NULL;
}

/* Nothing is waited for but the peer's going. */
static void peer_left(struct loop_io *io, uint32_t revents _unused_)
{
	release(container_of(io, struct stream, io));
}

static bool answer(struct stream *stream)
{
	ssize_t len = (ssize_t)(HEADER_LEN + id_len(stream));

	return send(stream->fd, stream->greeting, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) == len;
}

static void wait_to_be_taken(struct stream *stream)
{
	if (find(stream->table, stream_id(stream), id_len(stream))) {
		refuse(stream, "stream id is in use");
		return;
	}
	if (!answer(stream)) {
		release(stream);
		return;
	}
	stream->state = STREAM_WAITING;
	loop_timer_stop(&stream->deadline);
}

static void dialled(struct vsock_dial *dial, int fd)
{
	struct stream *stream = container_of(dial, struct stream, dial);

	if (fd < 0) {
		refuse(stream, strerror(-fd));
		return;
	}
	loop_io_stop(&stream->io);
	if (!answer(stream) ||
	    localhost_start(stream->table->loop, take_fd(stream->fd), take_fd(fd)) < 0)
		fd_close(fd);
	release(stream);
}

static void greeted(struct stream *stream)
{
	const char *id = (const char *)stream_id(stream);
	int r, fd = stream->fd;

	stream->greeting[HEADER_LEN + id_len(stream)] = '\0';
	if (strlen(id) < id_len(stream)) {
		refuse(stream, "stream id is not valid");
		return;
	}
	loop_io_stop(&stream->io);
	if (loop_io_start(stream->table->loop, &stream->io, fd, 0, peer_left) < 0) {
		release(stream);
		return;
	}
	stream->state = STREAM_DIALLING;
	r = localhost_dial(&stream->dial, stream->table->loop, id, dialled);
	if (r == -ENOENT)
		wait_to_be_taken(stream);
	else if (r < 0)
		refuse(stream, strerror(-r));
}

/* Return: bytes that are still missing; 0: the greeting is complete; negative: it is not valid. */
static int missing(const struct stream *stream)
{
	if (stream->got < HEADER_LEN)
		return (int)(HEADER_LEN - stream->got);
	if (id_len(stream) == 0 || id_len(stream) > ABI_STREAM_ID_MAX)
		return -EBADMSG;
	return (int)(HEADER_LEN + id_len(stream) - stream->got);
}

static void greeting_ready(struct loop_io *io, uint32_t revents _unused_)
{
	struct stream *stream = container_of(io, struct stream, io);
	int want = missing(stream);
	ssize_t n;

	while (want > 0) {
		n = recv(stream->fd, stream->greeting + stream->got, (size_t)want, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			release(stream);
			return;
		}
		stream->got += (uint32_t)n;
		want = missing(stream);
	}
	if (want < 0)
		refuse(stream, "stream id is empty or too long");
	else
		greeted(stream);
}

static void too_late(struct loop_timer *timer)
{
	struct stream *stream = container_of(timer, struct stream, deadline);

	refuse(stream, stream->state == STREAM_GREETING ? "stream id did not come in time"
							: "nobody answers there");
}

/*
 * Of a vsock whose peer has closed it nothing comes but the end of the input, as of one that has merely
 * said all: that one can be written to still (vsock_connectible_sendmsg() in the kernel).
 */
static bool is_gone(const struct stream *stream)
{
	return stream->state == STREAM_WAITING &&
	       send(stream->fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

static void release_gone(struct stream_table *table)
{
	for (size_t i = 0; i < table->n_seen; i++)
		if (is_gone(&table->slots[i]))
			release(&table->slots[i]);
}

static struct stream *find_free(struct stream_table *table)
{
	for (size_t i = 0; i < table->n_seen; i++)
		if (table->slots[i].state == STREAM_FREE)
			return &table->slots[i];
	return table->n_seen < ARRAY_SIZE(table->slots) ? &table->slots[table->n_seen++] : NULL;
}

void stream_add(struct stream_table *table, int fd)
{
	_cleanup_close_ int owned = fd;
	struct stream *stream = find_free(table);

	if (!stream) {
		release_gone(table);
		stream = find_free(table);
	}
	if (!stream) {
		answer_error(fd, "too many streams");
		return;
	}
	stream->table = table;
	stream->io = (struct loop_io)LOOP_IO_NULL;
	stream->dial = (struct vsock_dial)VSOCK_DIAL_NULL;
	loop_timer_init(&stream->deadline);
	stream->got = 0;
	if (loop_io_start(table->loop, &stream->io, fd, EPOLLIN, greeting_ready) < 0)
		return;
	stream->fd = take_fd(owned);
	stream->state = STREAM_GREETING;
	loop_timer_start(table->loop, &stream->deadline, loop_now(table->loop) + STREAM_GREETING_NS,
			 too_late);
}

int stream_take(struct stream_table *table, const char *id)
{
	struct stream *stream = find(table, id, strlen(id));
	int fd;

	if (!stream)
		return -ENOENT;
	loop_io_stop(&stream->io);
	fd = take_fd(stream->fd);
	release(stream);
	return fd;
}

void stream_init(struct stream_table *table, struct loop *loop)
{
	table->loop = loop;
	table->n_seen = 0;
}

void stream_deinit(struct stream_table *table)
{
	for (size_t i = 0; i < table->n_seen; i++)
		if (table->slots[i].state != STREAM_FREE)
			release(&table->slots[i]);
}
