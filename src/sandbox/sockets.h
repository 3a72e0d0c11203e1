/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/passage.h"
#include "sandbox/spec.h"
#include "ttrpc/client.h"

/*
 * Sockets of the host's that a container may connect to: volumes of kind VOLUME_SOCKET. The guest listens
 * where the container has one, and asks for each connection at a vsock port that is this socket's alone.
 * So whoever has taken over the guest reaches the sockets that the container was given, and no other.
 */

/* Of all sockets of a VM together, at a time; others wait. */
#define SOCKETS_CONNS_MAX 64

struct sandbox;
struct sockets;

/*
 * A socket that is passed on, and where the guest asks for it. @path: NULL: it is none of the volumes';
 * @connect: to it; a non-blocking descriptor or negative errno
 */
struct socket_port {
	struct sockets *owner;
	const char *path;
	int (*connect)(const struct socket_port *port);
	struct loop_io io;
	int fd;
	uint32_t port;
};

/**
 * struct sockets - all of a VM's
 * @conns: NULL: a free place
 */
struct sockets {
	struct sandbox *sandbox;
	size_t n;
	struct socket_port *ports;
	struct passage *conns[SOCKETS_CONNS_MAX];
	int (*listen)(struct sandbox *sandbox, uint32_t port, uint32_t *ret_port, struct err *err);
};

/** sockets_init() - there are none */
void sockets_init(struct sockets *sockets, struct sandbox *sandbox);

/**
 * sockets_serve() - take connections from now on
 * @listen: makes what listens for the guest at port no. @port, and says in @ret_port which that is
 *
 * Return: 0 or negative errno with a message.
 */
int sockets_serve(struct sockets *sockets,
		  int (*listen)(struct sandbox *sandbox, uint32_t port, uint32_t *ret_port,
				struct err *err),
		  struct err *err);

/**
 * sockets_serve_one() - take connections for one more, that is no volume; once
 * @connect: as in struct socket_port
 * @ret_port: where the guest asks for it
 *
 * Return: 0 or negative errno with a message.
 */
int sockets_serve_one(struct sockets *sockets, int (*connect)(const struct socket_port *port),
		      uint32_t *ret_port, struct err *err);

/**
 * sockets_tell() - have the guest listen
 *
 * Return: as rpc_call().
 */
int sockets_tell(struct sockets *sockets, struct ttrpc_request *request,
		 void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer));

/** sockets_stop() - close all; may be called again */
void sockets_stop(struct sockets *sockets);
