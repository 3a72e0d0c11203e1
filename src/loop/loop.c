/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

int loop_init(struct loop *loop)
{
	loop->now = clock_now;
	loop->quit = false;
	loop->status = 0;
	loop->batch_len = 0;
	list_init(&loop->timers);
	list_init(&loop->deferred);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_deinit(struct loop *loop)
{
	loop->epoll_fd = fd_close(loop->epoll_fd);
}

void loop_quit(struct loop *loop, int status)
{
	loop->quit = true;
	loop->status = status;
}

int loop_io_start(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
		  void (*callback)(struct loop_io *io, uint32_t revents))
{
	struct epoll_event ev = {.events = events, .data.ptr = io};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	io->loop = loop;
	io->fd = fd;
	io->events = events;
	io->callback = callback;
	return 0;
}

int loop_io_set(struct loop_io *io, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = io};

	if (io->events == events)
		return 0;
	if (epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev) < 0)
		return -errno;
	io->events = events;
	return 0;
}

void loop_io_stop(struct loop_io *io)
{
	struct loop *loop = io->loop;
	int r;

	if (!loop)
		return;
	r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	/* Closed before: a copy of it elsewhere may wake the loop still, for a source that is gone. */
	assert(r == 0);
	(void)r;
	/* Events of this turn that were fetched but not yet dispatched must not find it. */
	for (int i = 0; i < loop->batch_len; i++)
		if (loop->batch[i].data.ptr == io)
			loop->batch[i].data.ptr = NULL;
	io->loop = NULL;
	io->fd = -EBADF;
	io->events = 0;
}

void loop_timer_init(struct loop_timer *timer)
{
	list_init(&timer->link);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t deadline,
		      void (*callback)(struct loop_timer *timer))
{
	struct list *at;

	list_del(&timer->link);
	timer->deadline = deadline;
	timer->callback = callback;
	/* Sorted, earliest first; new deadlines are mostly the latest, so look from the end. */
	at = loop->timers.prev;
	while (at != &loop->timers &&
	       container_of(at, struct loop_timer, link)->deadline > deadline)
		at = at->prev;
	list_append(at->next, &timer->link);
}

void loop_timer_stop(struct loop_timer *timer)
{
	list_del(&timer->link);
}

void loop_defer_init(struct loop_defer *defer)
{
	list_init(&defer->link);
}

void loop_defer_start(struct loop *loop, struct loop_defer *defer,
		      void (*callback)(struct loop_defer *defer))
{
	if (!list_empty(&defer->link))
		return;
	defer->callback = callback;
	list_append(&loop->deferred, &defer->link);
}

void loop_defer_stop(struct loop_defer *defer)
{
	list_del(&defer->link);
}

static void signal_readable(struct loop_io *io, uint32_t revents _unused_)
{
	struct loop_signal *source = container_of(io, struct loop_signal, io);
	struct signalfd_siginfo info;

	/* One a turn: the callback may stop the source, or free what it lives in. */
	if (read(io->fd, &info, sizeof(info)) == sizeof(info))
		source->callback(source, (int)info.ssi_signo);
}

int loop_signal_start(struct loop *loop, struct loop_signal *source, const sigset_t *set,
		      void (*callback)(struct loop_signal *source, int signo))
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	source->callback = callback;
	r = loop_io_start(loop, &source->io, fd, EPOLLIN, signal_readable);
	if (r == 0)
		fd = -EBADF;
	return r;
}

void loop_signal_stop(struct loop_signal *source)
{
	int fd = source->io.fd;

	if (!loop_io_active(&source->io))
		return;
	loop_io_stop(&source->io);
	fd_close(fd);
}

/* Until the next deadline, in milliseconds rounded up: never early, -1 for ever. */
static int next_timeout(const struct loop *loop)
{
	const struct loop_timer *timer;
	uint64_t now, ms;

	if (!list_empty(&loop->deferred))
		return 0;
	if (list_empty(&loop->timers))
		return -1;
	timer = list_first(&loop->timers, struct loop_timer, link);
	now = loop_now(loop);
	if (timer->deadline <= now)
		return 0;
	ms = (timer->deadline - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void dispatch_timers(struct loop *loop)
{
	uint64_t now;

	if (list_empty(&loop->timers))
		return;
	now = loop_now(loop);
	while (!loop->quit && !list_empty(&loop->timers)) {
		struct loop_timer *timer = list_first(&loop->timers, struct loop_timer, link);

		if (timer->deadline > now)
			break;
		list_del(&timer->link);
		timer->callback(timer);
	}
}

/* Only what was due at the beginning: something deferred again waits for the next turn. */
static void dispatch_deferred(struct loop *loop)
{
	struct list due = LIST_NULL(due);

	while (!list_empty(&loop->deferred)) {
		struct list *first = loop->deferred.next;

		list_del(first);
		list_append(&due, first);
	}
	while (!loop->quit && !list_empty(&due)) {
		struct loop_defer *defer = list_first(&due, struct loop_defer, link);

		list_del(&defer->link);
		defer->callback(defer);
	}
	/* After loop_quit() the rest stays due, so that no list points into this frame. */
	while (!list_empty(&due)) {
		struct list *first = due.next;

		list_del(first);
		list_append(&loop->deferred, first);
	}
}

static void dispatch_io(struct loop *loop)
{
	for (int i = 0; i < loop->batch_len && !loop->quit; i++) {
		struct loop_io *io = loop->batch[i].data.ptr;

		if (io)
			io->callback(io, loop->batch[i].events);
	}
	loop->batch_len = 0;
}

int loop_run(struct loop *loop)
{
	int n;

	loop->quit = false;
	while (!loop->quit) {
		n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, next_timeout(loop));
		if (n < 0 && errno != EINTR)
			return -errno;
		loop->batch_len = MAX(n, 0);
		dispatch_io(loop);
		dispatch_timers(loop);
		dispatch_deferred(loop);
	}
	return loop->status;
}
