/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/attach.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "task.pb-c.h"

static char folder[] = "/tmp/test-attach-XXXXXX";
static struct record record;
static struct client client;
static struct attach attach = ATTACH_NULL;
static struct ttrpc_server *server;
static struct err err;
static int saved_stdin, saved_stdout;

/* What the shim was asked last, and how often. */
static int n_kills, n_closes, n_resizes;
static Containerd__Task__V2__KillRequest killed;
static uint32_t width, height;

static ProtobufCMessage *request_of(struct ttrpc_call *call, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m;

	test_int(rpc_unpack(type, call->payload, call->payload_len, &m), 0);
	loop_quit(&client.loop, 0);
	return m;
}

static void kill_called(struct ttrpc_call *call)
{
	ProtobufCMessage *m = request_of(call, &containerd__task__v2__kill_request__descriptor);

	killed = *(Containerd__Task__V2__KillRequest *)m;
	test_str(killed.id, "c1");
	test_str(killed.exec_id, attach.exec_id);
	n_kills++;
	rpc_free(m);
	rpc_reply_empty(call);
}

static void close_called(struct ttrpc_call *call)
{
	ProtobufCMessage *m = request_of(call, &containerd__task__v2__close_iorequest__descriptor);

	test_true(((Containerd__Task__V2__CloseIORequest *)m)->stdin_);
	n_closes++;
	rpc_free(m);
	rpc_reply_empty(call);
}

static void resize_called(struct ttrpc_call *call)
{
	ProtobufCMessage *m =
		request_of(call, &containerd__task__v2__resize_pty_request__descriptor);

	width = ((Containerd__Task__V2__ResizePtyRequest *)m)->width;
	height = ((Containerd__Task__V2__ResizePtyRequest *)m)->height;
	n_resizes++;
	rpc_free(m);
	rpc_reply_empty(call);
}

static const struct ttrpc_method methods[] = {
	{.name = "Kill", .handler = kill_called},
	{.name = "CloseIO", .handler = close_called},
	{.name = "ResizePty", .handler = resize_called},
	{.name = NULL},
};

static const struct ttrpc_service services[] = {
	{.name = RPC_SERVICE_TASK_V3, .methods = methods},
	{.name = NULL},
};

static void begin(const char *exec_id, bool input, bool terminal)
{
	int fds[2];

	n_kills = n_closes = n_resizes = 0;
	client = (struct client)CLIENT_NULL;
	test_int(loop_init(&client.loop), 0);
	test_int(ttrpc_server_new(&client.loop, services, 1, &server), 0);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	test_int(ttrpc_server_add(server, fds[0]), 0);
	test_int(ttrpc_client_new(&client.loop, fds[1], NULL, NULL, &client.rpc), 0);
	if (attach_prepare(&attach, &client, &record, exec_id, input, terminal, &err) < 0)
		test_fail("%s", err.text);
}

/*
 * Answers come in order: after this one nothing is under way, which would be lost with the client.
 */
static void settle(void)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	client.cancelled = false;
	test_int(client_call(&client, "Nothing", &request.base, NULL, NULL, &err), -ENOSYS);
}

static void end(void)
{
	attach_end(&attach);
	attach_end(&attach);
	settle();
	ttrpc_server_free(server);
	client_disconnect(&client);
	(void)dup2(saved_stdin, STDIN_FILENO);
	(void)dup2(saved_stdout, STDOUT_FILENO);
	/* No FIFO is left: the folder could be removed. */
	test_int(rmdir(folder), 0);
	test_int(mkdir(folder, 0700), 0);
}

#define run_until(condition)                                 \
	do {                                                 \
		while (!(condition))                         \
			test_int(loop_run(&client.loop), 0); \
	} while (0)

/* The shim's end of a stream. */
static int shim_opens(int stream, int flags)
{
	int fd = open(attach_path(&attach, stream), flags | O_CLOEXEC);

	test_true(fd >= 0);
	return fd;
}

static void only_what_is_wanted_is_made(void)
{
	begin("", true, false);
	test_str(attach_path(&attach, 0) + strlen(folder), "/stdin");
	test_str(attach_path(&attach, 1) + strlen(folder), "/stdout");
	test_str(attach_path(&attach, 2) + strlen(folder), "/stderr");
	end();
	begin("e1", false, true);
	test_str(attach_path(&attach, 0), "");
	test_str(attach_path(&attach, 1) + strlen(folder), "/e1-stdout");
	test_str(attach_path(&attach, 2), "");
	end();
}

static void what_is_in_the_way_is_an_error(void)
{
	struct attach second = ATTACH_NULL;

	begin("", true, false);
	test_int(attach_prepare(&second, &client, &record, "", true, false, &err), -EEXIST);
	test_true(strstr(err.text, folder));
	attach_end(&second);
	test_int(access(attach_path(&attach, 0), F_OK), 0);
	end();
}

static void streams_are_copied_until_their_end(void)
{
	int in[2], out[2], shim_in, shim_out;
	char buf[32];

	test_int(pipe2(in, O_CLOEXEC), 0);
	test_int(pipe2(out, O_CLOEXEC), 0);
	begin("", true, true);
	(void)dup2(in[0], STDIN_FILENO);
	(void)dup2(out[1], STDOUT_FILENO);
	fd_close(in[0]);
	fd_close(out[1]);
	shim_in = shim_opens(0, O_RDONLY);
	shim_out = shim_opens(1, O_WRONLY);
	test_int(attach_begin(&attach, &err), 0);
	attach_running(&attach);
	test_int(write(in[1], "typed", 5), 5);
	fd_close(in[1]);
	test_int(write(shim_out, "printed", 7), 7);
	run_until(n_closes == 1);
	test_int(fd_read_full(shim_in, buf, 5), 5);
	test_mem(buf, "typed", 5);
	fd_close(shim_out);
	test_int(attach_drain(&attach, &err), 0);
	test_int(attach.open_outputs, 0);
	test_int(read(out[0], buf, sizeof(buf)), 7);
	test_mem(buf, "printed", 7);
	fd_close(shim_in);
	fd_close(out[0]);
	end();
}

