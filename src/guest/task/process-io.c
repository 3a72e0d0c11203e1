/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/process-io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"

enum {
	IN,
	OUT,
	ERR,
};

static int take_one(struct stream_table *streams, const char *name)
{
	const char *id = str_starts(name, ABI_STREAM_SCHEME);

	return id ? stream_take(streams, id) : -EINVAL;
}

static bool fits_terminal(const char *const names[3])
{
	/* Without a reader its output would stall the process; and it has one output. */
	return *names[OUT] && (!*names[ERR] || strcmp(names[OUT], names[ERR]) == 0);
}

int process_io_take(struct process *p, struct stream_table *streams, const char *const names[3],
		    int *ret_which)
{
	for (int i = IN; i <= ERR; i++) {
		*ret_which = i;
		if (i == OUT && p->terminal && !fits_terminal(names))
			return -EINVAL;
		if (!*names[i] || (i == ERR && strcmp(names[OUT], names[ERR]) == 0))
			continue;
		fd_close(p->stream[i]);
		p->stream[i] = take_one(streams, names[i]);
		if (p->stream[i] < 0)
			return p->stream[i];
	}
	return 0;
}

bool process_io_busy(const struct process *p)
{
	return relay_copying(&p->relay[OUT]) || relay_copying(&p->relay[ERR]);
}

static void input_done(struct relay *relay _unused_, enum relay_end end _unused_)
{
}

static void output_done(struct process *p, enum relay_end end)
{
	/* Nobody looks at the terminal any more: its processes get SIGHUP. */
	if (end == RELAY_BROKEN && p->terminal) {
		relay_stop(&p->relay[IN]);
		p->tty = fd_close(p->tty);
	}
	if (!process_io_busy(p))
		p->table->drained(p);
}

static void stdout_done(struct relay *relay, enum relay_end end)
{
	output_done(container_of(relay, struct process, relay[OUT]), end);
}

static void stderr_done(struct relay *relay, enum relay_end end)
{
	output_done(container_of(relay, struct process, relay[ERR]), end);
}

