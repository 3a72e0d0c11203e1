/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "loop/loop.h"

/*
 * The figures that Firecracker has of itself: a line of JSON each minute, when it is asked (FlushMetrics), and at its
 * end. It writes to a FIFO, since of what it writes to nobody could say how much that may become.
 */

/* Of a line: some hundred bytes for each kind of figures, and for each device. */
#define FC_METRICS_LINE_MAX 65536

/* Of the file that the lines are in. When it would get larger it begins anew. */
#define FC_METRICS_MAX (512u << 10)

/** struct fc_metrics - the FIFO's reader; @line: what has come of one that is not at its end */
struct fc_metrics {
	struct loop_io io;
	int fifo, file;
	size_t written, len;
	bool too_long;
	char line[FC_METRICS_LINE_MAX];
};

#define FC_METRICS_NULL                                            \
	{                                                          \
		.io = LOOP_IO_NULL, .fifo = -EBADF, .file = -EBADF \
	}

/**
 * fc_metrics_start() - make the FIFO and what the lines go to
 * @dir: descriptor of the folder for the FIFO, which may be somebody's who is not trusted
 * @name: of the FIFO
 * @path: of the file
 *
 * Return: 0 or negative errno.
 */
int fc_metrics_start(struct fc_metrics *metrics, struct loop *loop, int dir, const char *name,
		     const char *path);

/** fc_metrics_drain() - take what is in the FIFO now */
void fc_metrics_drain(struct fc_metrics *metrics);

/** fc_metrics_stop() - may be called again; the file stays */
void fc_metrics_stop(struct fc_metrics *metrics);
