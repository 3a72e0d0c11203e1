/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/abi.h"
#include "sandbox/dial.h"

#define GREETING_ID_MAX 64

/**
 * struct greeting - a stream of the guest (abi.h), from the dial until the guest has answered
 * @id: what it is to be called, of no other stream that waits in that guest; set by the owner
 * @fd: the connection, once it stands
 * @hello, @answer: what opens a stream, and how much of it there is
 * @refusal: why the guest would not have it, in its own words, fit to be shown; NULL: it did not
 *	say
 * @done: called once: the stream, which the callee owns, or negative errno
 */
struct greeting {
	struct loop *loop;
	struct dial dial;
	struct loop_io io;
	int fd;
	char id[GREETING_ID_MAX];
	uint8_t hello[sizeof(uint32_t) + GREETING_ID_MAX];
	uint8_t answer[sizeof(uint32_t) + ABI_STREAM_ID_MAX + 1];
	size_t hello_len, answer_len;
	const char *refusal;
	void (*done)(struct greeting *greeting, int fd);
};

#define GREETING_NULL                                               \
	{                                                           \
		.dial = DIAL_NULL, .io = LOOP_IO_NULL, .fd = -EBADF \
	}

/** greeting_start() - begin. Return: 0; or negative errno, and then @done is not called. */
int greeting_start(struct greeting *greeting, struct loop *loop,
		   const struct guest_address *address,
		   void (*done)(struct greeting *greeting, int fd));

/** greeting_stop() - give up without calling @done; may be called again */
void greeting_stop(struct greeting *greeting);

/** greeting_uri() - how the guest is told of the stream */
void greeting_uri(const struct greeting *greeting, char *buf, size_t size);
