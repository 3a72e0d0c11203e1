/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest for tests of the vsock device: an init that serves a few simple services on vsock ports,
 * and echoes what comes through a virtio-serial port. One process, one loop.
 *
 *   port 7    echo: sends back what it gets, and ends when the other side has
 *   port 9    sink: compares all it gets with the pattern; then says how much it was
 *   port 10   dial: gets a port and a number, opens so many connections to the host that echo,
 *             and says how many could not be opened
 *   port 11   late: as the sink, but reads nothing before the other side is gone; tells port 5000
 *   port 19   source: gets a number, sends so many bytes of the pattern
 *   port 99   resets the machine
 *
 * Numbers are 64 bits, little-endian. When it serves, it dials port 1024 of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <unistd.h>

#define PERIOD	65521u /* of the pattern; prime */
#define BUF	65536u
#define WRONG	UINT64_MAX
#define LATE_TO 5000
#define READY	1024

enum service {
	SERIAL = 1, /* no port: echo, but it never ends */
	ECHO = 7,
	SINK = 9,
	DIAL = 10,
	LATE = 11,
	SOURCE = 19,
	RESET = 99,
};

/**
 * struct conn - a connection, or what listens for some
 * @service: what to do with it
 * @count: bytes compared, or still to send
 * @buf, @at, @len: bytes to echo
 */
struct conn {
	int fd;
	enum service service;
	bool listens, eof;
	uint64_t count;
	uint8_t *buf;
	uint32_t at, len;
};

static int epoll_fd;
static uint8_t pattern[PERIOD + BUF];

static void die(const char *what)
{
	printf("vsock-init: %s: %s\n", what, strerror(errno));
	reboot(RB_AUTOBOOT);
	exit(1);
}

static struct conn *watch(int fd, enum service service, uint32_t events)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct epoll_event ev = {.events = events, .data.ptr = c};

	if (!c)
		die("memory");
	c->fd = fd;
	c->service = service;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("epoll");
	return c;
}

static void rewatch(struct conn *c, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = c};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		die("epoll");
}

static void finish(struct conn *c)
{
	close(c->fd);
	free(c->buf);
	free(c);
}

static void listen_on(unsigned int port)
{
	const struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_ANY};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 2000) < 0)
		die("listen");
	watch(fd, (enum service)port, EPOLLIN)->listens = true;
}

static int dial(unsigned int port)
{
	const struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_HOST};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Answers are short, and there is always room for them. */
static void say(int fd, uint64_t value)
{
	if (write(fd, &value, sizeof(value)) != sizeof(value))
		printf("vsock-init: cannot answer: %s\n", strerror(errno));
}

/* Return: false: the connection is over. */
static bool flush_echo(struct conn *c)
{
	while (c->len > 0) {
		ssize_t n = write(c->fd, c->buf + c->at, c->len);

		if (n < 0)
			return errno == EAGAIN;
		c->at += (uint32_t)n;
		c->len -= (uint32_t)n;
	}
	c->at = 0;
	return !c->eof;
}

static bool echo(struct conn *c)
{
	ssize_t n;

	if (!c->buf)
		c->buf = malloc(BUF);
	if (!c->buf)
		die("memory");
	if (!flush_echo(c))
		return false;
	while (c->len == 0) {
		n = read(c->fd, c->buf, BUF);
		if (n < 0)
			return errno == EAGAIN;
		c->eof = n == 0 && c->service != SERIAL;
		if (n == 0 && !c->eof)
			return true;
		c->len = (uint32_t)n;
		if (!flush_echo(c))
			return false;
	}
	/* Full: go on when it can be written to, and read no more meanwhile. */
	return true;
}

static bool sink(struct conn *c)
{
	static uint8_t block[BUF];
	ssize_t n;

	while ((n = read(c->fd, block, sizeof(block))) > 0) {
		if (c->count != WRONG && memcmp(block, pattern + c->count % PERIOD, (size_t)n) != 0)
			c->count = WRONG;
		if (c->count != WRONG)
			c->count += (uint64_t)n;
	}
	if (n < 0 && errno == EAGAIN)
		return true;
	if (c->service == LATE) {
		int fd = dial(LATE_TO);

		say(fd, n < 0 ? WRONG : c->count);
		close(fd);
	} else {
		say(c->fd, n < 0 ? WRONG : c->count);
	}
	return false;
}

static bool source(struct conn *c)
{
	if (c->count == 0 && read(c->fd, &c->count, sizeof(c->count)) != sizeof(c->count))
		return errno == EAGAIN;
	/* What is left tells where it is, as the whole is a multiple of the period. */
	while (c->count > 0) {
		uint64_t left = c->count, at = (PERIOD - left % PERIOD) % PERIOD;
		ssize_t n = write(c->fd, pattern + at, left < BUF ? left : BUF);

		if (n < 0)
			return errno == EAGAIN;
		c->count -= (uint64_t)n;
	}
	return false;
}

static bool dial_many(struct conn *c)
{
	uint64_t what[2], failed = 0;

	if (read(c->fd, what, sizeof(what)) != sizeof(what))
		return errno == EAGAIN;
	for (uint64_t i = 0; i < what[1]; i++) {
		int fd = dial((unsigned int)what[0]);

		if (fd < 0) {
			failed++;
			continue;
		}
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		watch(fd, ECHO, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	}
	say(c->fd, failed);
	return false;
}

static bool serve(struct conn *c, uint32_t events)
{
	switch (c->service) {
	case SERIAL:
	case ECHO:
		return echo(c);
	case SINK:
		return sink(c);
	case LATE:
		if (!(events & (EPOLLRDHUP | EPOLLHUP)))
			return true;
		return sink(c);
	case SOURCE:
		return source(c);
	case DIAL:
		return dial_many(c);
	case RESET:
		break;
	}
	sync();
	reboot(RB_AUTOBOOT);
	return false;
}

static void accept_all(const struct conn *listener)
{
	int fd;

	if (listener->service == RESET)
		serve((struct conn *)listener, 0);
	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct conn *c = watch(fd, listener->service, 0);

		/* The first event comes when it is set, even if the bytes are there already. */
		rewatch(c, (listener->service == LATE ? 0u : EPOLLIN | EPOLLOUT) | EPOLLRDHUP |
				   EPOLLET);
	}
}

static void open_serial(void)
{
	int fd = open("/dev/vport0p1", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		fd = open("/dev/vport1p1", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		watch(fd, SERIAL, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void set_up(void)
{
	static const unsigned int ports[] = {ECHO, SINK, DIAL, LATE, SOURCE, RESET};
	int console;

	if (mount("dev", "/dev", "devtmpfs", 0, "") < 0)
		die("/dev");
	console = open("/dev/console", O_RDWR);
	(void)dup2(console, STDOUT_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint32_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i % PERIOD * 7 + (i % PERIOD >> 8));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		listen_on(ports[i]);
	open_serial();
}

int main(void)
{
	struct epoll_event events[64];
	int n, ready;

	set_up();
	ready = dial(READY);
	if (ready < 0)
		die("nobody waits for us");
	say(ready, 0);
	for (;;) {
		n = epoll_wait(epoll_fd, events, 64, -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (c->listens)
				accept_all(c);
			else if (!serve(c, events[i].events))
				finish(c);
		}
	}
}
