/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/macro.h"
#include "loop/loop.h"

/*
 * Work that may block (mounting, writing back, running a program) is done by a child, a copy of
 * vminitd that sees all it has and changes nothing of it. How it went is its exit status, which comes
 * by the one place where all children are reaped (guest/reap.h): its end is known although its own
 * children go on.
 */

struct worker;

/**
 * struct workers - those under way
 */
struct workers {
	struct loop *loop;
	struct list running;
};

/**
 * struct worker - one of them; embedded in whatever wants it done, and all zero at first
 * @pid: 0: not under way
 * @words: a file in memory: what the child has to say
 * @deadline: when it, and what it has started, is killed
 * @late: that has happened
 * @done: it has ended: @status is its exit status, or 128 + signal
 */
struct worker {
	struct list link;
	pid_t pid;
	int words;
	struct loop_timer deadline;
	bool late;
	void (*done)(struct worker *worker, uint32_t status);
};

/** workers_init() - none yet; their deadlines are @loop's */
void workers_init(struct workers *workers, struct loop *loop);

/**
 * worker_start() - do it
 * @run: in the child, which has its own copy of the memory; @words: a descriptor to write to.
 *	Return: exit status. Signals are as they are for a new program.
 * @done: called in vminitd, never from here; worker_words() is of use in it
 *
 * Return: 0 or negative errno.
 */
int worker_start(struct workers *workers, struct worker *worker, int (*run)(void *arg, int words),
		 void *arg, void (*done)(struct worker *worker, uint32_t status));

/**
 * worker_words() - the last line that the child wrote, without control characters; or that it was late
 *
 * What of it does not fit is cut off at its end.
 */
void worker_words(const struct worker *worker, char *buf, size_t size);

/**
 * worker_output() - what the child wrote, from the beginning
 *
 * Return: how many bytes: @size at most, whatever there is beyond.
 */
size_t worker_output(const struct worker *worker, char *buf, size_t size);

/** worker_take_your_time() - it has no deadline: somebody else sees to its end */
void worker_take_your_time(struct worker *worker);

/** worker_kill() - with all that it has started; its end is told as any other's */
void worker_kill(struct worker *worker);

/**
 * worker_stop() - kill it with all that it has started, and hear no more of it; may be called again
 *
 * @worker can be started again at once, should it be long in dying: it may wait for a disk.
 */
void worker_stop(struct worker *worker);

/** worker_busy() - is it under way? */
static inline bool worker_busy(const struct worker *worker)
{
	return worker->pid > 0;
}

/**
 * worker_last_line() - of a text, without control characters
 * @text: @len bytes, and room for one more; the line, as a string, is at its beginning afterwards
 */
void worker_last_line(char *text, size_t len);

/** workers_reaped() - a child of vminitd has ended. Return: whether it was a worker's. */
bool workers_reaped(struct workers *workers, pid_t pid, uint32_t status);
