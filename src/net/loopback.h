/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * What is connected to at 127.0.0.1 and ::1 of a network namespace leads to one socket, whatever the port.
 *
 * Where the kernel looks for who listens, a program names that socket (BPF_PROG_TYPE_SK_LOOKUP, since Linux 5.9).
 * So there is no rule in any table that could stay behind, no packet is changed, and what it was that a client connected
 * to is the socket's own address. The program comes before all others who listen; to them leads net_loopback_other().
 */

/* As many connections to others are known at a time. */
#define NET_LOOPBACK_OTHERS 64

/**
 * struct net_loopback - of a namespace
 * @fd: listens, non-blocking
 * @link: by which the program is there
 * @others: a map of the ports that our connections to others come from: the program leaves them alone
 * @port: that @fd has itself, in network order
 */
struct net_loopback {
	int fd, link, others;
	in_port_t port;
};

#define NET_LOOPBACK_NULL                                      \
	{                                                      \
		.fd = -EBADF, .link = -EBADF, .others = -EBADF \
	}

/**
 * struct net_loopback_peer - what a client connected to
 * @address: of IPv6, also for 127.0.0.1 (::ffff:127.0.0.1), but of IPv4 where the kernel has nothing else
 */
struct net_loopback_peer {
	union {
		struct sockaddr_in6 six;
		struct sockaddr_in four;
	} address;
	socklen_t len;
};

/**
 * net_loopback_open() - in the namespace that the calling thread is in
 *
 * Return: 0; or negative errno with a message, and nothing is open.
 */
int net_loopback_open(struct net_loopback *loopback, struct err *err);

/** net_loopback_close() - as before; connections stay. May be called again. */
void net_loopback_close(struct net_loopback *loopback);

/**
 * net_loopback_accept() - take a connection
 * @ret: what it is to
 *
 * Return: a descriptor, non-blocking, or negative errno.
 */
int net_loopback_accept(const struct net_loopback *loopback, struct net_loopback_peer *ret);

/** net_loopback_is_six() - is it ::1? */
bool net_loopback_is_six(const struct net_loopback_peer *peer);

/** net_loopback_port() - Return: which, in host order */
uint16_t net_loopback_port(const struct net_loopback_peer *peer);

/**
 * net_loopback_other() - connect to who else listens there
 * @ret_from: the port that it comes from, for net_loopback_forget()
 *
 * Return: a descriptor, non-blocking, that is connected or about to be, or to be refused; -ENOENT: nobody listens;
 * another negative errno.
 */
int net_loopback_other(const struct net_loopback *loopback, const struct net_loopback_peer *peer,
		       in_port_t *ret_from);

/** net_loopback_forget() - once such a connection is closed */
void net_loopback_forget(const struct net_loopback *loopback, in_port_t from);
