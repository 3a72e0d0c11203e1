/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

#define JOB_OUTPUT_MAX 4096

/**
 * struct job - something that may take a while, done by a child of vminitd's
 * @fd, @pidfd: its words and itself; owned
 * @output, @len: what it has told, cut to what fits; with a NUL behind it
 * @done: called when it has ended
 *
 * The child is a copy: it sees all that vminitd has, and changes nothing of it. Whoever kills it
 * ends the job early, with what it has told until then.
 */
struct job {
	struct loop_io io;
	int fd, pidfd;
	char output[JOB_OUTPUT_MAX + 1];
	size_t len;
	void (*done)(struct job *job);
};

/** job_init() - nothing to do yet */
void job_init(struct job *job);

/**
 * job_start() - begin
 * @run: called in the child, which ends when it returns; what it writes to @out is told to us
 *
 * Return: 0 or negative errno: -EBUSY while the last one is under way.
 */
int job_start(struct job *job, struct loop *loop, void (*run)(void *arg, int out), void *arg,
	      void (*done)(struct job *job));

static inline bool job_busy(const struct job *job)
{
	return job->fd >= 0;
}

/** job_stop() - end the child, and hear no more of it; may be called again */
void job_stop(struct job *job);
