/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"

/* Queued frames that are written with one system call. */
#define FLUSH_BATCH 16

/* More reads than this are not made from a peer to which nothing can be written any more. */
#define DRAIN_MAX 1024

/* Bytes waiting to be written: a frame, or the rest of one. */
struct chunk {
	struct list link;
	size_t len, sent;
	uint8_t data[];
};

static void queue_drop(struct ttrpc_conn *conn)
{
	while (!list_empty(&conn->queue)) {
		struct chunk *chunk = list_first(&conn->queue, struct chunk, link);

		list_del(&chunk->link);
		free(chunk);
	}
	conn->queued = 0;
}

static void send_output(struct ttrpc_conn *conn);

void ttrpc_conn_close(struct ttrpc_conn *conn)
{
	send_output(conn);
	loop_io_stop(&conn->io);
	loop_defer_stop(&conn->end);
	conn->fd = fd_close(conn->fd);
	queue_drop(conn);
}

/* conn->body is freed only here and after its frame: a handler may still be reading in it. */
void ttrpc_conn_unref(struct ttrpc_conn *conn)
{
	if (--conn->refs > 0)
		return;
	free(conn->body);
	conn->ops->release(conn);
}

static void end_deferred(struct loop_defer *defer);

void ttrpc_conn_fail(struct ttrpc_conn *conn, int error)
{
	if (!ttrpc_conn_open(conn))
		return;
	conn->broken = error;
	loop_defer_start(conn->loop, &conn->end, end_deferred);
}

static bool paused(const struct ttrpc_conn *conn)
{
	return conn->throttle && conn->queued > TTRPC_CONN_QUEUE_PAUSE;
}

static void update_events(struct ttrpc_conn *conn)
{
	uint32_t events = 0;
	int r;

	if (!ttrpc_conn_open(conn))
		return;
	if (!paused(conn))
		events |= EPOLLIN;
	if (!list_empty(&conn->queue))
		events |= EPOLLOUT;
	r = loop_io_set(&conn->io, events);
	if (r < 0)
		ttrpc_conn_fail(conn, r);
}

/* Writing */

/* Return: bytes written, 0 when the socket is full; on error the connection is broken. */
static size_t write_some(struct ttrpc_conn *conn, struct iovec *iov, size_t n)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t sent;

	do
		sent = sendmsg(conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return (size_t)sent;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		ttrpc_conn_fail(conn, -errno);
	return 0;
}

static void flush_queue(struct ttrpc_conn *conn)
{
	struct iovec iov[FLUSH_BATCH];
	size_t n = 0, sent;

	list_for_each (it, &conn->queue) {
		struct chunk *chunk = container_of(it, struct chunk, link);

		if (n == FLUSH_BATCH)
			break;
		iov[n].iov_base = chunk->data + chunk->sent;
		iov[n++].iov_len = chunk->len - chunk->sent;
	}
	sent = write_some(conn, iov, n);
	conn->queued -= sent;
	while (sent > 0) {
		struct chunk *chunk = list_first(&conn->queue, struct chunk, link);
		size_t part = MIN(sent, chunk->len - chunk->sent);

		sent -= part;
		chunk->sent += part;
		if (chunk->sent < chunk->len)
			break;
		list_del(&chunk->link);
		free(chunk);
	}
}

/* Queue what is left of @iov after the first @skip bytes. */
static int queue_rest(struct ttrpc_conn *conn, const struct iovec *iov, size_t n, size_t skip,
		      size_t len)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + len - skip);

	if (!chunk)
		return -ENOMEM;
	list_init(&chunk->link);
	chunk->len = chunk->sent = 0;
	for (size_t i = 0; i < n; i++) {
		size_t gone = MIN(skip, iov[i].iov_len), part = iov[i].iov_len - gone;

		skip -= gone;
		if (part == 0)
			continue;
		memcpy(chunk->data + chunk->len, (const uint8_t *)iov[i].iov_base + gone, part);
		chunk->len += part;
	}
	list_append(&conn->queue, &chunk->link);
	conn->queued += chunk->len;
	update_events(conn);
	return 0;
}