static int connect_input(struct process *p, struct loop *loop)
{
	int ends[2];

	if (p->stream[IN] < 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	p->child_io[IN] = ends[0];
	(void)fd_nonblock(ends[1], true);
	return relay_start(&p->relay[IN], loop, &relay_socket_to_pipe, take_fd(p->stream[IN]),
			   ends[1], NULL, input_done);
}

static int listen_to(struct process *p, struct loop *loop, int which)
{
	return relay_start(&p->relay[which], loop, &relay_pipe_to_socket, take_fd(p->muted[which]),
			   take_fd(p->stream[which]), NULL,
			   which == OUT ? stdout_done : stderr_done);
}

static int connect_output(struct process *p, struct loop *loop, int which, bool muted)
{
	int ends[2];

	if (p->stream[which] < 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	p->child_io[which] = ends[1];
	p->muted[which] = ends[0];
	(void)fd_nonblock(ends[0], true);
	return muted ? 0 : listen_to(p, loop, which);
}

static int use_terminal(struct process *p, struct loop *loop)
{
	int copy = fcntl(p->tty, F_DUPFD_CLOEXEC, 3), r;

	if (copy < 0)
		return -errno;
	r = relay_start(&p->relay[OUT], loop, &relay_tty_to_socket, copy, take_fd(p->stream[OUT]),
			p->held, stdout_done);
	if (r < 0 || p->stream[IN] < 0)
		return r;
	copy = fcntl(p->tty, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	return relay_start(&p->relay[IN], loop, &relay_socket_to_tty, take_fd(p->stream[IN]), copy,
			   NULL, input_done);
}

void process_io_unmute(struct process *p, struct loop *loop)
{
	if (p->tty >= 0 && p->stream[OUT] >= 0 && use_terminal(p, loop) < 0) {
		log_warn("%s: cannot use the terminal", p->id);
		process_io_close(p);
	}
	for (int i = OUT; i <= ERR; i++) {
		if (p->muted[i] >= 0 && p->stream[i] >= 0 && listen_to(p, loop, i) < 0)
			log_warn("%s: its output is lost", p->id);
		/* What the process has closed before it was adopted has no output any more. */
		if (p->muted[i] < 0 && p->tty < 0)
			p->stream[i] = fd_close(p->stream[i]);
	}
}

void process_io_mute(struct process *p)
{
	for (int i = OUT; i <= ERR; i++)
		if (relay_copying(&p->relay[i]))
			p->muted[i] = relay_release(&p->relay[i]);
}

static bool shares_output(const struct process *p)
{
	const char *out = process_name(p, PROCESS_NAME_STDOUT);

	return *out && strcmp(out, process_name(p, PROCESS_NAME_STDERR)) == 0;
}

int process_io_connect(struct process *p, struct loop *loop, bool muted)
{
	int r;

	if (p->terminal)
		return 0;
	r = connect_input(p, loop);
	if (r == 0)
		r = connect_output(p, loop, OUT, muted);
	if (r == 0)
		r = connect_output(p, loop, ERR, muted);
	if (r == 0 && shares_output(p)) {
		p->child_io[ERR] = fcntl(p->child_io[OUT], F_DUPFD_CLOEXEC, 3);
		r = p->child_io[ERR] < 0 ? -errno : 0;
	}
	return r;
}

void process_io_spawned(struct process *p)
{
	for (int i = IN; i <= ERR; i++)
		p->child_io[i] = fd_close(p->child_io[i]);
}

int process_io_terminal(struct process *p, struct loop *loop, int master, bool muted)
{
	fd_close(p->tty);
	p->tty = master;
	(void)fd_nonblock(master, true);
	/* systemd hangs its console up, and opens it now and then only: that is not the end of it. */
	if (!process_is_exec(p))
		p->console = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	p->held = malloc(RELAY_HELD);
	if (!p->held)
		return -ENOMEM;
	return muted ? 0 : use_terminal(p, loop);
}

size_t process_io_take_words(struct process *p, char *buf, size_t size)
{
	int fd = p->muted[ERR] >= 0 ? p->muted[ERR] : p->muted[OUT];
	ssize_t n;

	if (p->tty >= 0 && !relay_copying(&p->relay[OUT]))
		fd = p->tty;
	n = fd < 0 ? 0 : read(fd, buf, size);
	return n < 0 ? 0 : (size_t)n;
}

void process_io_resize(struct process *p, uint32_t columns, uint32_t rows)
{
	struct winsize size = {.ws_col = (uint16_t)MIN(columns, UINT16_MAX),
			       .ws_row = (uint16_t)MIN(rows, UINT16_MAX)};

	if (columns == 0 || rows == 0)
		return;
	p->columns = size.ws_col;
	p->rows = size.ws_row;
	if (p->tty >= 0)
		(void)ioctl(p->tty, TIOCSWINSZ, &size);
}

void process_io_close_input(struct process *p)
{
	relay_finish(&p->relay[IN]);
}

/* It never began: what no relay has will not be read or written any more. */
static void drop_unused(struct process *p)
{
	for (int i = IN; i <= ERR; i++) {
		p->stream[i] = fd_close(p->stream[i]);
		p->muted[i] = fd_close(p->muted[i]);
	}
}

void process_io_finish(struct process *p)
{
	drop_unused(p);
	relay_stop(&p->relay[IN]);
	p->tty = fd_close(p->tty);
	p->console = fd_close(p->console);
	relay_finish(&p->relay[OUT]);
	relay_finish(&p->relay[ERR]);
}

void process_io_close(struct process *p)
{
	for (int i = IN; i <= ERR; i++) {
		relay_stop(&p->relay[i]);
		p->stream[i] = fd_close(p->stream[i]);
		p->child_io[i] = fd_close(p->child_io[i]);
		p->muted[i] = fd_close(p->muted[i]);
	}
	p->tty = fd_close(p->tty);
	p->console = fd_close(p->console);
	free(p->held);
	p->held = NULL;
}
