/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

/**
 * struct pump - copies one descriptor to another until the end of file, in order, losing nothing
 *
 * Reads only what it has room for: a reader that stalls at one end stalls the writer at the other,
 * and nothing else. Any kind of descriptor will do, blocking ones too (a terminal, or a pipe that
 * other programs share, must not be made non-blocking), since it writes no more than poll(2)
 * promises to take. The descriptors stay the caller's.
 *
 * @tap: may be NULL; sees all bytes, as they are read
 * @done: called once: 0 when everything up to the end of file was written, else negative errno
 *   (-EPIPE: nobody reads any more). The pump has stopped and may be freed in it.
 * @userdata: for the callbacks
 */
struct pump {
	struct loop_io in, out;
	struct loop_defer defer;
	struct loop *loop;
	int in_fd, out_fd;
	char *buf;
	size_t size, begin, end, write_max;
	bool eof, out_socket, out_nowait;
	void (*tap)(struct pump *pump, const void *data, size_t len);
	void (*done)(struct pump *pump, int error);
	void *userdata;
};

/** pump_init() - before anything else; @tap, @done and @userdata are set afterwards */
void pump_init(struct pump *pump);

/**
 * pump_start() - begin copying
 * @buf: the caller's, used until the pump has stopped
 * @size: at least 4096 to be quick
 *
 * Return: 0 or negative errno; then @done is not called.
 */
int pump_start(struct pump *pump, struct loop *loop, int in_fd, int out_fd, char *buf, size_t size);

/** pump_set_out() - go on writing to @fd; the descriptor of before may be closed then */
void pump_set_out(struct pump *pump, int fd);

/** pump_stop() - without calling @done; harmless when stopped or never started */
void pump_stop(struct pump *pump);

static inline bool pump_active(const struct pump *pump)
{
	return pump->loop != NULL;
}