/* Write what was gathered and then @iov, whose first place is for that; what remains is queued. */
static int write_or_queue(struct ttrpc_conn *conn, struct iovec *iov, size_t n, size_t len)
{
	size_t gathered = conn->output_len, sent = 0;
	int r;

	iov[0] = (struct iovec){.iov_base = conn->output, .iov_len = gathered};
	conn->output_len = 0;
	len += gathered;
	if (list_empty(&conn->queue))
		sent = write_some(conn, iov, n);
	if (sent == len || conn->broken)
		return 0;
	r = queue_rest(conn, iov, n, sent, len);
	/* Half a frame garbles all that follows; of those before it nobody would know that they are lost. */
	if (r < 0 && (sent > 0 || gathered > 0))
		ttrpc_conn_fail(conn, r);
	return r;
}

static void send_output(struct ttrpc_conn *conn)
{
	struct iovec iov[1];

	if (ttrpc_conn_open(conn) && conn->output_len > 0)
		(void)write_or_queue(conn, iov, ARRAY_SIZE(iov), 0);
}

bool ttrpc_conn_told(struct ttrpc_conn *conn)
{
	send_output(conn);
	return list_empty(&conn->queue);
}

/* Return: false if it has to be written. */
static bool gather(struct ttrpc_conn *conn, const struct iovec *iov, size_t n, size_t len)
{
	if (!conn->gathering || len > sizeof(conn->output) - conn->output_len)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len == 0)
			continue;
		memcpy(conn->output + conn->output_len, iov[i].iov_base, iov[i].iov_len);
		conn->output_len += iov[i].iov_len;
	}
	return true;
}

int ttrpc_conn_send(struct ttrpc_conn *conn, struct ttrpc_outgoing *out, bool must)
{
	uint8_t header[TTRPC_FRAME_HEADER_LEN];
	struct iovec iov[] = {
		{.iov_base = NULL}, /* what was gathered */
		{.iov_base = header, .iov_len = sizeof(header)},
		{.iov_base = (void *)out->head, .iov_len = out->head_len},
		{.iov_base = (void *)out->body, .iov_len = out->body_len},
	};
	size_t len;

	if (!ttrpc_conn_open(conn))
		return -ENOTCONN;
	if (out->body_len > TTRPC_FRAME_DATA_MAX ||
	    out->head_len > TTRPC_FRAME_DATA_MAX - out->body_len)
		return -EMSGSIZE;
	out->frame.len = (uint32_t)(out->head_len + out->body_len);
	len = sizeof(header) + out->frame.len;
	if (!must && conn->queued + len > TTRPC_CONN_QUEUE_MAX)
		return -ENOBUFS;
	ttrpc_frame_encode(&out->frame, header);
	if (gather(conn, iov + 1, ARRAY_SIZE(iov) - 1, len))
		return 0;
	return write_or_queue(conn, iov, ARRAY_SIZE(iov), len);
}

/* Reading */

static void consume(struct ttrpc_conn *conn, size_t n)
{
	conn->input_at += n;
	conn->input_len -= n;
}

static bool drop_more(struct ttrpc_conn *conn)
{
	size_t n = MIN(conn->drop, conn->input_len);

	consume(conn, n);
	conn->drop -= n;
	if (conn->drop > 0)
		return false;
	conn->ops->frame(conn, &conn->frame, NULL, conn->drop_error);
	return true;
}

static bool body_more(struct ttrpc_conn *conn)
{
	size_t n = MIN(conn->frame.len - conn->body_len, conn->input_len);

	memcpy(conn->body + conn->body_len, conn->input + conn->input_at, n);
	consume(conn, n);
	conn->body_len += n;
	if (conn->body_len < conn->frame.len)
		return false;
	conn->ops->frame(conn, &conn->frame, conn->body, 0);
	free(conn->body);
	conn->body = NULL;
	return true;
}

/* A frame that the buffer cannot hold: get memory for it, or drop it. */
static bool large_frame(struct ttrpc_conn *conn)
{
	consume(conn, TTRPC_FRAME_HEADER_LEN);
	conn->drop_error = -EMSGSIZE;
	if (conn->frame.len <= conn->frame_max) {
		conn->drop_error = -ENOMEM;
		conn->body = malloc(conn->frame.len);
		conn->body_len = 0;
	}
	if (!conn->body)
		conn->drop = conn->frame.len;
	return true;
}

