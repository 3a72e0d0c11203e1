/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "sandbox.pb-c.h"
#include "sandbox/passt.h"
#include "shim/lifeline.h"
#include "shim/test-shim.h"

static struct asked create, start, waiting, asked;

static void ask_shutdown(struct asked *a, bool now)
{
	Containerd__Task__V2__ShutdownRequest request =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	request.id = (char *)"c1";
	request.now = now;
	ask(a, "Shutdown", &request.base);
}

static void check_created(const Containerd__Task__V2__CreateTaskRequest *request)
{
	Caisson__Guest__V1__Container *container;
	ProtobufCMessage *m;

	test_int(rpc_any_unpack(request->options, &caisson__guest__v1__container__descriptor, &m),
		 0);
	container = (Caisson__Guest__V1__Container *)m;
	test_str(request->id, "c1");
	test_str(request->stdin_, "");
	test_int(strncmp(request->stdout_, "stream://stdout-", 16), 0);
	test_int(strncmp(request->stderr_, "stream://stderr-", 16), 0);
	test_str(container->hostname, "c1");
	test_int(container->process->n_args, 2);
	test_str(container->process->args[1], "1000");
	test_str(container->process->env[0], "A=b");
	test_str(container->process->cwd, "/work");
	test_str(container->process->user, "1000");
	rpc_free(m);
}

static void create_waits_for_the_guest(void)
{
	Containerd__Task__V2__CreateTaskResponse
		reply = CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT,
		*response;
	ProtobufCMessage *m;

	test_shim_begin(false);
	ask_create(&create, "c1");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__UNKNOWN);
	test_true(!create.done);
	test_shim_boot();
	m = asked_of_guest("Create", &containerd__task__v2__create_task_request__descriptor);
	check_created((const Containerd__Task__V2__CreateTaskRequest *)m);
	rpc_free(m);
	reply.pid = 4711;
	guest_replies(&reply.base);
	response = (Containerd__Task__V2__CreateTaskResponse *)expect_ok(
		&create, &containerd__task__v2__create_task_response__descriptor);
	test_int(response->pid, 4711);
	rpc_free(&response->base);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__CREATED);
	test_shim_end();
}

