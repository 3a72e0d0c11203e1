/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "vsockd/vsockd.h"

/*
 * The host's side, as Firecracker shows it (docs/vsock.md there): one socket to reach the guest,
 * "CONNECT <port>\n" answered with "OK <port>\n"; and one socket for each port that the host
 * listens on.
 */

/* Longest line of a program that connects, with its newline. */
#define HOST_LINE_MAX 32

/**
 * host_listen() - accept programs
 * @fd: a listening, non-blocking socket, taken over always
 *
 * Return: 0 or negative errno.
 */
int host_listen(struct vsockd *d, int fd);

/** host_stop() - close the listener; harmless when there is none */
void host_stop(struct vsockd *d);

/**
 * host_read_line() - the line that a program begins with; what follows it is left in the socket
 *
 * Return: 0 and @ret_port is set; -EAGAIN: it is not all there; -EPROTO: it is none, or the end.
 */
int host_read_line(int fd, uint32_t *ret_port);

/** host_say_ok() - answer the line: the guest took the connection. Return: 0 or negative errno. */
int host_say_ok(int fd, uint32_t host_port);

/**
 * host_dial() - connect to the program that listens on a port of the host
 *
 * Return: descriptor; negative errno, -EAGAIN when too many wait there already: unlike TCP, the
 * kernel does not tell when a unix socket's queue has room again.
 */
int host_dial(const struct vsockd *d, uint32_t port);
