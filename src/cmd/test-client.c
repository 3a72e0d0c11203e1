/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"
#include "cmd/timing.h"
#include "empty.pb-c.h"
#include "loop/test-clock.h"
#include "sandbox.pb-c.h"
#include "shim/lifeline.h"
#include "task.pb-c.h"

static char folder[] = "/tmp/test-client-XXXXXX";
static struct record record;
static struct client client = CLIENT_NULL;
static struct ttrpc_server *server;
static struct ttrpc_call *kept;
static struct err err;

/* What the shim does with a call. */
static void (*shim_answers)(struct ttrpc_call *call);

static void called(struct ttrpc_call *call)
{
	shim_answers(call);
}

static const struct ttrpc_method methods[] = {
	{.name = "Wait", .handler = called},
	{.name = "Timing", .handler = called},
	{.name = "State", .handler = called},
	{.name = "Kill", .handler = called},
	{.name = "Connect", .handler = called},
	{.name = "Info", .handler = called},
	{.name = NULL},
};

static const struct ttrpc_service services[] = {
	{.name = RPC_SERVICE_TASK_V3, .methods = methods},
	{.name = SHIM_SERVICE, .methods = methods},
	{.name = RPC_SERVICE_SYSTEM, .methods = methods},
	{.name = NULL},
};

static int listen_as_shim(void)
{
	_cleanup_free_ char *path = client_socket_path(&record);
	int fd = unix_listen(path);

	test_true(fd >= 0);
	return fd;
}

/* The shim is in the client's own loop. */
static void begin(void (*answers)(struct ttrpc_call *call))
{
	int fd = listen_as_shim();

	shim_answers = answers;
	err = (struct err)ERR_NULL;
	test_int(client_connect(&client, &record, &err), 0);
	test_int(ttrpc_server_new(&client.loop, services, 4, &server), 0);
	test_int(ttrpc_server_listen(server, fd, true), 0);
}

static void end(void)
{
	ttrpc_server_free(server);
	client_disconnect(&client);
	client_disconnect(&client);
	client = (struct client)CLIENT_NULL;
}

static int wait_call(ProtobufCMessage **ret)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;

	request.id = record.id;
	return client_call(&client, "Wait", &request.base,
			   &containerd__task__v2__wait_response__descriptor, ret, &err);
}

static void reply(struct ttrpc_call *call)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;

	response.exit_status = 42;
	rpc_reply(call, &response.base);
}

static void reply_garbage(struct ttrpc_call *call)
{
	ttrpc_call_reply(call, "\xff\xff\xff", 3);
}

static void refuse(struct ttrpc_call *call)
{
	ttrpc_call_fail(call, TTRPC_NOT_FOUND, "no %s here", "such thing");
}

static void keep_and_cancel(struct ttrpc_call *call)
{
	kept = call;
	client.cancelled = true;
	loop_quit(&client.loop, 0);
}

static void answers_are_taken_apart(void)
{
	Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	ProtobufCMessage *m = NULL;

	begin(reply);
	test_int(wait_call(&m), 0);
	test_int(((Containerd__Task__V2__WaitResponse *)m)->exit_status, 42);
	rpc_free(m);
	shim_answers = refuse;
	test_int(wait_call(&m), -ENOENT);
	test_str(err.text, "no such thing here");
	test_int(err.code, -ENOENT);
	shim_answers = reply_garbage;
	test_int(wait_call(&m), -EPROTO);
	test_true(strstr(err.text, "makes no sense"));
	test_int(client_call(&client, "Nothing", &empty.base, NULL, NULL, &err), -ENOSYS);
	end();
}

static void who_gives_up_is_not_kept(void)
{
	ProtobufCMessage *m = NULL;

	begin(keep_and_cancel);
	test_int(wait_call(&m), -EINTR);
	/* All further ones give up at once, too. */
	test_int(wait_call(&m), -EINTR);
	test_true(kept && !m);
	test_str(err.text, "interrupted");
	end();
}

