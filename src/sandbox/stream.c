/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

static const char *const kind_names[] = {
	[STREAM_STDIN] = "stdin",
	[STREAM_STDOUT] = "stdout",
	[STREAM_STDERR] = "stderr",
};

void stream_init(struct stream *io, enum stream_kind kind, struct loop *loop)
{
	static unsigned counter;

	*io = (struct stream){
		.kind = kind,
		.loop = loop,
		.greeting = GREETING_NULL,
		.fifo_fd = -EBADF,
		.keeper_fd = -EBADF,
		.stream_fd = -EBADF,
	};
	pump_init(&io->pump);
	(void)snprintf(io->greeting.id, sizeof(io->greeting.id), "%s-%u", kind_names[kind],
		       ++counter);
}

void stream_deinit(struct stream *io)
{
	greeting_stop(&io->greeting);
	pump_stop(&io->pump);
	io->fifo_fd = fd_close(io->fifo_fd);
	io->keeper_fd = fd_close(io->keeper_fd);
	io->stream_fd = fd_close(io->stream_fd);
	free(take_ptr(io->buffer));
	if (io->state != STREAM_IDLE)
		io->state = STREAM_CLOSED;
}

/*
 * Neither end may wait for the other in open(). A reader that is opened first, for a moment, lets
 * the writer open without one; a user who has gone by then shows as EPIPE later.
 */
static int open_fifo(struct stream *io, const char *path)
{
	int in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), out, error;

	if (in < 0)
		return -errno;
	out = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (out < 0) {
		error = -errno;
		fd_close(in);
		return error;
	}
	if (io->kind == STREAM_STDIN) {
		io->fifo_fd = in;
		io->keeper_fd = out;
	} else {
		io->fifo_fd = out;
		fd_close(in);
	}
	return 0;
}

static void opened(struct stream *io, int error)
{
	if (error < 0)
		stream_deinit(io);
	else
		io->state = STREAM_READY;
	io->opened(io, error);
}

static void greeted(struct greeting *greeting, int fd)
{
	struct stream *io = container_of(greeting, struct stream, greeting);

	if (fd >= 0)
		io->stream_fd = fd;
	opened(io, fd < 0 ? fd : 0);
}

int stream_open(struct stream *io, const struct guest_address *address, const char *fifo)
{
	int r = *fifo && io->fifo_fd < 0 ? open_fifo(io, fifo) : 0;

	io->state = STREAM_GREETING;
	if (r == 0)
		r = greeting_start(&io->greeting, io->loop, address, greeted);
	if (r < 0)
		stream_deinit(io);
	return r;
}

void stream_uri(const struct stream *io, char *buf, size_t size)
{
	if (io->state == STREAM_IDLE)
		buf[0] = '\0';
	else
		greeting_uri(&io->greeting, buf, size);
}

static void take_output(struct pump *pump, const void *data, size_t len)
{
	struct stream *io = pump->userdata;

	if (io->awaits_reader)
		stream_follow(io);
	if (io->log)
		iolog_write(io->log, io->kind == STREAM_STDERR ? IOLOG_STDERR : IOLOG_STDOUT, data,
			    len);
}

static void closed(struct stream *io)
{
	stream_deinit(io);
	io->closed(io);
}

static void copied(struct pump *pump, int error)
{
	struct stream *io = pump->userdata;

	/* In band: an end of file sent any other way could overtake the bytes before it. */
	if (io->kind == STREAM_STDIN && error == 0) {
		(void)shutdown(io->stream_fd, SHUT_WR);
		io->fifo_fd = fd_close(io->fifo_fd);
		io->state = STREAM_CLOSED;
		io->closed(io);
		return;
	}
	closed(io);
}

void stream_start(struct stream *io)
{
	bool in = io->kind == STREAM_STDIN;
	int r;

	if (io->state != STREAM_READY)
		return;
	/* Output that nobody asked for is still read, and logged. */
	if (io->fifo_fd < 0)
		io->fifo_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	io->state = STREAM_COPYING;
	io->buffer = xmalloc(STREAM_BUFFER);
	io->pump.userdata = io;
	io->pump.done = copied;
	io->pump.tap = in ? NULL : take_output;
	r = pump_start(&io->pump, io->loop, in ? io->fifo_fd : io->stream_fd,
		       in ? io->stream_fd : io->fifo_fd, io->buffer, STREAM_BUFFER);
	if (r < 0)
		closed(io);
}

int stream_start_with(struct stream *io, const char *fifo)
{
	int r = io->state == STREAM_READY ? open_fifo(io, fifo) : 0;

	if (r == 0 && io->input_closed)
		io->keeper_fd = fd_close(io->keeper_fd);
	if (r == 0)
		stream_start(io);
	return r;
}

static bool keeps_both_ends(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	       (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
}

static int reopen(int fd, int how)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, how | O_NONBLOCK | O_CLOEXEC);
}

static bool has_reader(int fd)
{
	struct pollfd end = {.fd = fd, .events = 0};

	return poll(&end, 1, 0) == 0;
}

static void write_to(struct stream *io, int fd)
{
	int before = io->fifo_fd;

	io->fifo_fd = fd;
	if (io->state == STREAM_COPYING)
		pump_set_out(&io->pump, fd);
	fd_close(before);
}

void stream_follow(struct stream *io)
{
	int writer = keeps_both_ends(io->fifo_fd) ? reopen(io->fifo_fd, O_WRONLY) : -EBADF, both;

	io->awaits_reader = false;
	if (writer < 0)
		return;
	write_to(io, writer);
	if (has_reader(writer) || (both = reopen(writer, O_RDWR)) < 0)
		return;
	write_to(io, both);
	io->awaits_reader = true;
}

void stream_close_input(struct stream *io)
{
	io->input_closed = true;
	io->keeper_fd = fd_close(io->keeper_fd);
}
