/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/metrics-scrape.h"

/* Connections at a time; more wait to be let in. */
#define METRICS_CLIENTS_MAX 16
/* How long a client may take for its request, and for reading the answer. */
#define METRICS_CLIENT_NS (10 * NSEC_PER_SEC)

/* Anybody on the machine may ask, again and again, and a scrape is work, most of it the kernel's: one answer is good for so long. */
#define METRICS_FRESH_NS NSEC_PER_SEC

/**
 * struct metrics_server - who wants to know
 * @roots: borrowed
 * @scrape: under way, for all that wait; NULL: none
 * @last, @last_len: what came of the last one; NULL: there was none
 * @fresh_until: by the loop's clock
 */
struct metrics_server {
	struct loop *loop;
	const struct metrics_roots *roots;
	struct loop_io accept;
	struct list clients;
	size_t n;
	struct metrics_scrape *scrape;
	char *last;
	size_t last_len;
	uint64_t fresh_until;
};

/**
 * metrics_listen() - a socket to be served
 * @address: "unix:PATH", "127.0.0.1:PORT" or "[::1]:PORT"; port 0: any that is free
 * @ret_path: of a unix socket, in @address, to be removed at the end; else NULL
 *
 * Return: a descriptor, or negative errno with a message.
 */
int metrics_listen(const char *address, const char **ret_path, struct err *err);

/** metrics_listen_name() - where a socket listens: "127.0.0.1:9100"; free() it */
char *metrics_listen_name(int fd, const char *path);

/**
 * metrics_serve_start() - answer whoever connects
 * @fd: borrowed; open until metrics_serve_stop()
 *
 * Return: 0 or negative errno.
 */
int metrics_serve_start(struct metrics_server *server, struct loop *loop, int fd,
			const struct metrics_roots *roots);

/** metrics_serve_stop() - close all connections */
void metrics_serve_stop(struct metrics_server *server);