/* What @out takes of ten bytes of the process's; the other stream has none. */
static int drain_into(int out, int stream, struct err *ret)
{
	int shim_out, shim_err, saved = fcntl(stream, F_DUPFD_CLOEXEC, 3), r;

	begin("", false, false);
	(void)dup2(out, stream);
	fd_close(out);
	shim_out = shim_opens(1, O_WRONLY);
	shim_err = shim_opens(2, O_WRONLY);
	test_int(attach_begin(&attach, &err), 0);
	attach_running(&attach);
	test_int(write(stream == 1 ? shim_out : shim_err, "0123456789", 10), 10);
	fd_close(shim_out);
	fd_close(shim_err);
	r = attach_drain(&attach, ret);
	(void)dup2(saved, stream);
	fd_close(saved);
	end();
	return r;
}

static void lost_output_is_an_error(void)
{
	struct err lost = ERR_NULL;
	int pipe_fds[2];

	test_int(drain_into(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO, &lost),
		 -ENOSPC);
	test_str(lost.text, "cannot write to stdout: No space left on device");
	test_int(drain_into(open("/dev/full", O_WRONLY | O_CLOEXEC), STDERR_FILENO, &lost),
		 -ENOSPC);
	test_str(lost.text, "cannot write to stderr: No space left on device");
	/* A reader who leaves has seen enough. */
	test_int(pipe2(pipe_fds, O_CLOEXEC), 0);
	fd_close(pipe_fds[0]);
	test_int(drain_into(pipe_fds[1], STDOUT_FILENO, &lost), 0);
}

static void signals_go_to_the_process(void)
{
	begin("e1", false, false);
	attach_running(&attach);
	test_int(raise(SIGUSR1), 0);
	run_until(n_kills == 1);
	test_int(killed.signal, SIGUSR1);
	/* The third one that asks for the end is for us. */
	test_int(raise(SIGINT), 0);
	run_until(n_kills == 2);
	test_int(raise(SIGTERM), 0);
	run_until(n_kills == 3);
	test_int(killed.signal, SIGTERM);
	test_true(!client.cancelled);
	test_int(raise(SIGINT), 0);
	run_until(client.cancelled);
	test_int(n_kills, 3);
	end();
}

static void before_the_start_a_signal_is_final(void)
{
	begin("", false, false);
	test_int(raise(SIGHUP), 0);
	run_until(client.cancelled);
	test_int(n_kills, 0);
	/* Nobody waits for output then. */
	attach.open_outputs = 1;
	test_int(attach_drain(&attach, &err), 0);
	end();
}

static int open_terminal(int *ret_slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	test_true(master >= 0);
	test_int(grantpt(master), 0);
	test_int(unlockpt(master), 0);
	*ret_slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	test_true(*ret_slave >= 0);
	return master;
}

static void a_terminal_is_raw_for_a_while(void)
{
	struct winsize size = {.ws_row = 33, .ws_col = 111};
	int slave, master = open_terminal(&slave), shim_in;
	struct termios before, during, after;

	test_int(ioctl(master, TIOCSWINSZ, &size), 0);
	test_int(tcgetattr(slave, &before), 0);
	test_true(before.c_lflag & ECHO);
	begin("", true, true);
	(void)dup2(slave, STDIN_FILENO);
	(void)dup2(slave, STDOUT_FILENO);
	shim_in = shim_opens(0, O_RDONLY);
	test_int(attach_begin(&attach, &err), 0);
	test_int(tcgetattr(slave, &during), 0);
	test_true(!(during.c_lflag & (ECHO | ICANON | ISIG)));
	run_until(n_resizes == 1);
	test_int(width, 111);
	test_int(height, 33);
	size.ws_col = 80;
	test_int(ioctl(master, TIOCSWINSZ, &size), 0);
	test_int(raise(SIGWINCH), 0);
	run_until(n_resizes == 2);
	test_int(width, 80);
	attach_end(&attach);
	test_int(tcgetattr(slave, &after), 0);
	test_int(after.c_lflag, before.c_lflag);
	test_int(after.c_iflag, before.c_iflag);
	fd_close(shim_in);
	fd_close(slave);
	end();
	fd_close(master);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, NULL, _IOFBF, 65536);
	test_true(mkdtemp(folder));
	saved_stdin = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	saved_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	record = (struct record){.id = xstrdup("c1"), .dir = -EBADF, .lock = -EBADF};
	record.run_path = xstrdup(folder);
	test_run(only_what_is_wanted_is_made);
	test_run(what_is_in_the_way_is_an_error);
	test_run(streams_are_copied_until_their_end);
	test_run(lost_output_is_an_error);
	test_run(signals_go_to_the_process);
	test_run(before_the_start_a_signal_is_final);
	test_run(a_terminal_is_raw_for_a_while);
	record_done(&record);
	test_int(rmdir(folder), 0);
	return 0;
}
