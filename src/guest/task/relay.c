/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/vsock.h"

/*
 * One turn moves no more than this, so that all relays get theirs. A pipe holds as much (pipe(7)).
 */
#define CHUNK 65536

/* What became of one attempt to move a chunk. */
enum moved {
	MOVED,
	WAIT_IN,  /* there is nothing to read */
	WAIT_OUT, /* there is no room to write */
	AT_END,
	OUT_GONE,
};

/**
 * struct relay_type - how to move bytes
 * @move: one chunk
 * @to_host: the socket is the output
 * @discard: what to do once the output is gone; NULL: that is the end
 */
struct relay_type {
	enum moved (*move)(struct relay *relay);
	bool to_host;
	const struct relay_type *discard;
};

/*
 * Shared by all relays, empty between two moves. What is in a pipe can be copied without taking it
 * out only into another pipe, tee(2); and be thrown away without copying it to /dev/null,
 * splice(2).
 */
static int scratch_pipe[2] = {-EBADF, -EBADF};
static int null_fd = -EBADF;
static char scratch[CHUNK];

static bool again(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static enum moved moved_or(ssize_t n, enum moved wait)
{
	if (n >= 0)
		return MOVED;
	return again(errno) ? wait : OUT_GONE;
}

static void throw_away(int pipe_fd, size_t len)
{
	while (len > 0) {
		ssize_t n = splice(pipe_fd, NULL, null_fd, NULL, len, SPLICE_F_NONBLOCK);

		/* A process may read its own output back; then there is less than there was. */
		if (n <= 0)
			return;
		len -= (size_t)n;
	}
}

/* Less, where memory is in pieces. */
static ssize_t send_some(int out, const void *data, size_t len)
{
	ssize_t n = send(out, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOMEM && len > VSOCK_SMALL)
		n = send(out, data, VSOCK_SMALL, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n;
}

/* The bytes leave the pipe only once the socket has taken them. */
static enum moved move_pipe_to_socket(struct relay *relay)
{
	ssize_t n = tee(relay->in, scratch_pipe[1], CHUNK, SPLICE_F_NONBLOCK);

	if (n <= 0)
		return n < 0 && again(errno) ? WAIT_IN : AT_END;
	n = fd_read_full(scratch_pipe[0], scratch, (size_t)n);
	if (n < 0)
		return AT_END;
	n = send_some(relay->out, scratch, (size_t)n);
	if (n > 0)
		throw_away(relay->in, (size_t)n);
	return moved_or(n, WAIT_OUT);
}

static enum moved move_tty_to_socket(struct relay *relay)
{
	ssize_t n;

	if (relay->held_start == relay->held_end) {
		n = read(relay->in, relay->held, RELAY_HELD);
		/* EIO: nobody has the terminal open any more (pty(7)). */
		if (n <= 0)
			return n < 0 && again(errno) ? WAIT_IN : AT_END;
		relay->held_start = 0;
		relay->held_end = (size_t)n;
	}
	n = send_some(relay->out, relay->held + relay->held_start,
		      relay->held_end - relay->held_start);
	if (n > 0)
		relay->held_start += (size_t)n;
	return moved_or(n, WAIT_OUT);
}

static enum moved move_socket_to_pipe(struct relay *relay)
{
	ssize_t n = splice(relay->in, NULL, relay->out, NULL, CHUNK, SPLICE_F_NONBLOCK);

	if (n > 0)
		return MOVED;
	if (n == 0)
		return AT_END;
	if (!again(errno))
		return errno == EPIPE ? OUT_GONE : AT_END;
	/* Which of the two it was is for us to find out. */
	n = recv(relay->in, scratch, 1, MSG_PEEK | MSG_DONTWAIT);
	return n < 0 && again(errno) ? WAIT_IN : WAIT_OUT;
}

static enum moved move_socket_to_tty(struct relay *relay)
{
	ssize_t n = recv(relay->in, scratch, RELAY_HELD, MSG_PEEK | MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && again(errno) ? WAIT_IN : AT_END;
	n = write(relay->out, scratch, (size_t)n);
	if (n > 0)
		(void)recv(relay->in, scratch, (size_t)n, MSG_DONTWAIT);
	return moved_or(n, WAIT_OUT);
}

static enum moved move_socket_to_nowhere(struct relay *relay)
{
	ssize_t n = recv(relay->in, scratch, CHUNK, MSG_DONTWAIT);

	if (n > 0)
		return MOVED;
	return n < 0 && again(errno) ? WAIT_IN : AT_END;
}

static const struct relay_type socket_to_nowhere = {.move = move_socket_to_nowhere};

const struct relay_type relay_pipe_to_socket = {.move = move_pipe_to_socket, .to_host = true};
const struct relay_type relay_tty_to_socket = {.move = move_tty_to_socket, .to_host = true};
const struct relay_type relay_socket_to_pipe = {.move = move_socket_to_pipe,
						.discard = &socket_to_nowhere};
const struct relay_type relay_socket_to_tty = {.move = move_socket_to_tty,
					       .discard = &socket_to_nowhere};

static void in_ready(struct loop_io *io, uint32_t revents);
static void out_ready(struct loop_io *io, uint32_t revents);
static void run_deferred(struct loop_defer *defer);

static int watch(struct relay *relay, struct loop_io *io, int fd, uint32_t events,
		 void (*ready)(struct loop_io *io, uint32_t revents))
{
	if (loop_io_active(io))
		return loop_io_set(io, events);
	return loop_io_start(relay->loop, io, fd, events, ready);
}

/*
 * Only one side is waited for at a time: the other, with its writers or readers gone, would report
 * that without end. But a host that leaves must be seen while the process is silent, too.
 */
static int wait_in(struct relay *relay)
{
	int r = watch(relay, &relay->in_io, relay->in, EPOLLIN, in_ready);

	if (r == 0 && relay->type->to_host)
		r = watch(relay, &relay->out_io, relay->out, EPOLLRDHUP, out_ready);
	else
		loop_io_stop(&relay->out_io);
	return r;
}

static int wait_out(struct relay *relay)
{
	loop_io_stop(&relay->in_io);
	return watch(relay, &relay->out_io, relay->out, EPOLLOUT, out_ready);
}

static void finish(struct relay *relay, enum relay_end end)
{
	loop_io_stop(&relay->in_io);
	loop_io_stop(&relay->out_io);
	loop_defer_stop(&relay->again);
	relay->loop = NULL;
	relay->in = fd_close(relay->in);
	if (relay->type->to_host)
		(void)shutdown(relay->out, SHUT_WR);
	else
		relay->out = fd_close(relay->out);
	relay->done(relay, end);
}

static void out_gone(struct relay *relay)
{
	if (!relay->type->discard) {
		finish(relay, RELAY_BROKEN);
		return;
	}
	relay->type = relay->type->discard;
	loop_io_stop(&relay->out_io);
	relay->out = fd_close(relay->out);
	if (wait_in(relay) < 0)
		finish(relay, RELAY_BROKEN);
}

static void run(struct relay *relay)
{
	enum moved moved = relay->type->move(relay);
	int r = 0;

	if (moved == OUT_GONE) {
		out_gone(relay);
		return;
	}
	if (moved == AT_END || (moved == WAIT_IN && relay->finishing)) {
		finish(relay, RELAY_EOF);
		return;
	}
	/* Held bytes are not in what can be waited for. */
	if (moved == MOVED && (relay->finishing || relay->held_start < relay->held_end))
		loop_defer_start(relay->loop, &relay->again, run_deferred);
	else if (moved == WAIT_OUT)
		r = wait_out(relay);
	else
		r = wait_in(relay);
	if (r < 0)
		finish(relay, RELAY_BROKEN);
}

static void in_ready(struct loop_io *io, uint32_t revents _unused_)
{
	run(container_of(io, struct relay, in_io));
}

/* The host may half-close a stream that it only reads; an empty write tells if it still reads. */
static bool host_left(const struct relay *relay, uint32_t revents)
{
	if (revents & (EPOLLERR | EPOLLHUP))
		return true;
	return send(relay->out, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && !again(errno);
}

static void out_ready(struct loop_io *io, uint32_t revents)
{
	struct relay *relay = container_of(io, struct relay, out_io);

	if (revents & EPOLLOUT)
		run(relay);
	else if (!relay->type->to_host || host_left(relay, revents))
		out_gone(relay);
	else
		(void)loop_io_set(io, 0);
}

static void run_deferred(struct loop_defer *defer)
{
	run(container_of(defer, struct relay, again));
}

int relay_start(struct relay *relay, struct loop *loop, const struct relay_type *type, int in,
		int out, char *held, void (*done)(struct relay *relay, enum relay_end end))
{
	int r;

	relay_init(relay);
	relay->loop = loop;
	relay->type = type;
	relay->in = in;
	relay->out = out;
	relay->held = held;
	relay->done = done;
	r = wait_in(relay);
	if (r < 0)
		relay_stop(relay);
	return r;
}

void relay_finish(struct relay *relay)
{
	if (!relay_copying(relay))
		return;
	relay->finishing = true;
	loop_defer_start(relay->loop, &relay->again, run_deferred);
}

int relay_release(struct relay *relay)
{
	int in = take_fd(relay->in);

	relay_stop(relay);
	return in;
}

void relay_stop(struct relay *relay)
{
	loop_io_stop(&relay->in_io);
	loop_io_stop(&relay->out_io);
	loop_defer_stop(&relay->again);
	relay->in = fd_close(relay->in);
	relay->out = fd_close(relay->out);
	relay->loop = NULL;
}

void relay_init(struct relay *relay)
{
	relay->loop = NULL;
	relay->in_io = relay->out_io = (struct loop_io)LOOP_IO_NULL;
	loop_defer_init(&relay->again);
	relay->in = relay->out = -EBADF;
	relay->finishing = false;
	relay->held_start = relay->held_end = 0;
}

int relay_setup(int null)
{
	if (scratch_pipe[0] >= 0)
		return 0;
	null_fd = null;
	if (pipe2(scratch_pipe, O_CLOEXEC) < 0)
		return -errno;
	return 0;
}