/* Take one step with what was read. Return: false when more must be read first. */
static bool step(struct ttrpc_conn *conn)
{
	size_t len;

	if (conn->drop > 0)
		return drop_more(conn);
	if (conn->body)
		return body_more(conn);
	if (conn->input_len < TTRPC_FRAME_HEADER_LEN)
		return false;
	ttrpc_frame_decode(conn->input + conn->input_at, &conn->frame);
	if (conn->frame.len > sizeof(conn->input) - TTRPC_FRAME_HEADER_LEN)
		return large_frame(conn);
	len = TTRPC_FRAME_HEADER_LEN + conn->frame.len;
	if (conn->input_len < len)
		return false;
	conn->ops->frame(conn, &conn->frame, conn->input + conn->input_at + TTRPC_FRAME_HEADER_LEN,
			 0);
	consume(conn, len);
	return true;
}

/* What is sent meanwhile goes out together: a system call, and a peer woken, less for each frame. */
static void take_input(struct ttrpc_conn *conn)
{
	conn->gathering = true;
	while (ttrpc_conn_open(conn) && !paused(conn) && step(conn))
		;
	conn->gathering = false;
	send_output(conn);
}

/* Return: bytes read, 0 at the end of the input, or negative errno. */
static ssize_t receive(struct ttrpc_conn *conn)
{
	bool large = conn->body && conn->input_len == 0;
	uint8_t *to = conn->input + conn->input_len;
	size_t room = sizeof(conn->input) - conn->input_len;
	ssize_t n;

	if (conn->input_len > 0 && conn->input_at > 0)
		memmove(conn->input, conn->input + conn->input_at, conn->input_len);
	conn->input_at = 0;
	if (large) {
		to = conn->body + conn->body_len;
		room = conn->frame.len - conn->body_len;
	}
	do
		n = recv(conn->fd, to, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (large)
		conn->body_len += (size_t)n;
	else
		conn->input_len += (size_t)n;
	return n;
}

static void read_some(struct ttrpc_conn *conn)
{
	ssize_t n = receive(conn);

	if (n == 0)
		ttrpc_conn_fail(conn, -EPIPE);
	else if (n > 0)
		take_input(conn);
	else if (n != -EAGAIN && n != -EWOULDBLOCK)
		ttrpc_conn_fail(conn, (int)n);
}

/*
 * Answers may have arrived before a write found the peer gone. What is there is still handled; a
 * server's input is not, since nobody waits for the answers any more.
 */
static void drain(struct ttrpc_conn *conn)
{
	for (int i = 0; i < DRAIN_MAX && conn->fd >= 0 && receive(conn) > 0; i++)
		while (conn->fd >= 0 && step(conn))
			;
}

static void conn_end(struct ttrpc_conn *conn)
{
	if (!conn->throttle)
		drain(conn);
	if (conn->fd < 0)
		return;
	ttrpc_conn_close(conn);
	conn->ops->ended(conn, conn->broken == -EPIPE ? 0 : conn->broken);
}

static void end_deferred(struct loop_defer *defer)
{
	struct ttrpc_conn *conn = container_of(defer, struct ttrpc_conn, end);

	conn->refs++;
	conn_end(conn);
	ttrpc_conn_unref(conn);
}

static void conn_ready(struct loop_io *io, uint32_t revents)
{
	struct ttrpc_conn *conn = container_of(io, struct ttrpc_conn, io);

	conn->refs++;
	if (!list_empty(&conn->queue) && (revents & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
		flush_queue(conn);
		if (ttrpc_conn_open(conn) && list_empty(&conn->queue) && conn->ops->flushed)
			conn->ops->flushed(conn);
		/* Requests that were left in the buffer while the peer did not read. */
		take_input(conn);
	}
	if (ttrpc_conn_open(conn) && !paused(conn) && (revents & ~(uint32_t)EPOLLOUT))
		read_some(conn);
	update_events(conn);
	if (conn->broken)
		conn_end(conn);
	ttrpc_conn_unref(conn);
}

int ttrpc_conn_init(struct ttrpc_conn *conn, struct loop *loop, int fd, bool throttle,
		    const struct ttrpc_conn_ops *ops)
{
	int r;

	*conn = (struct ttrpc_conn){
		.ops = ops,
		.loop = loop,
		.io = LOOP_IO_NULL,
		.end = LOOP_DEFER_NULL(conn->end),
		.fd = fd,
		.refs = 1,
		.throttle = throttle,
		.frame_max = TTRPC_FRAME_DATA_MAX,
		.queue = LIST_NULL(conn->queue),
	};
	r = loop_io_start(loop, &conn->io, fd, EPOLLIN, conn_ready);
	if (r < 0)
		conn->fd = -EBADF;
	return r;
}