/* The status, the record and the log; but first of all the output. */
static void the_end_is_told_after_the_output(void)
{
	struct iolog_reader reader;
	char buf[16];
	int status;

	begin_running(false);
	ask_wait(&waiting, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	guest_ends(3);
	test_peer_close(test_guest_stream(&t.guest, "stderr"));
	while (!stream_done(&t.shim.first.init->err))
		expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_int(send(test_guest_stream(&t.guest, "stdout")->fd, "late", 4, MSG_NOSIGNAL), 4);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_true(!waiting.done && !t.shim.waited);
	test_peer_close(test_guest_stream(&t.guest, "stdout"));
	expect_waited(&waiting, 3);
	test_true(t.shim.waited && t.told > 0);
	test_int(record_state(&t.record, &status), RECORD_STOPPED);
	test_int(status, 3);
	reader = (struct iolog_reader){.fd = openat(t.record.dir, "log", O_RDONLY | O_CLOEXEC)};
	test_int(iolog_read(&reader, buf, sizeof(buf)), 4);
	test_mem(buf, "late", 4);
	fd_close(reader.fd);
	/* The guest may write back what it holds. */
	test_int(t.shim.sandbox.state, SANDBOX_ENDING);
	run_until(&t.loop, guest_was_asked("Shutdown"));
	/* Who comes late is told as well. */
	ask_wait(&waiting, "");
	expect_waited(&waiting, 3);
	ask_kill(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "already finished");
	test_shim_end();
}

static void calls_have_their_time(void)
{
	test_shim_begin(false);
	ask_state(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "c1");
	ask_create(&asked, "other");
	expect(&asked, TTRPC_NOT_FOUND, "container other");
	ask_create(&create, "c1");
	ask_create(&asked, "c1");
	expect(&asked, TTRPC_ALREADY_EXISTS, "c1");
	ask_start(&asked, "e1");
	expect(&asked, TTRPC_NOT_FOUND, "e1");
	ask_id(&asked, "Checkpoint", "");
	expect(&asked, TTRPC_UNIMPLEMENTED, "checkpoints are made by `caisson checkpoint` only");
	test_true(!create.done);
	test_shim_end();
}

static void a_broken_request_is_answered(void)
{
	static const uint8_t broken[] = {0x0a, 0x7f, 'c'};

	test_shim_begin(false);
	ask_bytes(&asked, "Start", broken, sizeof(broken));
	expect(&asked, TTRPC_INTERNAL, "");
	/* Nothing at all is a request without ids. */
	ask(&asked, "Start", EMPTY);
	expect(&asked, TTRPC_NOT_FOUND, "");
	ask(&asked, "Connect", EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_shim_end();
}

static void a_refused_create_ends_the_vm(void)
{
	test_shim_begin(false);
	test_shim_boot();
	ask_create(&create, "c1");
	ask_wait(&waiting, "");
	rpc_free(asked_of_guest("Create", &containerd__task__v2__create_task_request__descriptor));
	guest_fails(TTRPC_NOT_FOUND, "exec: \"sleep\" was not found");
	expect(&create, TTRPC_NOT_FOUND, "exec: \"sleep\"");
	expect(&waiting, TTRPC_NOT_FOUND, "exec: \"sleep\"");
	run_until(&t.loop, t.shim.sandbox.state == SANDBOX_ENDED);
	test_true(!t.shim.first.started);
	ask_start(&asked, "");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "");
	test_shim_end();
}

static void a_boot_can_be_given_up(void)
{
	test_shim_begin(false);
	ask_create(&create, "c1");
	ask_shutdown(&asked, false);
	expect(&asked, TTRPC_OK, "");
	test_int(t.shim.sandbox.state, SANDBOX_BOOTING);
	ask_kill(&asked, "");
	expect(&asked, TTRPC_UNAVAILABLE, "booting");
	ask_shutdown(&asked, true);
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, t.shim.sandbox.state == SANDBOX_ENDED);
	/* Somebody reads this: an empty message would say nothing at all. */
	expect(&create, TTRPC_UNAVAILABLE, "ended");
	test_shim_end();

	test_shim_begin(false);
	sandbox_stop(&t.shim.sandbox, false);
	ask_create(&create, "c1");
	expect(&create, TTRPC_UNAVAILABLE, "ended");
	test_shim_end();
}

static void a_boot_can_be_killed(void)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = (char *)"c1";
	request.signal = SIGKILL;
	test_shim_begin(false);
	ask_create(&create, "c1");
	ask(&asked, "Kill", &request.base);
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, t.shim.sandbox.state == SANDBOX_ENDED);
	expect(&create, TTRPC_UNAVAILABLE, "ended");
	test_shim_end();
}

/* What the guest was allowed for a call that waits in it, nanoseconds; 0: no limit. */
static int64_t timeout_of(const char *method)
{
	for (size_t i = 0; i < t.n_calls; i++)
		if (strcmp(t.calls[i]->method->name, method) == 0)
			return t.calls[i]->timeout_nano;
	return -1;
}

static void signals_are_passed_on(void)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT, *seen;

	begin_running(false);
	request.id = (char *)"c1";
	request.signal = 15;
	ask(&asked, "Kill", &request.base);
	seen = (Containerd__Task__V2__KillRequest *)asked_of_guest(
		"Kill", &containerd__task__v2__kill_request__descriptor);
	test_int(seen->signal, 15);
	rpc_free(&seen->base);
	guest_fails(TTRPC_INVALID_ARGUMENT, "no such signal");
	expect(&asked, TTRPC_INVALID_ARGUMENT, "no such signal");
	/* A guest that hangs must not make the caller hang. */
	ask(&asked, "Kill", &request.base);
	run_until(&t.loop, guest_was_asked("Kill"));
	test_true(timeout_of("Kill") > 0);
	rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
	guest_fails(TTRPC_DEADLINE_EXCEEDED, "");
	expect(&asked, TTRPC_DEADLINE_EXCEEDED, "the guest does not answer");
	ask_kill(&asked, "e1");
	expect(&asked, TTRPC_NOT_FOUND, "e1");
	test_true(!guest_was_asked("Kill"));
	test_shim_end();
}

