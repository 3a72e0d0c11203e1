/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "sandbox/test-guest.h"

static char folder[] = "/tmp/test-stream-XXXXXX";
static char *fifo;
static struct loop loop;
static struct test_guest guest;
static struct stream stream;
static struct test_peer *peer;
static int n_opened, n_closed, open_error;
static char refusal[300];

static void opened(struct stream *io, int error)
{
	test_true(io == &stream);
	n_opened++;
	open_error = error;
	(void)snprintf(refusal, sizeof(refusal), "%s",
		       io->greeting.refusal ? io->greeting.refusal : "");
	loop_quit(&loop, 0);
}

static void closed(struct stream *io)
{
	test_true(io == &stream && stream_done(io));
	n_closed++;
	loop_quit(&loop, 0);
}

static void begin(enum stream_kind kind)
{
	n_opened = n_closed = 0;
	test_int(loop_init(&loop), 0);
	test_int(mkfifo(fifo, 0600), 0);
	test_guest_start(&guest, &loop, folder);
	stream_init(&stream, kind, &loop);
	stream.opened = opened;
	stream.closed = closed;
}

static void end(void)
{
	stream_deinit(&stream);
	stream_deinit(&stream);
	test_true(stream_done(&stream));
	test_guest_stop(&guest);
	test_int(unlink(fifo), 0);
	loop_deinit(&loop);
}

static void open_and_start(const char *path)
{
	test_int(stream_open(&stream, &guest.address, path), 0);
	run_until(&loop, n_opened == 1);
	test_int(open_error, 0);
	test_int(stream.state, STREAM_READY);
	peer = test_guest_stream(&guest, "std");
	test_true(peer);
	stream_start(&stream);
	test_int(stream.state, STREAM_COPYING);
}

static int user_end(int flags)
{
	int fd = open(fifo, flags | O_NONBLOCK | O_CLOEXEC);

	test_true(fd >= 0);
	return fd;
}

static void output_reaches_its_user_and_ends(void)
{
	char uri[128], want[128], buf[16];
	int user;

	begin(STREAM_STDOUT);
	user = user_end(O_RDONLY);
	open_and_start(fifo);
	stream_uri(&stream, uri, sizeof(uri));
	(void)snprintf(want, sizeof(want), "stream://%s", peer->line);
	test_str(uri, want);
	test_int(send(peer->fd, "out\0put", 7, MSG_NOSIGNAL), 7);
	test_peer_close(peer);
	run_until(&loop, n_closed == 1);
	test_int(read(user, buf, sizeof(buf)), 7);
	test_mem(buf, "out\0put", 7);
	test_int(read(user, buf, sizeof(buf)), 0);
	fd_close(user);
	end();
	test_int(n_closed, 1);
}

static void output_is_logged_with_and_without_a_user(void)
{
	struct iolog log = IOLOG_NULL;
	struct iolog_reader reader;
	int dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[16];

	begin(STREAM_STDERR);
	test_int(iolog_open(&log, dirfd, "log"), 0);
	stream.log = &log;
	open_and_start("");
	test_int(send(peer->fd, "oops", 4, MSG_NOSIGNAL), 4);
	test_peer_close(peer);
	run_until(&loop, n_closed == 1);
	reader = (struct iolog_reader){.fd = openat(dirfd, "log", O_RDONLY | O_CLOEXEC)};
	test_int(iolog_read(&reader, buf, sizeof(buf)), 4);
	test_mem(buf, "oops", 4);
	test_int(reader.stream, IOLOG_STDERR);
	fd_close(reader.fd);
	iolog_close(&log);
	test_int(unlinkat(dirfd, "log", 0), 0);
	fd_close(dirfd);
	end();
}

/* The process is to get SIGPIPE: its end of the stream must break. */
static void a_user_who_leaves_breaks_the_stream(void)
{
	char byte;
	int user;

	begin(STREAM_STDOUT);
	user = user_end(O_RDONLY);
	open_and_start(fifo);
	fd_close(user);
	run_until(&loop, n_closed == 1);
	test_int(read(peer->fd, &byte, 1), 0);
	end();
}

static void readable(struct loop_io *io _unused_, uint32_t revents _unused_)
{
	loop_quit(&loop, 0);
}

/* Nobody is missed before somebody comes, who is followed then. */
static void a_user_may_be_late(void)
{
	struct loop_io io = LOOP_IO_NULL;
	char byte;
	int user;

	begin(STREAM_STDOUT);
	stream.fifo_fd = user_end(O_RDWR);
	open_and_start(fifo);
	stream_follow(&stream);
	test_int(send(peer->fd, "x", 1, MSG_NOSIGNAL), 1);
	user = user_end(O_RDONLY);
	test_int(loop_io_start(&loop, &io, user, EPOLLIN, readable), 0);
	(void)loop_run(&loop);
	loop_io_stop(&io);
	test_int(read(user, &byte, 1), 1);
	test_int(n_closed, 0);
	fd_close(user);
	run_until(&loop, n_closed == 1);
	test_int(read(peer->fd, &byte, 1), 0);
	end();
}

