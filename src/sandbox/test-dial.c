/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/dial.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"
#include "sandbox/test-guest.h"

static char folder[] = "/tmp/test-dial-XXXXXX";
static struct loop loop;
static struct test_guest guest;
static struct dial dial = DIAL_NULL;
static int n_done, result;

static void done(struct dial *d, int fd)
{
	test_true(d == &dial && d->fd < 0);
	n_done++;
	result = fd;
	loop_quit(&loop, 0);
}

static void begin(const char *answer)
{
	n_done = 0;
	result = 0;
	test_int(loop_init(&loop), 0);
	test_guest_start(&guest, &loop, folder);
	guest.answer = answer;
	test_int(dial_start(&dial, &loop, &guest.address, 1025, done), 0);
}

static void end(void)
{
	dial_stop(&dial);
	dial_stop(&dial);
	test_guest_stop(&guest);
	loop_deinit(&loop);
}

static void what_follows_the_answer_is_kept(void)
{
	char buf[16];

	begin("OK 1073741824\nfirst\n");
	run_until(&loop, n_done == 1);
	test_str(guest.peers[0].line, "CONNECT 1025\n");
	test_int(read(result, buf, sizeof(buf)), 6);
	test_mem(buf, "first\n", 6);
	test_true(fcntl(result, F_GETFL) & O_NONBLOCK);
	test_true(fcntl(result, F_GETFD) & FD_CLOEXEC);
	fd_close(result);
	end();
}

static struct loop_defer turn = LOOP_DEFER_NULL(turn);

static void end_turn(struct loop_defer *d _unused_)
{
	loop_quit(&loop, 0);
}

static void an_answer_may_come_in_bits(void)
{
	begin("O");
	run_until(&loop, guest.n == 1 && guest.peers[0].state == TEST_PEER_ASKED);
	for (const char *p = "K 12\n"; *p; p++) {
		test_int(n_done, 0);
		test_int(send(guest.peers[0].fd, p, 1, MSG_NOSIGNAL), 1);
		loop_defer_start(&loop, &turn, end_turn);
		test_int(loop_run(&loop), 0);
	}
	run_until(&loop, n_done == 1);
	test_true(result >= 0);
	fd_close(result);
	end();
}

static void refused_with(const char *answer, int want)
{
	begin(answer);
	run_until(&loop, n_done == 1);
	if (result != want)
		test_fail("\"%s\" gives %d, not %d", answer, result, want);
	end();
	test_int(n_done, 1);
}

static void other_answers_are_refused(void)
{
	refused_with("", -ECONNREFUSED);
	refused_with("\n", -EPROTO);
	refused_with("OK\n", -EPROTO);
	refused_with("ok 12\n", -EPROTO);
	refused_with("NO 12\n", -EPROTO);
	refused_with("\x7f\x45LF\x01\n", -EPROTO);
	refused_with("HTTP/1.1 200 OK\r\n", -EPROTO);
	/* Without an end, of which not more is read than an answer can have. */
	refused_with("OK 1111111111111111111111111111111111111111111111", -EPROTO);
	refused_with("OK 11111111111111111111111111111", -EPROTO);
}

static void the_longest_answer_fits(void)
{
	begin("OK 1111111111111111111111111111\n");
	run_until(&loop, n_done == 1);
	test_true(result >= 0);
	fd_close(result);
	end();
}

static void an_answer_that_is_cut_is_refused(void)
{
	begin("OK 12");
	run_until(&loop, guest.n == 1 && guest.peers[0].state == TEST_PEER_ASKED);
	test_peer_close(&guest.peers[0]);
	run_until(&loop, n_done == 1);
	test_int(result, -ECONNREFUSED);
	end();
}

static void who_says_nothing_can_be_left(void)
{
	begin(NULL);
	run_until(&loop, guest.n == 1 && guest.peers[0].state == TEST_PEER_ASKED);
	dial_stop(&dial);
	run_until(&loop, guest.peers[0].fd < 0);
	test_int(n_done, 0);
	end();
}

static uint64_t ten_seconds_on(void)
{
	static uint64_t calls;

	return clock_now() + (calls++ > 1 ? 11 * NSEC_PER_SEC : 0);
}

static void who_never_answers_is_left(void)
{
	_cleanup_free_ char *path = path_join(folder, "mute");
	_cleanup_close_ int listener = unix_listen(path);
	struct guest_address address = {.hybrid_path = path};

	n_done = 0;
	test_int(loop_init(&loop), 0);
	loop.now = ten_seconds_on;
	test_int(dial_start(&dial, &loop, &address, 1, done), 0);
	run_until(&loop, n_done == 1);
	test_int(result, -ETIMEDOUT);
	loop_deinit(&loop);
	test_int(unlink(path), 0);
}