/* Fields of Create that ask for what cannot be had. */
static void create_has_no_field_for_nothing(void)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Types__Mount mount = CONTAINERD__TYPES__MOUNT__INIT, *mounts[] = {&mount};
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	static const struct {
		const char *name;
		enum ttrpc_code code;
	} rows[] = {
		{"checkpoint", TTRPC_UNIMPLEMENTED}, {"parent_checkpoint", TTRPC_UNIMPLEMENTED},
		{"bundle", TTRPC_INVALID_ARGUMENT},  {"rootfs", TTRPC_INVALID_ARGUMENT},
		{"options", TTRPC_INVALID_ARGUMENT}, {"terminal", TTRPC_INVALID_ARGUMENT},
		{"stderr", TTRPC_INVALID_ARGUMENT},
	};

	test_shim_begin(false);
	any.type_url = (char *)"containerd.runc.v1.Options";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		containerd__task__v2__create_task_request__init(&request);
		request.id = (char *)"c1";
		request.checkpoint = (char *)(i == 0 ? "/x" : "");
		request.parent_checkpoint = (char *)(i == 1 ? "/x" : "");
		request.bundle = i == 2 ? (char *)"/x" : t.record.dir_path;
		request.n_rootfs = i == 3;
		request.rootfs = mounts;
		request.options = i == 4 ? &any : NULL;
		request.terminal = i >= 5;
		t.spec.terminal = i == 6;
		request.stderr_ = (char *)(i == 6 ? "/x" : "");
		ask(&asked, "Create", &request.base);
		expect(&asked, rows[i].code, rows[i].name);
		test_true(!t.shim.first.init);
	}
	/* As containerd sends it when there are none. */
	any.type_url = (char *)"";
	request.options = &any;
	request.stderr_ = (char *)"";
	ask(&create, "Create", &request.base);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__UNKNOWN);
	test_true(t.shim.first.init->terminal && !create.done);
	test_shim_end();
}

static void other_containers_are_unknown(void)
{
	static const char *const methods[] = {"State", "Start",	    "Delete",  "Pids", "Kill",
					      "Exec",  "ResizePty", "CloseIO", "Wait", "Shutdown"};
	Containerd__Task__V2__ConnectRequest request = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	Containerd__Task__V2__ConnectResponse *response;

	begin_running(false);
	/* The id is the first field of every request. */
	request.id = (char *)"other";
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		ask(&asked, methods[i], &request.base);
		expect(&asked, TTRPC_NOT_FOUND, "container other does not exist");
	}
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	for (int i = 0; i < 2; i++) {
		request.id = (char *)(i ? "c1" : "other");
		ask(&asked, "Connect", &request.base);
		response = (Containerd__Task__V2__ConnectResponse *)expect_ok(
			&asked, &containerd__task__v2__connect_response__descriptor);
		test_int(response->task_pid, i ? 7 : 0);
		rpc_free(&response->base);
	}
	test_shim_end();
}

/* The network comes first, and may take a while. */
static void start_is_asked_for_once(void)
{
	struct network *network = &t.shim.sandbox.network;

	test_shim_begin(false);
	test_shim_boot();
	ask_create(&create, "c1");
	guest_creates();
	expect(&create, TTRPC_OK, "");
	network->n = 1;
	network->passt = true;
	passt_state(&network->next);
	network->joined[0] = network->next.ifs[0].index;
	ask_start(&start, "");
	run_until(&t.loop, guest_was_asked("Configure"));
	ask_start(&asked, "");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "being started");
	ask_id(&asked, "Delete", "");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "being started");
	sandbox_stop(&t.shim.sandbox, false);
	expect(&start, TTRPC_UNAVAILABLE, "the virtual machine has ended");
	network->n = 0;
	test_shim_end();
}

