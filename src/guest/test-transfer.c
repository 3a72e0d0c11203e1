/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/transfer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "guest/reap.h"
#include "loop/test-clock.h"

/* A service whose calls are transfers, and clients of it. The request is the URI of the stream. */

static struct loop loop;
static struct workers workers;
static struct stream_table streams;
static struct process_table processes;
static struct reaper reaper = REAPER_NULL;
static struct ttrpc_server *server;

/* What the next call is for. */
static int (*run)(const ProtobufCMessage *request, int stream, int words);
static const char *container; /* NULL: in none */

static void go(struct ttrpc_call *call)
{
	char uri[128];

	(void)snprintf(uri, sizeof(uri), "%.*s", (int)call->payload_len, call->payload);
	if (container)
		transfer_begin_in(call, uri, container, run, NULL);
	else
		transfer_begin(call, uri, run, NULL);
}

static const struct ttrpc_method methods[] = {{.name = "Go", .handler = go}, {.name = NULL}};
static const struct ttrpc_service services[] = {{.name = "t", .methods = methods}, {.name = NULL}};

static void reaped(struct reaper *r _unused_, pid_t pid, uint32_t status)
{
	test_true(workers_reaped(&workers, pid, status));
	loop_quit(&loop, 0);
}

static void forget(struct process *process _unused_)
{
}

static void begin(void)
{
	container = NULL;
	test_int(loop_init(&loop), 0);
	loop.now = test_clock;
	workers_init(&workers, &loop);
	stream_init(&streams, &loop);
	process_table_init(&processes, forget);
	transfer_init(&streams, &workers, &processes);
	test_int(reaper_start(&reaper, &loop, reaped), 0);
	test_int(ttrpc_server_new(&loop, services, 4, &server), 0);
}

static void await_workers(void)
{
	while (!list_empty(&workers.running))
		test_int(loop_run(&loop), 0);
}

static void end(void)
{
	ttrpc_server_free(server);
	await_workers();
	reaper_stop(&reaper);
	stream_deinit(&streams);
	loop_deinit(&loop);
}

