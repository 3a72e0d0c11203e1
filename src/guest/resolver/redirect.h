/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#define REDIRECT_HOOKS 4

/**
 * struct redirect - what is sent or connected to a port of an address of IPv4 goes to another port of it,
 * and seems to come from where it was sent to
 *
 * It is done where processes speak to their sockets (BPF_PROG_TYPE_CGROUP_SOCK_ADDR, since Linux 4.17),
 * so the port itself stays free, and no packet filter is needed.
 */
struct redirect {
	int links[REDIRECT_HOOKS];
};

#define REDIRECT_NULL                                      \
	{                                                  \
		.links = {-EBADF, -EBADF, -EBADF, -EBADF}, \
	}

/**
 * redirect_start() - for all processes in a control group and below
 * @cgroup: of version 2
 * @fd: a socket of the network namespace in which it is to be; in others nothing changes
 * @address, @port, @to: in network order
 *
 * Return: 0 or negative errno.
 */
int redirect_start(struct redirect *redirect, int cgroup, int fd, uint32_t address, uint16_t port,
		   uint16_t to);

/** redirect_stop() - may be called again */
void redirect_stop(struct redirect *redirect);