static void an_exec_is_not_all(void)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT, *seen;

	begin_running(false);
	ask_exec_over(t.client, &create, "e1");
	guest_execs();
	ask_start(&start, "e1");
	guest_starts();
	expect(&start, TTRPC_OK, "");
	request.id = (char *)"c1";
	request.exec_id = (char *)"e1";
	request.all = true;
	ask(&asked, "Kill", &request.base);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "all: ");
	request.all = false;
	request.signal = 65;
	ask(&asked, "Kill", &request.base);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "signal: ");
	request.exec_id = (char *)"";
	request.signal = 15;
	request.all = true;
	ask(&asked, "Kill", &request.base);
	seen = (Containerd__Task__V2__KillRequest *)asked_of_guest(
		"Kill", &containerd__task__v2__kill_request__descriptor);
	test_true(seen->all);
	rpc_free(&seen->base);
	test_shim_end();
}

/* Only what was asked for: CloseIO without stdin closes nothing. */
static void input_ends_when_it_should(void)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Containerd__Task__V2__CloseIORequest close_io = CONTAINERD__TASK__V2__CLOSE_IOREQUEST__INIT;
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct process *p;

	begin_running(false);
	process.terminal = true;
	test_int(rpc_any_pack(&process.base, &any), 0);
	request.id = close_io.id = (char *)"c1";
	request.exec_id = close_io.exec_id = (char *)"e1";
	request.spec = &any;
	request.stdin_ = path_join(t.paths.root, "in");
	test_int(mkfifo(request.stdin_, 0600), 0);
	/* That it has a terminal may stand in either place. */
	request.stderr_ = (char *)"/x";
	ask(&asked, "Exec", &request.base);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "stderr: ");
	request.stderr_ = (char *)"";
	ask(&create, "Exec", &request.base);
	guest_execs();
	expect(&create, TTRPC_OK, "");
	p = list_first(&t.shim.first.execs, struct process, link);
	for (int i = 0; i < 2; i++) {
		test_true(p->terminal && p->in.keeper_fd >= 0);
		close_io.stdin_ = i;
		ask(&asked, "CloseIO", &close_io.base);
		expect(&asked, TTRPC_OK, "");
	}
	test_int(p->in.keeper_fd, -EBADF);
	free(request.stdin_);
	rpc_any_done(&any);
	test_shim_end();
}

static void execs_come_and_go(void)
{
	begin_running(false);
	ask_exec_over(t.client, &create, "e1");
	ask_exec_over(t.client, &asked, "e1");
	expect(&asked, TTRPC_ALREADY_EXISTS, "e1");
	rpc_free(asked_of_guest("Exec", &containerd__task__v2__exec_process_request__descriptor));
	guest_replies(EMPTY);
	expect(&create, TTRPC_OK, "");
	expect_state("e1", CONTAINERD__V1__TYPES__STATUS__CREATED);
	ask_wait(&waiting, "e1");
	ask_start(&start, "e1");
	guest_starts();
	expect(&start, TTRPC_OK, "");
	ask_delete(&asked, "e1");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "running process");
	test_shim_end();
}

static void one_that_was_not_started_can_end(void)
{
	test_shim_begin(false);
	test_shim_boot();
	ask_create(&create, "c1");
	guest_creates();
	expect(&create, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__CREATED);
	ask_wait(&waiting, "");
	guest_ends(137);
	close_outputs();
	expect_waited(&waiting, 137);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	test_true(t.shim.first.started);
	ask_start(&asked, "");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "stopped");
	test_shim_end();
}

