/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/list.h"

/*
 * One single-threaded event loop, shared by all programs of the host and by PID 1 of the guest.
 *
 * Sources are embedded in whatever owns them; the loop allocates nothing. A source may be stopped,
 * and the memory it lives in freed, from any callback, its own too: the loop never touches a source
 * that was stopped. Descriptors are level-triggered and stay the caller's.
 */

#define LOOP_BATCH 64

struct loop;
struct loop_io;
struct loop_timer;
struct loop_defer;
struct loop_signal;

/**
 * struct loop - state of one loop
 * @now: its clock, which never goes back, in nanoseconds; loop_init() sets clock_now(), a test may
 *	set another. All other fields are the loop's own.
 */
struct loop {
	uint64_t (*now)(void);
	int epoll_fd;
	bool quit;
	int status;
	struct list timers;
	struct list deferred;
	struct epoll_event batch[LOOP_BATCH];
	int batch_len;
};

/**
 * struct loop_io - a descriptor to wait for
 * @fd: -EBADF while stopped
 * @events: what is waited for: EPOLLIN, EPOLLOUT, EPOLLRDHUP or nothing
 */
struct loop_io {
	struct loop *loop;
	int fd;
	uint32_t events;
	void (*callback)(struct loop_io *io, uint32_t revents);
};

/**
 * struct loop_timer - a deadline
 * @deadline: nanoseconds of loop_now()
 */
struct loop_timer {
	struct list link;
	uint64_t deadline;
	void (*callback)(struct loop_timer *timer);
};

/**
 * struct loop_defer - something to do once the present callback has returned
 */
struct loop_defer {
	struct list link;
	void (*callback)(struct loop_defer *defer);
};

/**
 * struct loop_signal - signals, read from a signalfd
 */
struct loop_signal {
	struct loop_io io;
	void (*callback)(struct loop_signal *source, int signo);
};

#define LOOP_IO_NULL                       \
	{                                  \
		.loop = NULL, .fd = -EBADF \
	}
#define LOOP_TIMER_NULL(t)                  \
	{                                   \
		.link = LIST_NULL((t).link) \
	}
#define LOOP_DEFER_NULL(d)                  \
	{                                   \
		.link = LIST_NULL((d).link) \
	}

/** loop_init() - Return: 0 or the negative errno of epoll_create1() */
int loop_init(struct loop *loop);

/** loop_deinit() - all sources must have been stopped; may be called again */
void loop_deinit(struct loop *loop);

/**
 * loop_run() - dispatch until loop_quit()
 *
 * Return: the status given to loop_quit(), or the negative errno of epoll_wait().
 */
int loop_run(struct loop *loop);

/** loop_quit() - make loop_run() return @status once the present callback has returned */
void loop_quit(struct loop *loop, int status);

/**
 * loop_io_start() - wait for @events on @fd; @io must be stopped or new
 *
 * EPOLLERR and EPOLLHUP are always reported too. Regular files cannot be waited for (-EPERM).
 *
 * Return: 0 or the negative errno of epoll_ctl().
 */
int loop_io_start(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
		  void (*callback)(struct loop_io *io, uint32_t revents));

/**
 * loop_io_set() - change what is waited for; no system call if nothing changes
 *
 * Return: 0 or the negative errno of epoll_ctl().
 */
int loop_io_set(struct loop_io *io, uint32_t events);

/** loop_io_stop() - forget the descriptor; harmless when stopped. Aborts if it was closed before. */
void loop_io_stop(struct loop_io *io);

static inline bool loop_io_active(const struct loop_io *io)
{
	return io->loop != NULL;
}

/** loop_timer_init() - before first use, unless LOOP_TIMER_NULL() was used */
void loop_timer_init(struct loop_timer *timer);

/** loop_now() - what the loop's clock says; deadlines are told in its time */
static inline uint64_t loop_now(const struct loop *loop)
{
	return loop->now();
}

/** loop_timer_start() - (re)arm for @deadline (of loop_now(); passed ones fire at once) */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t deadline,
		      void (*callback)(struct loop_timer *timer));

/** loop_timer_stop() - harmless when not armed */
void loop_timer_stop(struct loop_timer *timer);

/** loop_defer_init() - before first use, unless LOOP_DEFER_NULL() was used */
void loop_defer_init(struct loop_defer *defer);

/** loop_defer_start() - run @callback once, soon; when it is already due, nothing changes */
void loop_defer_start(struct loop *loop, struct loop_defer *defer,
		      void (*callback)(struct loop_defer *defer));

/** loop_defer_stop() - harmless when not due */
void loop_defer_stop(struct loop_defer *defer);

/**
 * loop_signal_start() - take the signals of @set, which are blocked by this call and stay so
 *
 * Return: 0 or negative errno.
 */
int loop_signal_start(struct loop *loop, struct loop_signal *source, const sigset_t *set,
		      void (*callback)(struct loop_signal *source, int signo));

/** loop_signal_stop() - the signals stay blocked; harmless when stopped */
void loop_signal_stop(struct loop_signal *source);