static void input_ends_when_it_is_closed_only(void)
{
	struct loop_io watch = LOOP_IO_NULL;
	int first, second;
	char buf[16];

	begin(STREAM_STDIN);
	first = user_end(O_RDWR);
	open_and_start(fifo);
	test_int(write(first, "one", 3), 3);
	fd_close(first);
	test_int(loop_io_start(&loop, &watch, peer->fd, EPOLLIN, readable), 0);
	run_until(&loop, recv(peer->fd, buf, 3, MSG_PEEK | MSG_DONTWAIT) == 3);
	loop_io_stop(&watch);
	/* Its last writer has gone, but the next one may come. */
	test_int(n_closed, 0);
	second = user_end(O_WRONLY);
	test_int(write(second, "two", 3), 3);
	stream_close_input(&stream);
	stream_close_input(&stream);
	fd_close(second);
	run_until(&loop, n_closed == 1);
	test_int(fd_read_full(peer->fd, buf, sizeof(buf)), 6);
	test_mem(buf, "onetwo", 6);
	end();
}

static void refused_with(const char *answer, const char *greeting, size_t len, int want)
{
	begin(STREAM_STDOUT);
	guest.answer = answer;
	guest.greeting = greeting;
	guest.greeting_len = len;
	test_int(stream_open(&stream, &guest.address, ""), 0);
	run_until(&loop, n_opened == 1);
	test_int(open_error, want);
	test_true(stream_done(&stream));
	stream_start(&stream);
	test_int(stream.state, STREAM_CLOSED);
	end();
	test_int(n_opened, 1);
	test_int(n_closed, 0);
}

static void a_guest_may_refuse(void)
{
	static const char error[] = "\0\0\0\x0fno such process";
	static const char ugly[] = "\0\0\0\x06"
				   "a\033[m\0\n, and more";
	char same[32] = "\0\0\0", longest[4 + 256] = "\0\0\x01";

	refused_with("", NULL, 0, -ECONNREFUSED);
	refused_with("go away\n", NULL, 0, -EPROTO);
	refused_with("OK 1\n", "", 0, -EPROTO);
	test_str(refusal, "");
	refused_with("OK 1\n", error, sizeof(error) - 1, -EPROTO);
	test_str(refusal, "no such process");
	/* Nothing of it moves a terminal's cursor; what follows is no part of it. */
	refused_with("OK 1\n", ugly, sizeof(ugly) - 1, -EPROTO);
	test_str(refusal, "a?[m? ");
	/* As long as our id, and as long as can be. */
	same[3] = (char)strlen(stream.greeting.id);
	memset(same + 4, 'x', strlen(stream.greeting.id));
	refused_with("OK 1\n", same, 4 + strlen(stream.greeting.id), -EPROTO);
	test_str(refusal, same + 4);
	memset(longest + 4, 'y', 256);
	refused_with("OK 1\n", longest, sizeof(longest), -EPROTO);
	test_int(strlen(refusal), 256);
	refused_with("OK 1\n", "\0\0\0\0", 4, -EPROTO);
	test_str(refusal, "");
	refused_with("OK 1\n", "\xff\xff\xff\xffgarbage", 11, -EPROTO);
}

static struct loop_defer turn = LOOP_DEFER_NULL(turn);

static void end_turn(struct loop_defer *d _unused_)
{
	loop_quit(&loop, 0);
}

static void a_cut_greeting_is_waited_for(void)
{
	uint32_t len;

	begin(STREAM_STDOUT);
	guest.greeting = "\0";
	guest.greeting_len = 1;
	test_int(stream_open(&stream, &guest.address, ""), 0);
	run_until(&loop, test_guest_stream(&guest, "stdout"));
	while (stream.greeting.answer_len == 0) {
		loop_defer_start(&loop, &turn, end_turn);
		test_int(loop_run(&loop), 0);
	}
	peer = test_guest_stream(&guest, "stdout");
	len = htonl((uint32_t)strlen(peer->line));
	test_int(send(peer->fd, (char *)&len + 1, 3, MSG_NOSIGNAL), 3);
	test_int(n_opened, 0);
	test_int(send(peer->fd, peer->line, strlen(peer->line), MSG_NOSIGNAL), strlen(peer->line));
	/* What follows at once is output already. */
	test_int(send(peer->fd, "x", 1, MSG_NOSIGNAL), 1);
	run_until(&loop, n_opened == 1);
	test_int(open_error, 0);
	test_int(stream.state, STREAM_READY);
	test_int(recv(stream.stream_fd, &len, 4, MSG_PEEK), 1);
	end();
}

static void what_cannot_be_opened_is_told_at_once(void)
{
	struct guest_address nowhere = {.hybrid_path = "/nonexistent/vsock"};
	char uri[16] = "?";

	begin(STREAM_STDOUT);
	stream_uri(&stream, uri, sizeof(uri));
	test_str(uri, "");
	stream_start(&stream);
	test_int(stream.state, STREAM_IDLE);
	test_int(stream_open(&stream, &guest.address, "/nonexistent/fifo"), -ENOENT);
	test_true(stream_done(&stream));
	test_int(guest.n, 0);
	stream_init(&stream, STREAM_STDOUT, &loop);
	test_int(stream_open(&stream, &nowhere, fifo), -ENOENT);
	test_true(stream_done(&stream) && stream.fifo_fd < 0);
	end();
	test_int(n_opened + n_closed, 0);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	test_true(mkdtemp(folder));
	fifo = path_join(folder, "fifo");
	test_run(output_reaches_its_user_and_ends);
	test_run(output_is_logged_with_and_without_a_user);
	test_run(a_user_who_leaves_breaks_the_stream);
	test_run(a_user_may_be_late);
	test_run(input_ends_when_it_is_closed_only);
	test_run(a_guest_may_refuse);
	test_run(a_cut_greeting_is_waited_for);
	test_run(what_cannot_be_opened_is_told_at_once);
	test_int(rmdir(folder), 0);
	free(fifo);
	return 0;
}
