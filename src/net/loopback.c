/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/bpf.h"
#include "base/fd.h"

#define BACKLOG 128

#define CTX	BPF_REG_6
#define SOCKET	BPF_REG_7
#define VALUE	BPF_REG_2
#define KEY	((short)-(int)sizeof(uint32_t)) /* on the stack */

/* A jump to where the kernel is left to look for itself. */
#define LEAVE	    0x7fff

#define FIELD(name) ((short)offsetof(struct bpf_sk_lookup, name))

#define MOVE(to, from)                                                                  \
	{                                                                               \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) \
	}
#define SET(to, number)                                                               \
	{                                                                             \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (number) \
	}
#define LOAD(size, field)                                                             \
	{                                                                             \
		.code = BPF_LDX | BPF_MEM | (size), .dst_reg = VALUE, .src_reg = CTX, \
		.off = FIELD(field)                                                   \
	}
#define IF(what, is, number, to)                                                               \
	{                                                                                      \
		.code = BPF_JMP32 | (is), .dst_reg = (what), .off = (to), .imm = (int)(number) \
	}
#define IF_NULL(is, to)                                                   \
	{                                                                 \
		.code = BPF_JMP | (is), .dst_reg = BPF_REG_0, .off = (to) \
	}
#define CALL(function)                                        \
	{                                                     \
		.code = BPF_JMP | BPF_CALL, .imm = (function) \
	}
/* The arguments of a look into a map, by the key on the stack. */
#define LOOK_INTO(map)                                                                   \
	{.code = BPF_LD | BPF_IMM | BPF_DW,                                              \
	 .dst_reg = BPF_REG_1,                                                           \
	 .src_reg = BPF_PSEUDO_MAP_FD,                                                   \
	 .imm = (map)},                                                                  \
		{.code = 0}, MOVE(BPF_REG_2, BPF_REG_10),                                \
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = KEY}, \
		CALL(BPF_FUNC_map_lookup_elem)

/* Return: the program, or negative errno. */
static int load(int socket, int others)
{
	struct bpf_insn insns[] = {
		MOVE(CTX, BPF_REG_1),
		LOAD(BPF_W, protocol),
		IF(VALUE, BPF_JNE, IPPROTO_TCP, LEAVE),
		/* Of a packet of IPv6 it is 0, and the other way round. */
		LOAD(BPF_W, local_ip4),
		IF(VALUE, BPF_JEQ, htonl(INADDR_LOOPBACK), 8),
		LOAD(BPF_W, local_ip6[0]),
		IF(VALUE, BPF_JNE, 0, LEAVE),
		LOAD(BPF_W, local_ip6[1]),
		IF(VALUE, BPF_JNE, 0, LEAVE),
		LOAD(BPF_W, local_ip6[2]),
		IF(VALUE, BPF_JNE, 0, LEAVE),
		LOAD(BPF_W, local_ip6[3]),
		IF(VALUE, BPF_JNE, htonl(1), LEAVE),
		/* Does it come from us? */
		LOAD(BPF_H, remote_port),
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_10,
		 .src_reg = VALUE,
		 .off = KEY},
		LOOK_INTO(others),
		IF_NULL(BPF_JNE, LEAVE),
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = KEY},
		LOOK_INTO(socket),
		IF_NULL(BPF_JEQ, LEAVE),
		MOVE(SOCKET, BPF_REG_0),
		MOVE(BPF_REG_1, CTX),
		MOVE(BPF_REG_2, SOCKET),
		SET(BPF_REG_3, 0),
		CALL(BPF_FUNC_sk_assign),
		MOVE(BPF_REG_1, SOCKET),
		CALL(BPF_FUNC_sk_release),
		SET(BPF_REG_0, SK_PASS),
		{.code = BPF_JMP | BPF_EXIT},
	};
	const size_t n = ARRAY_SIZE(insns), leave = n - 2;

	for (size_t i = 0; i < n; i++)
		if (insns[i].off == LEAVE)
			insns[i].off = (short)(leave - i - 1);
	return bpf_program(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, insns, n);
}

static int attach(int listener, int others)
{
	_cleanup_close_ int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int map = -EBADF, program = -EBADF;
	int r;

	if (netns < 0)
		return -errno;
	map = bpf_map(BPF_MAP_TYPE_SOCKMAP, 1);
	if (map < 0)
		return map;
	r = bpf_map_put(map, 0, (uint32_t)listener);
	if (r < 0)
		return r;
	program = load(map, others);
	return program < 0 ? program : bpf_attach(program, netns, BPF_SK_LOOKUP);
}

