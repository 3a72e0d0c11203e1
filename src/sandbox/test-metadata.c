/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"

/* Guests are unix sockets, as those behind caisson-vsockd are. */

static struct loop loop;
static struct metadata metadata;
static struct err err;
static char dir[] = "/tmp/caisson-test.XXXXXX";
static char *guest_path, *host_path, *file_path;

static void write_file(const char *data, size_t len)
{
	int fd = open(file_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	test_int(fd_write_full(fd, data, len), 0);
	fd_close(fd);
}

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	metadata_init(&metadata);
	test_true(!metadata_configured(&metadata));
}

static void serve(void)
{
	test_true(metadata_configured(&metadata));
	test_int(metadata_serve(&metadata, &loop, unix_listen(guest_path), 0), 0);
}

static void end(void)
{
	metadata_stop(&metadata);
	metadata_stop(&metadata);
	loop_deinit(&loop);
}

static void turn_over(struct loop_defer *defer)
{
	(void)defer;
	loop_quit(&loop, 0);
}

/* Until nothing is ready any more. */
static void settle(void)
{
	for (int i = 0; i < 100; i++) {
		struct loop_defer defer = LOOP_DEFER_NULL(defer);

		loop_defer_start(&loop, &defer, turn_over);
		test_int(loop_run(&loop), 0);
	}
}

static size_t places_taken(void)
{
	size_t n = 0;

	for (int i = 0; i < METADATA_CONNS_MAX; i++)
		n += metadata.conns[i].fd >= 0;
	return n;
}