/* Time goes by until the call is given up. */
static uint64_t took;

static void a_second_later(struct loop_defer *defer)
{
	test_clock_ns += NSEC_PER_SEC;
	took++;
	loop_defer_start(&client.loop, defer, a_second_later);
}

static int call_as_time_goes_by(const char *service, const char *method)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);
	Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	int r;

	took = 0;
	err = (struct err)ERR_NULL;
	loop_defer_start(&client.loop, &defer, a_second_later);
	r = client_call_service(&client, service, method, &empty.base, NULL, NULL, &err);
	loop_defer_stop(&defer);
	return r;
}

static void say_nothing(struct ttrpc_call *call)
{
	(void)call;
}

/* The shim is there, and its guest is not. */
static void only_connect(struct ttrpc_call *call)
{
	if (strcmp(call->method->name, "Connect") == 0)
		rpc_reply_empty(call);
}

/* As only_connect(), for some times. */
static int answers_left;

static void connect_for_a_while(struct ttrpc_call *call)
{
	if (answers_left > 0 && strcmp(call->method->name, "Connect") == 0) {
		answers_left--;
		rpc_reply_empty(call);
	}
}

static void begin_with_clock(void (*answers)(struct ttrpc_call *call))
{
	begin(answers);
	client.loop.now = test_clock;
	client.shim = 4711;
}

