/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/attach.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/task-call.h"
#include "task.pb-c.h"

#define BUFFER	   65536
#define INTERRUPTS 3

/* What is passed on to the process; the rest keeps its meaning for us. */
static const int passed_signals[] = {
	SIGHUP,	 SIGINT,  SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
	SIGALRM, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH,
};

static const char *const stream_names[] = {"stdin", "stdout", "stderr"};

static void send_size(struct attach *a)
{
	Containerd__Task__V2__ResizePtyRequest request =
		CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;
	struct winsize size;

	if (!a->terminal || (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 &&
			     ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0))
		return;
	request.id = a->record->id;
	request.exec_id = rpc_str(a->exec_id);
	request.width = size.ws_col;
	request.height = size.ws_row;
	client_send(a->client, "ResizePty", &request.base);
}

/*
 * A container's first process is PID 1 of its namespace and ignores every signal it has no handler
 * for (pid_namespaces(7)): without a last resort nobody could get rid of `sleep`.
 */
static bool is_final(struct attach *a, int signo)
{
	if (signo != SIGINT && signo != SIGTERM && signo != SIGHUP && signo != SIGQUIT)
		return false;
	return !a->running || ++a->interrupts >= INTERRUPTS;
}

static void signalled(struct loop_signal *source, int signo)
{
	struct attach *a = container_of(source, struct attach, signals);

	if (signo == SIGWINCH) {
		send_size(a);
	} else if (is_final(a, signo)) {
		a->client->cancelled = true;
		loop_quit(&a->client->loop, 0);
	} else if (a->running) {
		task_kill_send(a->client, a->record->id, a->exec_id, signo);
	}
}

static int take_signals(struct attach *a)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(passed_signals); i++)
		sigaddset(&set, passed_signals[i]);
	return loop_signal_start(&a->client->loop, &a->signals, &set, signalled);
}

/* Outputs are opened before the shim opens its end, so that no write of it meets a closed pipe. */
static int make_fifo(struct attach *a, int stream)
{
	a->paths[stream] = xasprintf("%s/%s%s%s", a->record->run_path, a->exec_id,
				     *a->exec_id ? "-" : "", stream_names[stream]);
	if (mkfifo(a->paths[stream], 0600) < 0) {
		int r = -errno;

		/* Whose it is, we must not remove it. */
		free(take_ptr(a->paths[stream]));
		return r;
	}
	a->fifos[stream] =
		open(a->paths[stream], (stream == 0 ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
	return a->fifos[stream] < 0 ? -errno : 0;
}

int attach_check(bool input, bool terminal, struct err *err)
{
	if (terminal && input && !isatty(STDIN_FILENO))
		return err_set(err, -EINVAL,
			       "--tty with --interactive needs a terminal on stdin: leave out -t");
	return 0;
}

int attach_prepare(struct attach *a, struct client *client, const struct record *record,
		   const char *exec_id, bool input, bool terminal, struct err *err)
{
	int r;

	*a = (struct attach){
		.client = client,
		.record = record,
		.exec_id = exec_id,
		.terminal = terminal,
		.fifos = {-EBADF, -EBADF, -EBADF},
		.signals = {.io = LOOP_IO_NULL},
	};
	for (int i = 0; i < 3; i++)
		pump_init(&a->pumps[i]);
	r = take_signals(a);
	if (r == 0 && input)
		r = make_fifo(a, 0);
	if (r == 0)
		r = make_fifo(a, 1);
	if (r == 0 && !terminal)
		r = make_fifo(a, 2);
	if (r < 0) {
		attach_end(a);
		return err_errno(err, r, "cannot make the pipes for the process in %s",
				 record->run_path);
	}
	return 0;
}

const char *attach_path(const struct attach *a, int stream)
{
	return a->paths[stream] ? a->paths[stream] : "";
}

static void output_done(struct pump *pump, int error)
{
	struct attach *a = pump->userdata;
	int stream = (int)(pump - a->pumps);

	if (error < 0 && error != -EPIPE && a->lost == 0) {
		a->lost = error;
		a->lost_stream = stream;
	}
	/*
	 * When it is our own stdout that is closed, the process gets SIGPIPE as it would in a pipe.
	 */
	a->fifos[stream] = fd_close(a->fifos[stream]);
	if (--a->open_outputs == 0)
		loop_quit(&a->client->loop, 0);
}

static void input_done(struct pump *pump, int error _unused_)
{
	struct attach *a = pump->userdata;
	Containerd__Task__V2__CloseIORequest request = CONTAINERD__TASK__V2__CLOSE_IOREQUEST__INIT;

	a->fifos[0] = fd_close(a->fifos[0]);
	request.id = a->record->id;
	request.exec_id = rpc_str(a->exec_id);
	request.stdin_ = true;
	client_send(a->client, "CloseIO", &request.base);
}

static int start_pump(struct attach *a, int stream)
{
	struct pump *p = &a->pumps[stream];
	bool in = stream == 0;

	if (a->fifos[stream] < 0)
		return 0;
	p->userdata = a;
	p->done = in ? input_done : output_done;
	a->open_outputs += !in;
	return pump_start(p, &a->client->loop, in ? STDIN_FILENO : a->fifos[stream],
			  in ? a->fifos[0] : stream, a->buffers + stream * BUFFER, BUFFER);
}

static void raw_mode(struct attach *a)
{
	struct termios raw;

	if (!a->terminal || a->fifos[0] < 0 || tcgetattr(STDIN_FILENO, &a->saved) < 0)
		return;
	raw = a->saved;
	cfmakeraw(&raw);
	a->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

int attach_begin(struct attach *a, struct err *err)
{
	int r = 0;

	raw_mode(a);
	a->buffers = xmalloc(3 * BUFFER);
	for (int i = 0; i < 3 && r == 0; i++)
		r = start_pump(a, i);
	send_size(a);
	return r < 0 ? err_errno(err, r, "cannot copy our standard streams") : 0;
}

void attach_running(struct attach *a)
{
	a->running = true;
}

int attach_drain(struct attach *a, struct err *err)
{
	while (a->open_outputs > 0 && !a->client->cancelled)
		(void)loop_run(&a->client->loop);
	if (a->lost == 0)
		return 0;
	return err_errno(err, a->lost, "cannot write to %s", stream_names[a->lost_stream]);
}

void attach_end(struct attach *a)
{
	if (!a->client)
		return;
	if (a->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &a->saved);
	a->raw = false;
	for (int i = 0; i < 3; i++) {
		pump_stop(&a->pumps[i]);
		a->fifos[i] = fd_close(a->fifos[i]);
		if (a->paths[i])
			(void)unlink(a->paths[i]);
		free(take_ptr(a->paths[i]));
	}
	free(take_ptr(a->buffers));
	loop_signal_stop(&a->signals);
}