/* Two calls of Wait are with the guest then; the first one is the container's own. */
static void an_exec_ends(void)
{
	begin_running(false);
	rpc_free(asked_of_guest("Wait", &containerd__task__v2__wait_request__descriptor));
	ask_exec_over(t.client, &create, "e1");
	rpc_free(asked_of_guest("Exec", &containerd__task__v2__exec_process_request__descriptor));
	guest_replies(EMPTY);
	ask_start(&start, "e1");
	ask_wait(&waiting, "e1");
	guest_starts();
	guest_ends(0x105);
	/* The guest's is as much as a status can be. */
	expect_waited(&waiting, 5);
	run_until(&t.loop, guest_was_asked("Delete"));
	test_int(t.shim.first.n_execs, 1);
	ask_delete(&asked, "e1");
	expect(&asked, TTRPC_OK, "");
	test_int(t.shim.first.n_execs, 0);
	ask_state(&asked, "e1");
	expect(&asked, TTRPC_NOT_FOUND, "e1");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_true(!t.shim.waited);
	test_shim_end();
}

/* An exec that has ended, and that nobody has deleted. */
static void run_exec(struct ttrpc_client *client, const char *exec_id)
{
	Containerd__Task__V2__DeleteResponse deleted = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;

	ask_exec_over(client, &create, exec_id);
	guest_execs();
	expect(&create, TTRPC_OK, "");
	ask_start(&start, exec_id);
	guest_starts();
	expect(&start, TTRPC_OK, "");
	ask_wait(&waiting, exec_id);
	guest_ends(0);
	expect_waited(&waiting, 0);
	rpc_free(asked_of_guest("Delete", &containerd__task__v2__delete_request__descriptor));
	guest_replies(&deleted.base);
}

static void execs_of_clients_that_vanished_make_room(void)
{
	struct ttrpc_client *other;
	char id[16];

	begin_running(false);
	rpc_free(asked_of_guest("Wait", &containerd__task__v2__wait_request__descriptor));
	other = test_client();
	for (int i = 0; i < ABI_EXECS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "e%d", i);
		run_exec(other, id);
	}
	ask_exec_over(t.client, &asked, "more");
	expect(&asked, TTRPC_RESOURCE_EXHAUSTED, "execs already");
	ttrpc_client_free(other);
	run_until(&t.loop, t.n_closed == 1);
	/* As long as there is a place for it, it is known; and now it is ours. */
	expect_state("e0", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	ask_exec_over(t.client, &create, "more");
	guest_execs();
	expect(&create, TTRPC_OK, "");
	test_int(t.shim.first.n_execs, ABI_EXECS_MAX);
	expect_state("e0", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	ask_state(&asked, "e1");
	expect(&asked, TTRPC_NOT_FOUND, "e1");
	expect_state("e2", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	test_shim_end();
}

static void execs_never_started_make_room_too(void)
{
	Containerd__Task__V2__DeleteRequest *request;
	struct ttrpc_client *other;
	char id[16];

	begin_running(false);
	other = test_client();
	for (int i = 0; i < ABI_EXECS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "e%d", i);
		ask_exec_over(other, &create, id);
		guest_execs();
		expect(&create, TTRPC_OK, "");
	}
	ask_wait(&waiting, "e0");
	ttrpc_client_free(other);
	run_until(&t.loop, t.n_closed == 1);
	ask_exec_over(t.client, &create, "more");
	/* Somebody waits for the first one. The guest has no more places than we have. */
	request = (Containerd__Task__V2__DeleteRequest *)asked_of_guest(
		"Delete", &containerd__task__v2__delete_request__descriptor);
	test_str(request->exec_id, "e1");
	rpc_free(&request->base);
	guest_replies(EMPTY);
	guest_execs();
	expect(&create, TTRPC_OK, "");
	test_shim_end();
}

/* @return: our end of a FIFO, for its output */
static int make_fifo(const char *path)
{
	int fd;

	test_int(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	test_true(fd >= 0);
	return fd;
}

static void fifos_go_once_they_are_open(void)
{
	Containerd__Task__V2__StateResponse *response;
	char *ours, *theirs;
	char byte;
	int out, err;

	begin_running(false);
	ours = path_join(t.record.run_path, "e1-stdout");
	theirs = path_join(t.paths.root, "e1-stderr");
	out = make_fifo(ours);
	err = make_fifo(theirs);
	ask_exec_with(t.client, &create, "e1", ours, theirs);
	guest_execs();
	expect(&create, TTRPC_OK, "");
	test_int(access(ours, F_OK), -1);
	test_int(access(theirs, F_OK), 0);
	/* There is a writer all the same. */
	test_int(read(out, &byte, 1), -1);
	test_int(errno, EAGAIN);
	/* Who comes later finds the names here. */
	ask_state(&asked, "e1");
	response = (Containerd__Task__V2__StateResponse *)expect_ok(
		&asked, &containerd__task__v2__state_response__descriptor);
	test_str(response->stdin_, "");
	test_str(response->stdout_, ours);
	test_str(response->stderr_, theirs);
	rpc_free(&response->base);
	fd_close(out);
	fd_close(err);
	free(ours);
	free(theirs);
	test_shim_end();
}

static void bad_execs_are_refused(void)
{
	static const char *const ids[] = {"", "../e", "a/b", "e\n", ".e"};
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;

	begin_running(false);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		ask_exec_over(t.client, &asked, ids[i]);
		expect(&asked, TTRPC_INVALID_ARGUMENT, "exec_id");
	}
	request.id = (char *)"c1";
	request.exec_id = (char *)"e1";
	ask(&asked, "Exec", &request.base);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "spec");
	request.id = (char *)"c2";
	ask(&asked, "Exec", &request.base);
	expect(&asked, TTRPC_NOT_FOUND, "container c2 does not exist");
	/* What the guest refuses is forgotten, and its name free again. */
	for (int i = 0; i < 2; i++) {
		ask_exec_over(t.client, &asked, "e1");
		rpc_free(asked_of_guest("Exec",
					&containerd__task__v2__exec_process_request__descriptor));
		guest_fails(TTRPC_NOT_FOUND, "exec: no such file");
		expect(&asked, TTRPC_NOT_FOUND, "exec: no such file");
		test_int(t.shim.first.n_execs, 0);
	}
	test_shim_end();
}