/* 127.0.0.1, in the newest family that there is. */
static int make_socket(struct net_loopback_peer *ret)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*ret = (struct net_loopback_peer){
		.address.six = {.sin6_family = AF_INET6,
				.sin6_addr.s6_addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}},
		.len = sizeof(ret->address.six)};
	if (fd < 0 && errno == EAFNOSUPPORT) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		*ret = (struct net_loopback_peer){
			.address.four = {.sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
			.len = sizeof(ret->address.four)};
	}
	return fd < 0 ? -errno : fd;
}

/*
 * One for both families: of its address the program makes nothing, but not to be of IPv6 alone, as one at ::1 would be. lo may not
 * be up yet (IP_FREEBIND). The kernel's sockets of connections are like it, so SO_REUSEADDR lets others listen at the ports of
 * those.
 */
static int make_listener(void)
{
	struct net_loopback_peer own;
	_cleanup_close_ int fd = make_socket(&own);
	const int on = 1, off = 0;

	if (fd < 0)
		return fd;
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&own.address, own.len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(fd);
}

static int name_of(int fd, struct net_loopback_peer *ret)
{
	ret->len = sizeof(ret->address);
	return getsockname(fd, (struct sockaddr *)&ret->address, &ret->len) < 0 ? -errno : 0;
}

int net_loopback_open(struct net_loopback *l, struct err *err)
{
	struct net_loopback_peer own;
	int r;

	l->fd = make_listener();
	r = l->fd < 0 ? l->fd : name_of(l->fd, &own);
	if (r == 0) {
		l->port = own.address.six.sin6_port;
		r = l->others = bpf_map(BPF_MAP_TYPE_HASH, NET_LOOPBACK_OTHERS);
	}
	if (r >= 0)
		r = l->link = attach(l->fd, l->others);
	if (r >= 0)
		return 0;
	net_loopback_close(l);
	return err_errno(
		err, r,
		"no program of BPF can be attached to a network namespace (since Linux 5.9)");
}

void net_loopback_close(struct net_loopback *l)
{
	l->link = fd_close(l->link);
	l->others = fd_close(l->others);
	l->fd = fd_close(l->fd);
}

int net_loopback_accept(const struct net_loopback *l, struct net_loopback_peer *ret)
{
	_cleanup_close_ int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r = fd < 0 ? -errno : name_of(fd, ret);

	return r < 0 ? r : take_fd(fd);
}

bool net_loopback_is_six(const struct net_loopback_peer *peer)
{
	return peer->address.six.sin6_family == AF_INET6 &&
	       !IN6_IS_ADDR_V4MAPPED(&peer->address.six.sin6_addr);
}

uint16_t net_loopback_port(const struct net_loopback_peer *peer)
{
	return ntohs(peer->address.six.sin6_port);
}

/* Return: a socket that is bound to an address, or negative errno. */
static int bound_to(const struct net_loopback_peer *peer, bool reuse)
{
	_cleanup_close_ int fd = socket(peer->address.six.sin6_family,
					SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = reuse;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&peer->address, peer->len) < 0)
		return -errno;
	return take_fd(fd);
}

/* Nobody may be bound to where somebody listens. Return: 0; -ENOENT: nobody does; another negative errno. */
static int look_for_other(const struct net_loopback *l, const struct net_loopback_peer *peer)
{
	_cleanup_close_ int fd = bound_to(peer, true);

	if (fd >= 0 || peer->address.six.sin6_port == l->port)
		return -ENOENT;
	return fd == -EADDRINUSE ? 0 : fd;
}

int net_loopback_other(const struct net_loopback *l, const struct net_loopback_peer *peer,
		       in_port_t *ret_from)
{
	struct net_loopback_peer from = *peer;
	_cleanup_close_ int fd = -EBADF;
	int r = look_for_other(l, peer);

	if (r < 0)
		return r;
	from.address.six.sin6_port = 0;
	fd = bound_to(&from, false);
	r = fd < 0 ? fd : name_of(fd, &from);
	if (r == 0)
		r = bpf_map_put(l->others, from.address.six.sin6_port, 1);
	if (r < 0)
		return r;
	if (connect(fd, (const struct sockaddr *)&peer->address, peer->len) < 0 &&
	    errno != EINPROGRESS) {
		r = errno == ECONNREFUSED ? -ENOENT : -errno;
		net_loopback_forget(l, from.address.six.sin6_port);
		return r;
	}
	*ret_from = from.address.six.sin6_port;
	return take_fd(fd);
}

void net_loopback_forget(const struct net_loopback *l, in_port_t from)
{
	bpf_map_remove(l->others, from);
}