static void who_leaves_at_once_is_noticed(void)
{
	_cleanup_free_ char *path = path_join(folder, "rude");
	_cleanup_close_ int listener = unix_listen(path);
	struct guest_address address = {.hybrid_path = path};

	n_done = 0;
	test_int(loop_init(&loop), 0);
	test_int(dial_start(&dial, &loop, &address, 1, done), 0);
	fd_close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	run_until(&loop, n_done == 1);
	test_int(result, -EPIPE);
	loop_deinit(&loop);
	test_int(unlink(path), 0);
}

static void show_out(struct loop_io *io, uint32_t revents _unused_)
{
	fd_close(accept4(io->fd, NULL, NULL, SOCK_CLOEXEC));
}

/* The loop goes on meanwhile: who has got the VMM may never let anybody in. */
static void a_full_backlog_is_waited_for(void)
{
	_cleanup_free_ char *path = path_join(folder, "full");
	_cleanup_close_ int listener = unix_listen(path), first = -EBADF;
	struct guest_address address = {.hybrid_path = path};
	struct loop_io door = LOOP_IO_NULL;

	n_done = 0;
	test_int(listen(listener, 0), 0);
	first = unix_connect_now(path);
	test_int(unix_connect_now(path), -EAGAIN);
	test_int(loop_init(&loop), 0);
	test_int(dial_start(&dial, &loop, &address, 1, done), 0);
	test_true(dial.fd < 0);
	test_int(loop_io_start(&loop, &door, listener, EPOLLIN, show_out), 0);
	run_until(&loop, n_done == 1);
	test_true(result == -EPIPE || result == -ECONNRESET || result == -ECONNREFUSED);
	loop_io_stop(&door);
	loop_deinit(&loop);
	test_int(unlink(path), 0);
}

static void sockets_are_ours_alone(void)
{
	_cleanup_free_ char *path = path_join(folder, "socket");
	struct stat st;
	int fd, stale = unix_listen(path), connected;

	test_true(stale >= 0);
	fd_close(stale);
	test_int(unix_connect(path), -ECONNREFUSED);
	/* What is left of somebody who was killed is replaced. */
	fd = unix_listen(path);
	test_true(fd >= 0);
	test_int(stat(path, &st), 0);
	test_int(st.st_mode & 07777, 0600);
	test_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	connected = unix_connect(path);
	test_true(connected >= 0);
	fd_close(connected);
	fd_close(fd);
	test_int(unlink(path), 0);
	test_int(unix_connect(path), -ENOENT);
	test_true(unix_listen(folder) < 0);
}

/* The folder may be the VMM's, and the VMM the guest's. */
static void links_are_not_followed(void)
{
	_cleanup_free_ char *path = path_join(folder, "socket"), *link = path_join(folder, "link");
	_cleanup_close_ int listener = unix_listen(path);
	struct guest_address address = {.hybrid_path = link};

	test_int(loop_init(&loop), 0);
	test_int(symlink(path, link), 0);
	test_true(dial_start(&dial, &loop, &address, 1, done) < 0);
	address.hybrid_path = folder;
	test_int(dial_start(&dial, &loop, &address, 1, done), -ECONNREFUSED);
	test_int(unlink(link), 0);
	test_int(unlink(path), 0);
	loop_deinit(&loop);
}

static void long_paths_are_refused(void)
{
	struct guest_address address;
	char path[109];
	int fd;

	test_int(loop_init(&loop), 0);
	memset(path, 'x', sizeof(path));
	memcpy(path, folder, strlen(folder));
	path[strlen(folder)] = '/';
	path[108] = '\0';
	address.hybrid_path = path;
	test_int(unix_listen(path), -ENAMETOOLONG);
	test_int(unix_connect(path), -ENAMETOOLONG);
	path[107] = '\0';
	test_int(dial_start(&dial, &loop, &address, 1, done), -ENOENT);
	fd = unix_listen(path);
	test_true(fd >= 0);
	fd_close(fd);
	test_int(unlink(path), 0);
	loop_deinit(&loop);
}

static void who_is_not_on_vsock_is_no_guest(void)
{
	const struct guest_address hybrid = {.hybrid_path = "/vm/vsock"}, vsock = {.cid = 3};
	int fds[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	test_true(guest_is_peer(&hybrid, fds[0]));
	test_true(!guest_is_peer(&vsock, fds[0]));
	test_true(!guest_is_peer(&vsock, -1));
	fd_close(fds[0]);
	fd_close(fds[1]);
}

int main(void)
{
	test_true(mkdtemp(folder));
	test_run(what_follows_the_answer_is_kept);
	test_run(an_answer_may_come_in_bits);
	test_run(other_answers_are_refused);
	test_run(the_longest_answer_fits);
	test_run(an_answer_that_is_cut_is_refused);
	test_run(who_says_nothing_can_be_left);
	test_run(who_never_answers_is_left);
	test_run(who_leaves_at_once_is_noticed);
	test_run(a_full_backlog_is_waited_for);
	test_run(sockets_are_ours_alone);
	test_run(links_are_not_followed);
	test_run(long_paths_are_refused);
	test_run(who_is_not_on_vsock_is_no_guest);
	test_int(rmdir(folder), 0);
	return 0;
}