static struct ttrpc_client *new_client(void)
{
	struct ttrpc_client *client;
	int pair[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	test_int(ttrpc_server_add(server, pair[0]), 0);
	test_int(ttrpc_client_new(&loop, pair[1], NULL, NULL, &client), 0);
	return client;
}

/* struct call - @stream: the host's end */
struct call {
	struct ttrpc_request request;
	int stream;
	bool done;
	enum ttrpc_code code;
	char text[600];
};

static void answered(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct call *call = container_of(request, struct call, request);

	call->done = true;
	call->code = answer->code;
	(void)snprintf(call->text, sizeof(call->text), "%s", answer->message);
	loop_quit(&loop, 0);
}

static int open_stream(const char *id)
{
	uint8_t greeting[4 + ABI_STREAM_ID_MAX] = {0, 0, 0, (uint8_t)strlen(id)};
	ssize_t len = 4 + (ssize_t)strlen(id);
	int pair[2];

	memcpy(greeting + 4, id, strlen(id));
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	stream_add(&streams, pair[1]);
	test_int(write(pair[0], greeting, (size_t)len), len);
	(void)test_turn(&loop);
	test_int(read(pair[0], greeting, sizeof(greeting)), len);
	test_int(fd_nonblock(pair[0], false), 0);
	return pair[0];
}

static void start_with(struct call *call, struct ttrpc_client *client, const char *uri)
{
	call->done = false;
	ttrpc_request_init(&call->request);
	test_int(
		ttrpc_client_call(client, &call->request, "t", "Go", uri, strlen(uri), 0, answered),
		0);
}

static void start(struct call *call, struct ttrpc_client *client)
{
	call->stream = open_stream("s");
	start_with(call, client, "stream://s");
}

static void finish(struct call *call)
{
	while (!call->done)
		test_int(loop_run(&loop), 0);
}

static void at_the_end(int stream)
{
	char byte;

	test_int(read(stream, &byte, 1), 0);
	fd_close(stream);
}

/* Call for one whose worker is @run_, to its end. */
static void one(struct call *call,
		int (*run_)(const ProtobufCMessage *request, int stream, int words))
{
	struct ttrpc_client *client = new_client();

	run = run_;
	start(call, client);
	finish(call);
	ttrpc_client_free(client);
}

static int refuse(const ProtobufCMessage *request _unused_, int stream _unused_, int words)
{
	(void)dprintf(words, "on the way\ncannot do it: x\n");
	return TTRPC_OUT_OF_RANGE;
}

static int fail(const ProtobufCMessage *request _unused_, int stream _unused_, int words)
{
	return transfer_say(words, -ENOENT, "find it");
}

static void status_and_words_are_the_answer(void)
{
	struct call call;

	begin();
	one(&call, refuse);
	test_int(call.code, TTRPC_OUT_OF_RANGE);
	test_str(call.text, "cannot do it: x");
	at_the_end(call.stream);
	one(&call, fail);
	test_int(call.code, TTRPC_NOT_FOUND);
	test_str(call.text, "find it: No such file or directory");
	at_the_end(call.stream);
	end();
}

static int be_killed(const ProtobufCMessage *request _unused_, int stream _unused_, int words)
{
	(void)dprintf(words, "all is well\n");
	return raise(SIGKILL);
}

static void one_killed_is_no_success(void)
{
	struct call call;

	begin();
	one(&call, be_killed);
	test_int(call.code, TTRPC_INTERNAL);
	test_str(call.text, "the process that does this was killed");
	at_the_end(call.stream);
	end();
}

#define MUCH (1u << 20)

static int put_much(const ProtobufCMessage *request _unused_, int stream, int words _unused_)
{
	static char data[MUCH];

	memset(data, 'x', sizeof(data));
	return transfer_put(&stream, data, sizeof(data)) < 0 ? TTRPC_INTERNAL : TTRPC_OK;
}

static void all_comes_and_then_the_answer(void)
{
	struct ttrpc_client *client;
	static char data[MUCH];
	struct call call;
	size_t got = 0;
	ssize_t n;

	begin();
	client = new_client();
	run = put_much;
	start(&call, client);
	(void)test_turn(&loop);
	while ((n = read(call.stream, data + got, sizeof(data) - got)) > 0)
		got += (size_t)n;
	test_int(got, MUCH);
	test_true(!memchr(data, '\0', got));
	finish(&call);
	test_int(call.code, TTRPC_OK);
	test_str(call.text, "");
	at_the_end(call.stream);
	ttrpc_client_free(client);
	end();
}

static void one_whose_reader_has_gone_fails(void)
{
	struct ttrpc_client *client;
	struct call call;

	begin();
	client = new_client();
	run = put_much;
	start(&call, client);
	fd_close(call.stream);
	finish(&call);
	test_int(call.code, TTRPC_INTERNAL);
	test_str(call.text, "");
	ttrpc_client_free(client);
	end();
}

/* Its own two, beside what every program has, and the one that lists them. */
static int count_files(const ProtobufCMessage *request _unused_, int stream, int words)
{
	DIR *dir = opendir("/proc/self/fd");
	int flags = fcntl(stream, F_GETFL), n = 0;

	if (!dir || flags < 0 || (flags & O_NONBLOCK) || fcntl(words, F_GETFD) < 0)
		return TTRPC_INTERNAL;
	for (struct dirent *de; (de = readdir(dir));)
		n += *de->d_name != '.' && atoi(de->d_name) > STDERR_FILENO &&
		     atoi(de->d_name) != dirfd(dir);
	(void)dprintf(words, "%d\n", n);
	return TTRPC_ABORTED;
}

static void it_has_nothing_else_open(void)
{
	struct call call;

	begin();
	one(&call, count_files);
	test_int(call.code, TTRPC_ABORTED);
	test_str(call.text, "2");
	fd_close(call.stream);
	end();
}

/* Goes on until it is killed, or the test has ended. */
static int hang(const ProtobufCMessage *request _unused_, int stream, int words _unused_)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)transfer_put(&stream, "x", 1);
	return pause();
}

static void await_begin(const struct call *call)
{
	char byte;

	(void)test_turn(&loop);
	test_int(read(call->stream, &byte, 1), 1);
}

static void start_all(struct call calls[TRANSFERS_MAX], struct ttrpc_client *client)
{
	run = hang;
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		start(&calls[i], client);
		await_begin(&calls[i]);
	}
}

static void refused(struct ttrpc_client *client)
{
	struct call call;

	start(&call, client);
	finish(&call);
	test_int(call.code, TTRPC_RESOURCE_EXHAUSTED);
	test_str(call.text, "more than 16 transfers at the same time");
	at_the_end(call.stream);
}

/* Whose client goes is killed; and there is room again, for as many. */
static void so_many_at_the_same_time(void)
{
	struct ttrpc_client *client, *other;
	struct call calls[TRANSFERS_MAX];

	begin();
	test_int(TRANSFERS_MAX, 16);
	other = new_client();
	for (int round = 0; round < 2; round++) {
		client = new_client();
		start_all(calls, client);
		refused(other);
		refused(client);
		ttrpc_client_free(client);
		(void)test_turn(&loop);
		for (size_t i = 0; i < TRANSFERS_MAX; i++)
			at_the_end(calls[i].stream);
		await_workers();
	}
	ttrpc_client_free(other);
	end();
}

