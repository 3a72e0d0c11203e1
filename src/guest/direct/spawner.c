/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "guest/pidns.h"

/* Of small orders, as many as there can be execs; the kernel counts twice what it is asked for. */
#define SOCKET_BUFFER (2 << 20)

int spawner_init(struct spawner *s, struct loop *loop, size_t n,
		 void (*late)(struct spawner *spawner))
{
	void *slots = mmap(NULL, n * sizeof(*s->slots), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (slots == MAP_FAILED)
		return -ENOMEM;
	*s = (struct spawner){
		.loop = loop, .slots = slots, .pidfd = -EBADF, .sock = -EBADF, .late = late};
	for (size_t i = 0; i < ARRAY_SIZE(s->retired); i++)
		s->retired[i] = -EBADF;
	loop_timer_init(&s->deadline);
	return 0;
}

static void forget_retired(struct spawner *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->retired); i++)
		s->retired[i] = fd_close(s->retired[i]);
}

void spawner_deinit(struct spawner *s, size_t n)
{
	if (!s->slots)
		return;
	spawner_stop(s);
	forget_retired(s);
	(void)munmap(take_ptr(s->slots), n * sizeof(*s->slots));
}

static int fork_it(struct spawner *s, const struct spawner_place *place)
{
	int pair[2], pidfd, size = SOCKET_BUFFER, r = pidns_come_home();
	pid_t pid;

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	pid = fork();
	if (pid == 0)
		spawner_run(place, pair[1]);
	pidfd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	r = pidfd < 0 ? -errno : 0;
	fd_close(pair[1]);
	/* One that is there already sees that nobody has orders for it. */
	if (r < 0) {
		fd_close(pair[0]);
		return r;
	}
	s->sock = pair[0];
	s->pidfd = pidfd;
	s->capabilities = place->capabilities;
	return 0;
}

static bool has_ended(int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	return poll(&end, 1, 0) != 0;
}

/* It still has to carry out what it was sent, and may have to be killed for that. */
static int retire(struct spawner *s)
{
	size_t i = 0;

	while (s->busy > 0 && i < ARRAY_SIZE(s->retired) && s->retired[i] >= 0 &&
	       !has_ended(s->retired[i]))
		i++;
	if (i == ARRAY_SIZE(s->retired))
		return -EAGAIN;
	if (s->busy > 0) {
		fd_close(s->retired[i]);
		s->retired[i] = take_fd(s->pidfd);
	}
	spawner_stop(s);
	return 0;
}

static int ensure(struct spawner *s, const struct spawner_place *place)
{
	int r = 0;

	if (s->sock >= 0 && s->capabilities != place->capabilities)
		r = retire(s);
	if (r == 0 && s->sock < 0)
		r = fork_it(s, place);
	return r;
}

static size_t gather_fds(struct spawner_order *order, int ctl, const int stdio[3], int fds[])
{
	size_t n = 0;

	fds[n++] = ctl;
	for (int i = 0; i < 3; i++) {
		order->stdio[i] = stdio[i] >= 0;
		if (stdio[i] >= 0)
			fds[n++] = stdio[i];
	}
	return n;
}

static int send_message(int sock, struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(SPAWNER_FDS_MAX * sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = n_iov,
			     .msg_control = control.bytes,
			     .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Return: a file with the message in it. */
static int make_file(const void *spec, size_t len)
{
	_cleanup_close_ int fd = memfd_create("spec", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_full(fd, spec, len);

	return r < 0 ? r : take_fd(fd);
}

/* One that was killed is noticed here. */
static int send_or_restart(struct spawner *s, const struct spawner_place *place, struct iovec *iov,
			   size_t n_iov, const int *fds, size_t n_fds)
{
	int r = send_message(s->sock, iov, n_iov, fds, n_fds);

	if (r != -EPIPE && r != -ECONNRESET)
		return r;
	spawner_stop(s);
	r = fork_it(s, place);
	return r < 0 ? r : send_message(s->sock, iov, n_iov, fds, n_fds);
}

static void too_late(struct loop_timer *timer)
{
	struct spawner *s = container_of(timer, struct spawner, deadline);

	loop_timer_start(s->loop, &s->deadline, loop_now(s->loop) + SPAWNER_SECONDS * NSEC_PER_SEC,
			 too_late);
	s->late(s);
}

static void watch(struct spawner *s)
{
	if (s->busy > 0)
		loop_timer_start(s->loop, &s->deadline,
				 loop_now(s->loop) + SPAWNER_SECONDS * NSEC_PER_SEC, too_late);
	else
		loop_timer_stop(&s->deadline);
}

int spawner_send(struct spawner *s, const struct spawner_place *place,
		 const struct spawner_order *wanted, int ctl, const int stdio[3], const void *spec)
{
	struct spawner_order order = *wanted;
	struct iovec iov[] = {{.iov_base = &order, .iov_len = sizeof(order)},
			      {.iov_base = (void *)spec, .iov_len = order.spec_len}};
	_cleanup_close_ int file = -EBADF;
	int fds[SPAWNER_FDS_MAX], r = ensure(s, place);
	size_t n = gather_fds(&order, ctl, stdio, fds);

	order.serial = ++s->serial;
	order.in_file = order.spec_len > SPAWNER_INLINE_MAX;
	if (r == 0 && order.in_file) {
		file = make_file(spec, order.spec_len);
		fds[n++] = file;
		r = file < 0 ? file : 0;
	}
	if (r < 0)
		return r;
	__atomic_store_n(&s->slots[order.slot].both, 0, __ATOMIC_SEQ_CST);
	r = send_or_restart(s, place, iov, order.in_file ? 1 : 2, fds, n);
	if (r < 0)
		return r;
	s->busy++;
	if (s->busy == 1)
		watch(s);
	return 0;
}

void spawner_done(struct spawner *s)
{
	s->busy--;
	if (s->busy == 0)
		forget_retired(s);
	watch(s);
}

pid_t spawner_signal(struct spawner *s, uint32_t number, int signo)
{
	union spawner_slot *slot = &s->slots[number];
	union spawner_slot seen = {.both = __atomic_load_n(&slot->both, __ATOMIC_SEQ_CST)};
	union spawner_slot wanted = {.signo = signo};

	while (seen.pid == 0) {
		/* 0 asks whether it is there; and nothing comes after SIGKILL. */
		if (signo == 0 || seen.signo == SIGKILL)
			return 0;
		if (__atomic_compare_exchange_n(&slot->both, &seen.both, wanted.both, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return 0;
	}
	return seen.pid;
}

static void kill_one(int pidfd)
{
	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

void spawner_kill(struct spawner *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->retired); i++)
		kill_one(s->retired[i]);
	forget_retired(s);
	kill_one(s->pidfd);
	spawner_stop(s);
}

void spawner_stop(struct spawner *s)
{
	s->sock = fd_close(s->sock);
	s->pidfd = fd_close(s->pidfd);
}
