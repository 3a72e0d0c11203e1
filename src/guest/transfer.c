/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/parse.h"
#include "guest/procfs.h"
#include "guest/vsock.h"
#include "rpc/process.h"

#define FD_STREAM 3
#define FD_WORDS  4

/**
 * struct transfer - one under way
 * @call: NULL: nobody waits for its end any more
 * @run, @request, @stream, @pidfd: for the child
 */
struct transfer {
	struct worker worker;
	struct ttrpc_call *call;
	int (*run)(const ProtobufCMessage *request, int stream, int words);
	const ProtobufCMessage *request;
	int stream, pidfd;
};

static struct stream_table *stream_table;
static struct workers *all_workers;
static struct process_table *process_table;
static struct transfer transfers[TRANSFERS_MAX];

void transfer_init(struct stream_table *streams, struct workers *workers,
		   struct process_table *processes)
{
	stream_table = streams;
	all_workers = workers;
	process_table = processes;
}

int transfer_say(int words, int error, const char *what)
{
	(void)dprintf(words, "%s: %s\n", what, strerror(-error));
	return (int)ttrpc_code_from_errno(error);
}

int transfer_say_trouble(int words, int error, const struct tar_trouble *trouble)
{
	char text[PATH_MAX + 256];

	tar_trouble_text(trouble, error, text, sizeof(text));
	(void)dprintf(words, "%s\n", text);
	return (int)ttrpc_code_from_errno(error);
}

int transfer_put(void *stream, const void *data, size_t len)
{
	int fd = *(const int *)stream;
	const char *p = data;
	size_t most = len;

	while (len > 0) {
		ssize_t n = write(fd, p, MIN(len, most));

		if (n < 0 && errno == ENOMEM && most > VSOCK_SMALL)
			most = VSOCK_SMALL;
		else if (n < 0 && errno != EINTR)
			return -errno;
		else if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/*
 * In the child. It may live long, and vminitd's descriptors must not live that long with it: whoever is
 * at their other end waits for the end of a file. Nothing else is where the two go: 3 and 4 are among
 * the first that vminitd opens.
 */
static int run_alone(void *arg, int words)
{
	const struct transfer *t = arg;
	int stream = fcntl(t->stream, F_DUPFD, FD_WORDS + 1);

	words = fcntl(words, F_DUPFD, FD_WORDS + 1);
	procfs_close();
	if (words >= 0 && t->pidfd >= 0 && setns(t->pidfd, CLONE_NEWNS) < 0)
		return transfer_say(words, -errno, "cannot enter the container");
	if (stream < 0 || words < 0 || dup2(stream, FD_STREAM) < 0 || dup2(words, FD_WORDS) < 0)
		return TTRPC_RESOURCE_EXHAUSTED;
	if (syscall(SYS_close_range, FD_WORDS + 1U, ~0U, 0) < 0 ||
	    fd_nonblock(FD_STREAM, false) < 0)
		return TTRPC_INTERNAL;
	/* That the other end has gone is an error like any other. */
	(void)signal(SIGPIPE, SIG_IGN);
	return t->run(t->request, FD_STREAM, FD_WORDS);
}

/* In vminitd. */

static void finished(struct worker *worker, uint32_t status)
{
	struct transfer *t = container_of(worker, struct transfer, worker);
	struct ttrpc_call *call = take_ptr(t->call);
	char text[512];

	if (!call)
		return;
	call->cancelled = NULL;
	worker_words(worker, text, sizeof(text));
	if (status == TTRPC_OK)
		rpc_reply_empty(call);
	else if (status > TTRPC_UNAUTHENTICATED)
		ttrpc_call_fail(call, TTRPC_INTERNAL, "the process that does this was killed");
	else
		ttrpc_call_fail(call, (enum ttrpc_code)status, "%s", text);
}

static void cancelled(struct ttrpc_call *call)
{
	struct transfer *t = call->userdata;

	t->call = NULL;
	worker_kill(&t->worker);
}

static struct transfer *find_free(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(transfers); i++)
		if (!worker_busy(&transfers[i].worker))
			return &transfers[i];
	return NULL;
}

static int take_stream(struct ttrpc_call *call, const char *uri)
{
	const char *id = str_starts(uri, ABI_STREAM_SCHEME);
	int fd = id ? stream_take(stream_table, id) : -EINVAL;

	if (fd == -EINVAL)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "stream: \"%.64s\" is none", uri);
	else if (fd < 0)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "stream: there is no %.64s", uri);
	return fd;
}

/* @pidfd: of the container's first process; -EBADF: in no container. Both are the caller's. */
static void begin(struct ttrpc_call *call, int stream, int pidfd,
		  int (*run)(const ProtobufCMessage *request, int stream, int words),
		  const ProtobufCMessage *request)
{
	struct transfer *t = find_free();
	int r;

	if (!t) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				"more than %d transfers at the same time", TRANSFERS_MAX);
		return;
	}
	t->run = run;
	t->request = request;
	t->stream = stream;
	t->pidfd = pidfd;
	r = worker_start(all_workers, &t->worker, run_alone, t, finished);
	if (r < 0) {
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "cannot start a process: %s",
				strerror(-r));
		return;
	}
	worker_take_your_time(&t->worker);
	t->call = call;
	call->userdata = t;
	call->cancelled = cancelled;
}

/* In any case the stream is taken first: whoever opened it hears of a refusal by its end. */
void transfer_begin(struct ttrpc_call *call, const char *uri,
		    int (*run)(const ProtobufCMessage *request, int stream, int words),
		    const ProtobufCMessage *request)
{
	_cleanup_close_ int stream = take_stream(call, uri);

	if (stream >= 0)
		begin(call, stream, -EBADF, run, request);
}

/* As long as it is not reaped its number is nobody else's. */
int transfer_enter(struct ttrpc_call *call, const char *id)
{
	const struct process *container = process_find(process_table, id, "");
	int fd = -ESRCH;

	if (!container) {
		process_not_found(call, id, "");
		return fd;
	}
	if (!container->reaped && container->pid > 0)
		fd = (int)syscall(SYS_pidfd_open, container->pid, 0);
	if (fd < 0)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "container %s is not running", id);
	return fd;
}

void transfer_begin_in(struct ttrpc_call *call, const char *uri, const char *id,
		       int (*run)(const ProtobufCMessage *request, int stream, int words),
		       const ProtobufCMessage *request)
{
	_cleanup_close_ int stream = take_stream(call, uri), pidfd = -EBADF;

	if (stream < 0)
		return;
	pidfd = transfer_enter(call, id);
	if (pidfd >= 0)
		begin(call, stream, pidfd, run, request);
}