/* Reads what is there. Return: length; @ret_eof: was it all? */
static size_t take(int fd, char *buf, size_t size, bool *ret_eof)
{
	size_t len = 0;
	ssize_t n = -1;

	errno = 0;
	while (len < size && (n = recv(fd, buf + len, size - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	*ret_eof = n == 0 || (n < 0 && errno == ECONNRESET);
	return len;
}

static void expect(int fd, const char *want)
{
	char buf[4096];
	bool eof;
	size_t len;

	settle();
	len = take(fd, buf, sizeof(buf) - 1, &eof);
	buf[len] = '\0';
	test_str(buf, want);
}

static void expect_end(int fd, const char *want)
{
	char buf[4096];
	bool eof;

	settle();
	buf[take(fd, buf, sizeof(buf) - 1, &eof)] = '\0';
	test_str(buf, want);
	test_true(eof);
}

static void the_file_as_it_was(void)
{
	int first, second;

	begin();
	write_file("token", 5);
	test_int(metadata_load(&metadata, file_path, &err), 0);
	write_file("later", 5);
	serve();
	first = unix_connect(guest_path);
	second = unix_connect(guest_path);
	expect_end(first, "token");
	expect_end(second, "token");
	test_int(places_taken(), 2);
	fd_close(first);
	fd_close(second);
	settle();
	test_int(places_taken(), 0);
	end();
}

static void an_empty_file(void)
{
	int fd;

	begin();
	write_file("", 0);
	test_int(metadata_load(&metadata, file_path, &err), 0);
	serve();
	fd = unix_connect(guest_path);
	expect_end(fd, "");
	fd_close(fd);
	end();
}

static void what_cannot_be_served(void)
{
	static char large[METADATA_BYTES_MAX + 1];
	_cleanup_free_ char *fifo = path_join(dir, "fifo");

	begin();
	write_file(large, sizeof(large));
	test_int(metadata_load(&metadata, file_path, &err), -EFBIG);
	test_true(strstr(err.text, file_path) && strstr(err.text, "larger than 1048576"));
	test_int(metadata_load(&metadata, "/no/such/file", &err), -ENOENT);
	test_true(strstr(err.text, "--supervisor-config /no/such/file: No such") != NULL);
	test_int(metadata_load(&metadata, dir, &err), -EINVAL);
	test_int(mkfifo(fifo, 0600), 0);
	test_int(metadata_load(&metadata, fifo, &err), -EINVAL);
	test_true(!metadata_configured(&metadata));
	end();
}

/* Those who take nothing, or talk, hold up nobody but themselves. */
static void slow_ones(void)
{
	static char large[METADATA_BYTES_MAX], back[METADATA_BYTES_MAX + 1];
	int fds[METADATA_CONNS_MAX], late, quick;
	size_t len = 0;
	bool eof = false;

	memset(large, 'x', sizeof(large));
	begin();
	write_file(large, sizeof(large));
	test_int(metadata_load(&metadata, file_path, &err), 0);
	serve();
	for (int i = 0; i < METADATA_CONNS_MAX - 1; i++) {
		fds[i] = unix_connect(guest_path);
		test_true(send(fds[i], large, sizeof(large), MSG_DONTWAIT) > 0);
		settle();
	}
	quick = unix_connect(guest_path);
	while (!eof) {
		settle();
		len += take(quick, back + len, sizeof(back) - len, &eof);
	}
	test_int(len, sizeof(large));
	test_mem(back, large, sizeof(large));
	/* One more than there are places waits for one. */
	late = unix_connect(guest_path);
	settle();
	test_int(places_taken(), METADATA_CONNS_MAX);
	test_int(take(late, back, 10, &eof), 0);
	test_true(!eof);
	fd_close(quick);
	settle();
	test_int(take(late, back, 10, &eof), 10);
	/* And nobody has it for ever. */
	for (int i = 0; i < METADATA_CONNS_MAX; i++) {
		struct loop_timer *patience = &metadata.conns[i].patience;

		test_true(patience->deadline <= clock_now() + METADATA_PATIENCE_NS);
		loop_timer_start(&loop, patience, clock_now(), patience->callback);
	}
	settle();
	test_int(places_taken(), 0);
	for (int i = 0; i < METADATA_CONNS_MAX - 1; i++)
		fd_close(fds[i]);
	fd_close(late);
	end();
}

static void one_who_has_said_all_still_reads(void)
{
	int fd;

	begin();
	write_file("token", 5);
	test_int(metadata_load(&metadata, file_path, &err), 0);
	serve();
	fd = unix_connect(guest_path);
	test_int(send(fd, "GET /", 5, 0), 5);
	test_int(shutdown(fd, SHUT_WR), 0);
	expect_end(fd, "token");
	test_int(places_taken(), 0);
	fd_close(fd);
	end();
}

static void others_answer(void)
{
	int listener, guest, host;

	begin();
	listener = unix_listen(host_path);
	metadata_forward(&metadata, host_path, "vm-1");
	serve();
	guest = unix_connect(guest_path);
	settle();
	host = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	expect(host, "caisson 1 vm-1\n");
	test_int(send(guest, "question", 8, 0), 8);
	expect(host, "question");
	test_int(send(host, "answer", 6, 0), 6);
	expect(guest, "answer");
	/* Half-closes are passed on, one and the other. */
	test_int(shutdown(guest, SHUT_WR), 0);
	expect_end(host, "");
	test_int(send(host, "more", 4, 0), 4);
	test_int(shutdown(host, SHUT_WR), 0);
	expect_end(guest, "more");
	test_int(places_taken(), 0);
	fd_close(host);
	fd_close(guest);
	fd_close(listener);
	end();
}

/* The guest says something and is gone. */
static void last_words_arrive(void)
{
	int listener, guest, host;

	begin();
	listener = unix_listen(host_path);
	metadata_forward(&metadata, host_path, "vm-1");
	serve();
	guest = unix_connect(guest_path);
	test_int(send(guest, "bye", 3, 0), 3);
	fd_close(guest);
	settle();
	host = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	expect_end(host, "caisson 1 vm-1\nbye");
	fd_close(host);
	settle();
	test_int(places_taken(), 0);
	fd_close(listener);
	end();
}

static int quick = -EBADF;

/* In place of the C library's: a host that is quicker than our first words, where @quick is set. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
	int host = quick < 0 ? -EBADF : accept4(quick, NULL, NULL, SOCK_CLOEXEC);

	quick = -EBADF;
	if (host >= 0) {
		test_int(fd_write_full(host, "answer", 6), 0);
		fd_close(host);
	}
	return sendto(fd, data, len, flags, NULL, 0);
}

static void quick_ones_are_heard(void)
{
	int listener, guest;

	begin();
	listener = unix_listen(host_path);
	metadata_forward(&metadata, host_path, "vm-1");
	serve();
	guest = unix_connect(guest_path);
	quick = listener;
	expect_end(guest, "answer");
	fd_close(guest);
	settle();
	test_int(places_taken(), 0);
	fd_close(listener);
	end();
}

static void nobody_answers(void)
{
	int listener, guest;

	begin();
	(void)unlink(host_path);
	metadata_forward(&metadata, host_path, "vm-1");
	serve();
	guest = unix_connect(guest_path);
	expect_end(guest, "");
	fd_close(guest);
	/* One who goes at once. */
	listener = unix_listen(host_path);
	guest = unix_connect(guest_path);
	settle();
	fd_close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	expect_end(guest, "");
	settle();
	(void)send(guest, "x", 1, MSG_NOSIGNAL);
	fd_close(guest);
	settle();
	test_int(places_taken(), 0);
	fd_close(listener);
	end();
}

int main(void)
{
	test_true(mkdtemp(dir) != NULL);
	guest_path = path_join(dir, "guest");
	host_path = path_join(dir, "host");
	file_path = path_join(dir, "file");
	test_run(the_file_as_it_was);
	test_run(an_empty_file);
	test_run(what_cannot_be_served);
	test_run(slow_ones);
	test_run(one_who_has_said_all_still_reads);
	test_run(others_answer);
	test_run(last_words_arrive);
	test_run(quick_ones_are_heard);
	test_run(nobody_answers);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	free(guest_path);
	free(host_path);
	free(file_path);
	return 0;
}