static void who_does_not_answer_is_named(void)
{
	static const char *const asked[][2] = {
		{RPC_SERVICE_TASK_V3, "State"},
		{RPC_SERVICE_TASK_V3, "Kill"},
		{RPC_SERVICE_SYSTEM, "Info"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		begin_with_clock(say_nothing);
		test_int(call_as_time_goes_by(asked[i][0], asked[i][1]), -ETIMEDOUT);
		test_int(took, CLIENT_PATIENCE_NS / NSEC_PER_SEC);
		test_true(strstr(err.text, "c1: its caisson-shim, process 4711, does not answer"));
		/* Once is enough. */
		test_int(call_as_time_goes_by(RPC_SERVICE_TASK_V3, "State"), -ETIMEDOUT);
		test_int(took, 0);
		test_true(strstr(err.text, "process 4711"));
		end();
	}
	begin_with_clock(only_connect);
	test_int(call_as_time_goes_by(RPC_SERVICE_SYSTEM, "Info"), -ETIMEDOUT);
	test_int(took, CLIENT_PATIENCE_NS / NSEC_PER_SEC);
	test_true(strstr(err.text, "container c1: the guest does not answer"));
	/* The shim still does. */
	test_int(call_as_time_goes_by(RPC_SERVICE_TASK_V3, "Connect"), 0);
	end();
}

/* What the guest does has the shim's deadlines, as long as there is a shim to have them. */
static void the_shim_is_looked_after(void)
{
	begin_with_clock(connect_for_a_while);
	answers_left = 7;
	test_int(call_as_time_goes_by(RPC_SERVICE_TASK_V3, "Kill"), -ETIMEDOUT);
	test_int(took, 8 * CLIENT_PATIENCE_NS / NSEC_PER_SEC);
	test_true(strstr(err.text, "process 4711"));
	end();
}

static void give_up_after_a_day(struct loop_timer *timer)
{
	(void)timer;
	client.cancelled = true;
	loop_quit(&client.loop, 0);
}

static void waiting_has_no_end(const char *method, uint64_t patience)
{
	struct loop_timer day = LOOP_TIMER_NULL(day);

	begin_with_clock(say_nothing);
	client.patience = patience;
	loop_timer_start(&client.loop, &day, test_clock() + 86400 * NSEC_PER_SEC,
			 give_up_after_a_day);
	test_int(call_as_time_goes_by(RPC_SERVICE_TASK_V3, method), -EINTR);
	test_int(took, 86400);
	end();
}

static void who_wants_to_wait_may(void)
{
	waiting_has_no_end("Wait", CLIENT_PATIENCE_NS);
	waiting_has_no_end("State", 0);
}

/* A process that listens and is not us is who it is. */
static void the_shim_is_known(void)
{
	int fd = listen_as_shim(), pipe_fds[2];
	char byte;
	pid_t pid;

	test_int(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		_exit(listen(fd, 4) < 0 || write(pipe_fds[1], "x", 1) != 1 || pause());
	test_int(client_connect(&client, &record, &err), 0);
	test_true(client.shim == 0 || client.shim == pid);
	client_disconnect(&client);
	test_int(read(pipe_fds[0], &byte, 1), 1);
	test_int(client_connect(&client, &record, &err), 0);
	test_int(client.shim, pid);
	client_disconnect(&client);
	test_int(kill(pid, SIGKILL), 0);
	test_int(waitpid(pid, NULL, 0), pid);
	client = (struct client)CLIENT_NULL;
	fd_close(pipe_fds[0]);
	fd_close(pipe_fds[1]);
	fd_close(fd);
}

static void without_a_shim_there_is_a_message(void)
{
	_cleanup_free_ char *path = client_socket_path(&record);

	(void)unlink(path);
	test_int(client_connect(&client, &record, &err), -ENOTCONN);
	test_str(err.text, "container c1 is not running");
	client_disconnect(&client);
	/* A socket that a killed shim left. */
	fd_close(listen_as_shim());
	test_int(client_connect(&client, &record, &err), -ENOTCONN);
	client_disconnect(&client);
}

/* It accepts, says @text, and leaves. */
static void expect_unavailable(const char *text, size_t len)
{
	int fd = listen_as_shim(), peer;
	ProtobufCMessage *m = NULL;

	test_int(client_connect(&client, &record, &err), 0);
	peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	test_int(send(peer, text, len, MSG_NOSIGNAL), len);
	fd_close(peer);
	fd_close(fd);
	test_int(wait_call(&m), -ENOTCONN);
	test_true(!m && strlen(err.text) > 0);
	client_disconnect(&client);
}

static void a_shim_may_die_or_talk_nonsense(void)
{
	expect_unavailable("", 0);
	expect_unavailable("HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	expect_unavailable("\0\0\0\x05\0\0", 6);
	expect_unavailable("\xff\xff\xff\xff\0\0\0\x01\x02\0", 10);
}

static void tell_phases(struct ttrpc_call *call)
{
	Caisson__Sandbox__V1__TimingResponse response = CAISSON__SANDBOX__V1__TIMING_RESPONSE__INIT;
	Caisson__Sandbox__V1__Phase phase = CAISSON__SANDBOX__V1__PHASE__INIT, *rows[40];
	char name[200];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	phase.name = name;
	phase.at_ns = 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		rows[i] = &phase;
	response.phases = rows;
	response.n_phases = ARRAY_SIZE(rows);
	rpc_reply(call, &response.base);
}

static void timings_have_bounds(void)
{
	struct timing times = {.n = 0};

	begin(refuse);
	timing_note(&times, "first");
	timing_fetch(&times, &client);
	test_int(times.n, 1);
	shim_answers = tell_phases;
	timing_fetch(&times, &client);
	timing_note(&times, "too many");
	test_int(times.n, TIMING_MAX);
	test_str(times.notes[0].name, "first");
	test_int(strlen(times.notes[TIMING_MAX - 1].name), sizeof(times.notes[0].name) - 1);
	end();
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	test_true(mkdtemp(folder));
	record = (struct record){.id = xstrdup("c1"), .dir = -EBADF, .lock = -EBADF};
	record.run_path = xstrdup(folder);
	test_run(without_a_shim_there_is_a_message);
	test_run(answers_are_taken_apart);
	test_run(who_gives_up_is_not_kept);
	test_run(a_shim_may_die_or_talk_nonsense);
	test_run(timings_have_bounds);
	test_run(who_does_not_answer_is_named);
	test_run(the_shim_is_looked_after);
	test_run(who_wants_to_wait_may);
	test_run(the_shim_is_known);
	record_done(&record);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