static void execs_are_limited(void)
{
	static struct asked last;

	begin_running(false);
	t.shim.first.n_execs = ABI_EXECS_MAX - 1;
	ask_exec_over(t.client, &last, "e1");
	ask_exec_over(t.client, &asked, "e2");
	expect(&asked, TTRPC_RESOURCE_EXHAUSTED, "has 256 execs already");
	/* One that goes makes room. */
	rpc_free(asked_of_guest("Exec", &containerd__task__v2__exec_process_request__descriptor));
	guest_fails(TTRPC_NOT_FOUND, "exec: no such file");
	expect(&last, TTRPC_NOT_FOUND, "");
	ask_exec_over(t.client, &asked, "e2");
	rpc_free(asked_of_guest("Exec", &containerd__task__v2__exec_process_request__descriptor));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_shim_end();
}

/* Whoever asked has gone by the time there is an answer. */
static void clients_may_vanish(void)
{
	struct ttrpc_client *other;
	static struct asked lost[3];

	begin_running(false);
	other = test_client();
	ask_exec_over(other, &lost[0], "e1");
	{
		Containerd__Task__V2__WaitRequest w = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
		Containerd__Task__V2__KillRequest k = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

		w.id = k.id = (char *)"c1";
		ask_over(other, &lost[1], RPC_SERVICE_TASK_V3, "Wait", &w.base);
		ask_over(other, &lost[2], RPC_SERVICE_TASK_V3, "Kill", &k.base);
	}
	run_until(&t.loop, guest_was_asked("Kill") && guest_was_asked("Exec"));
	test_true(!list_empty(&t.shim.waiters));
	ttrpc_client_free(other);
	run_until(&t.loop, list_empty(&t.shim.waiters));
	test_true(list_empty(&t.shim.forwards));
	rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
	guest_replies(EMPTY);
	rpc_free(asked_of_guest("Exec", &containerd__task__v2__exec_process_request__descriptor));
	guest_replies(EMPTY);
	ask_start(&start, "e1");
	guest_starts();
	expect(&start, TTRPC_OK, "");
	test_shim_end();
}