/* Those of others go on. */
static void only_its_clients_are_cancelled(void)
{
	struct ttrpc_client *client, *other;
	struct call stays, goes;
	struct worker *worker;

	begin();
	client = new_client();
	other = new_client();
	run = hang;
	start(&stays, client);
	await_begin(&stays);
	start(&goes, other);
	await_begin(&goes);
	ttrpc_client_free(other);
	(void)test_turn(&loop);
	at_the_end(goes.stream);
	/* The first one is left. */
	while (workers.running.next->next != &workers.running)
		test_int(loop_run(&loop), 0);
	/* Nor does time end it. */
	(void)test_pass(&loop, 24 * 3600 * NSEC_PER_SEC);
	worker = list_first(&workers.running, struct worker, link);
	test_true(!worker->late && !stays.done);
	test_int(kill(worker->pid, SIGTERM), 0);
	finish(&stays);
	test_int(stays.code, TTRPC_INTERNAL);
	at_the_end(stays.stream);
	ttrpc_client_free(client);
	end();
}

static void expect(struct ttrpc_client *client, const char *uri, enum ttrpc_code code,
		   const char *text)
{
	struct call call;

	start_with(&call, client, uri);
	finish(&call);
	test_int(call.code, code);
	test_str(call.text, text);
}

static void without_a_stream(void)
{
	struct ttrpc_client *client;

	begin();
	client = new_client();
	run = hang;
	expect(client, "stream://s", TTRPC_NOT_FOUND, "stream: there is no stream://s");
	expect(client, "", TTRPC_INVALID_ARGUMENT, "stream: \"\" is none");
	expect(client, "/dev/null", TTRPC_INVALID_ARGUMENT, "stream: \"/dev/null\" is none");
	container = "c";
	expect(client, "stream://s", TTRPC_NOT_FOUND, "stream: there is no stream://s");
	test_true(list_empty(&workers.running));
	ttrpc_client_free(client);
	end();
}

/* The stream is taken and closed all the same. */
static void in_no_container(void)
{
	struct process *process;
	struct call call;

	begin();
	container = "c";
	one(&call, hang);
	test_int(call.code, TTRPC_NOT_FOUND);
	at_the_end(call.stream);
	process = process_new(&processes, NULL, "c");
	test_true(process);
	process->state = PROCESS_CREATED;
	for (int i = 0; i < 2; i++) {
		one(&call, hang);
		test_int(call.code, TTRPC_FAILED_PRECONDITION);
		test_str(call.text, "container c is not running");
		at_the_end(call.stream);
		process->pid = getpid();
		process->reaped = true;
	}
	test_true(list_empty(&workers.running));
	process->pid = 0;
	process_free(process);
	end();
}

static int look_around(const ProtobufCMessage *request _unused_, int stream _unused_,
		       int words _unused_)
{
	return access("/mnt/here", F_OK) == 0 ? TTRPC_OK : TTRPC_DATA_LOSS;
}

/* As a container's first process. Return: its number, or 0: there is no permission. */
static pid_t start_container(int life)
{
	int ready[2];
	pid_t pid;
	char byte;

	test_int(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	test_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", "/mnt", "tmpfs", 0, NULL) < 0 ||
		    close(open("/mnt/here", O_CREAT | O_CLOEXEC, 0600)) < 0)
			_exit(1);
		(void)fd_write_full(ready[1], "x", 1);
		_exit(read(life, &byte, 1) < 0);
	}
	fd_close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		test_int(waitpid(pid, NULL, 0), pid);
		pid = 0;
	}
	fd_close(ready[0]);
	return pid;
}

static void in_a_container(void)
{
	struct process *process;
	struct call call;
	int life[2];
	pid_t pid;

	test_int(pipe2(life, O_CLOEXEC), 0);
	pid = start_container(life[0]);
	if (pid == 0) {
		printf("# needs a mount namespace of its own\n");
		return;
	}
	begin();
	process = process_new(&processes, NULL, "c");
	test_true(process);
	process->state = PROCESS_RUNNING;
	process->pid = pid;
	container = "c";
	one(&call, look_around);
	test_int(call.code, TTRPC_OK);
	at_the_end(call.stream);
	container = NULL;
	one(&call, look_around);
	test_int(call.code, TTRPC_DATA_LOSS);
	at_the_end(call.stream);
	process->pid = 0;
	process_free(process);
	end();
	test_int(kill(pid, SIGKILL), 0);
	test_int(waitpid(pid, NULL, 0), pid);
	fd_close(life[0]);
	fd_close(life[1]);
}

int main(void)
{
	sigset_t set;

	/* As vminitd does. */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	test_int(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	test_run(status_and_words_are_the_answer);
	test_run(one_killed_is_no_success);
	test_run(all_comes_and_then_the_answer);
	test_run(one_whose_reader_has_gone_fails);
	test_run(it_has_nothing_else_open);
	test_run(so_many_at_the_same_time);
	test_run(only_its_clients_are_cancelled);
	test_run(without_a_stream);
	test_run(in_no_container);
	test_run(in_a_container);
	return 0;
}
