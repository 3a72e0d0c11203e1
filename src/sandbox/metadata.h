/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/fd.h"
#include "loop/passage.h"

/*
 * What a VM's supervisor asks the host for, on vsock port ABI_PORT_SUPERVISOR: the content of a
 * file, or whatever a program of the host answers on a unix socket. That one is told first which
 * VM asks, in a line "caisson 1 ID\n"; then bytes are passed on in both directions, half-closes
 * too. Where neither is configured nobody listens.
 *
 * Whoever connects is in the VM, which is all that is known of them: METADATA_CONNS_MAX are served
 * at a time, others wait; one that takes nothing for METADATA_PATIENCE_NS is sent away.
 */

#define METADATA_BYTES_MAX   (1 << 20)
#define METADATA_CONNS_MAX   8
#define METADATA_PATIENCE_NS (UINT64_C(30) * 1000 * 1000 * 1000)
#define METADATA_HEADER	     "caisson 1 %s\n"

struct metadata;

/**
 * struct metadata_conn - a connection of the guest
 * @fd: -EBADF: a free place, unless there is a passage
 * @sent: bytes of the file
 * @passage: to the other side, when they are passed on
 */
struct metadata_conn {
	struct metadata *owner;
	int fd;
	struct loop_io io;
	struct loop_timer patience;
	size_t sent;
	struct passage *passage;
};

/**
 * struct metadata - the service of one VM
 * @data, @len: the file
 * @socket_path: NULL: @data is served
 * @id: of the VM; kept, not copied
 * @cid: of the VM, on a socket that others could connect to, too; else 0
 */
struct metadata {
	struct loop *loop;
	char *data;
	size_t len;
	char *socket_path;
	const char *id;
	int listen_fd;
	uint32_t cid;
	struct loop_io io;
	struct metadata_conn conns[METADATA_CONNS_MAX];
};

/** metadata_init() - nothing is configured */
void metadata_init(struct metadata *metadata);

/**
 * metadata_load() - serve this file's content, as it is now
 *
 * Return: 0 or negative errno with a message.
 */
int metadata_load(struct metadata *metadata, const char *path, struct err *err);

/** metadata_forward() - ask a unix socket instead, in the name of the VM @id */
void metadata_forward(struct metadata *metadata, const char *socket_path, const char *id);

/** metadata_configured() - is there anything to serve? */
bool metadata_configured(const struct metadata *metadata);

/**
 * metadata_serve() - take connections from now on
 * @fd: listening and non-blocking; owned from here, even on failure
 * @cid: see struct metadata
 *
 * Return: 0 or negative errno.
 */
int metadata_serve(struct metadata *metadata, struct loop *loop, int fd, uint32_t cid);

/** metadata_stop() - close all, and forget what was served; may be called again */
void metadata_stop(struct metadata *metadata);
