/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"

/*
 * Client side of the QEMU Machine Protocol (docs/interop/qmp-spec in QEMU's tree) on a connected
 * stream socket: one JSON object a line. Events may come between a command and its answer.
 *
 * A guest that broke out of its VM writes here, so every line is bounded and nothing in it is
 * trusted. At most one line is taken from the socket a call: the next one keeps the socket
 * readable, so that a caller may drop everything after any message.
 */

#define QMP_LINE_MAX	  16384
#define QMP_DEPTH_MAX	  16
#define QMP_WORD_MAX	  64
#define QMP_DESC_MAX	  256
#define QMP_ARGUMENTS_MAX 256

enum qmp_kind {
	QMP_GREETING,
	QMP_RETURN,
	QMP_ERROR,
	QMP_EVENT,
};

/**
 * struct qmp_message - one line, as far as it matters
 * @id: RETURN, ERROR: of the command; 0 if it had none of ours
 * @event: EVENT: its name
 * @reason: EVENT: "reason" of its data, if any
 * @desc: ERROR: what QEMU says
 */
struct qmp_message {
	enum qmp_kind kind;
	uint32_t id;
	char event[QMP_WORD_MAX];
	char reason[QMP_WORD_MAX];
	char desc[QMP_DESC_MAX];
};

/**
 * struct qmp - one connection
 * @fd: owned, non-blocking
 */
struct qmp {
	int fd;
	uint32_t last_id;
	size_t len;
	char line[QMP_LINE_MAX];
};

#define QMP_NULL             \
	{                    \
		.fd = -EBADF \
	}

/**
 * qmp_init() - begin on a connected socket, and ask for commands and events at once
 * @fd: non-blocking; taken over on success
 *
 * The negotiation needs no answer to be waited for: QEMU reads commands in order.
 *
 * Return: 0 or negative errno.
 */
int qmp_init(struct qmp *qmp, int fd);

/** qmp_deinit() - close; may be called again */
void qmp_deinit(struct qmp *qmp);

/**
 * qmp_send() - send a command that takes no arguments
 * @command: from our own code
 * @ret_id: id of its answer; may be NULL
 *
 * Return: 0 or negative errno.
 */
int qmp_send(struct qmp *qmp, const char *command, uint32_t *ret_id);

/**
 * qmp_send_with() - the same, of one that takes them
 * @arguments: a JSON object of at most QMP_ARGUMENTS_MAX bytes
 */
int qmp_send_with(struct qmp *qmp, const char *command, const char *arguments, uint32_t *ret_id);

/** qmp_send_fd() - the same, and QEMU gets a descriptor with it. @fd: -EBADF: none */
int qmp_send_fd(struct qmp *qmp, const char *command, const char *arguments, int fd,
		uint32_t *ret_id);

/**
 * qmp_receive() - take the next line from the socket
 *
 * Return: 1: @ret is set; 0: not yet; -ECONNRESET: the other side is gone; -EMSGSIZE: a line over
 * QMP_LINE_MAX; -EPROTO: not QMP. After an error only qmp_deinit() makes sense.
 */
int qmp_receive(struct qmp *qmp, struct qmp_message *ret);