static Caisson__Sandbox__V1__TimingResponse *ask_timing(void)
{
	ask_over(t.client, &asked, SHIM_SERVICE, "Timing", EMPTY);
	return (Caisson__Sandbox__V1__TimingResponse *)expect_ok(
		&asked, &caisson__sandbox__v1__timing_response__descriptor);
}

static void phases_are_told(void)
{
	Caisson__Sandbox__V1__TimingResponse *response;

	begin_running(false);
	response = ask_timing();
	test_int(response->n_phases, 4);
	for (size_t i = 1; i < response->n_phases; i++)
		test_true(response->phases[i]->at_ns >= response->phases[i - 1]->at_ns);
	test_str(response->phases[0]->name, "shim started");
	test_str(response->phases[3]->name, "command started");
	test_str(response->phases[3]->step, "start");
	rpc_free(&response->base);
	test_shim_end();
}

/* How much later it is than it really is. */
static uint64_t passed_ns;

static uint64_t clock_later(void)
{
	return clock_now() + passed_ns;
}

static void begin_exec(const char *exec_id)
{
	ask_exec_over(t.client, &create, exec_id);
	guest_execs();
	expect(&create, TTRPC_OK, "");
	ask_start(&start, exec_id);
	run_until(&t.loop, guest_was_asked("Start"));
}

/* Only what has started: why another one does not is nothing that a histogram tells. */
static void starts_of_execs_are_counted(void)
{
	Caisson__Sandbox__V1__TimingResponse *response;
	const Caisson__Sandbox__V1__Histogram *h;

	begin_running(false);
	t.loop.now = clock_later;
	begin_exec("e1");
	passed_ns += 3 * NSEC_PER_SEC;
	guest_starts();
	expect(&start, TTRPC_OK, "");
	begin_exec("e2");
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	guest_fails(TTRPC_NOT_FOUND, "no such program");
	expect(&start, TTRPC_NOT_FOUND, "no such program");
	response = ask_timing();
	h = response->exec_starts;
	test_int(h->n_buckets, LATENCY_BUCKETS + 1);
	for (size_t i = 0; i < h->n_buckets; i++)
		test_int(h->buckets[i]->count, h->buckets[i]->up_to_ns == 5 * NSEC_PER_SEC);
	test_true(h->sum_ns >= 3 * NSEC_PER_SEC && h->sum_ns < 5 * NSEC_PER_SEC);
	test_int(h->buckets[LATENCY_BUCKETS]->up_to_ns, 0);
	rpc_free(&response->base);
	test_shim_end();
}

/* A bound belongs to what is below it. */
static void each_has_a_bucket(void)
{
	struct latency latency = {.sum_ns = 0};

	latency_add(&latency, 0);
	latency_add(&latency, latency_bounds[0]);
	latency_add(&latency, latency_bounds[LATENCY_BUCKETS - 1] + 1);
	test_int(latency.counts[0], 2);
	test_int(latency.counts[LATENCY_BUCKETS], 1);
}

int main(void)
{
	test_run(create_waits_for_the_guest);
	test_run(the_end_is_told_after_the_output);
	test_run(calls_have_their_time);
	test_run(a_broken_request_is_answered);
	test_run(a_refused_create_ends_the_vm);
	test_run(a_boot_can_be_given_up);
	test_run(a_boot_can_be_killed);
	test_run(signals_are_passed_on);
	test_run(create_has_no_field_for_nothing);
	test_run(other_containers_are_unknown);
	test_run(start_is_asked_for_once);
	test_run(an_exec_is_not_all);
	test_run(input_ends_when_it_should);
	test_run(execs_come_and_go);
	test_run(one_that_was_not_started_can_end);
	test_run(an_exec_ends);
	test_run(execs_of_clients_that_vanished_make_room);
	test_run(execs_never_started_make_room_too);
	test_run(fifos_go_once_they_are_open);
	test_run(bad_execs_are_refused);
	test_run(execs_are_limited);
	test_run(clients_may_vanish);
	test_run(phases_are_told);
	test_run(starts_of_execs_are_counted);
	test_run(each_has_a_bucket);
	return 0;
}
