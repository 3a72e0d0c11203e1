/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/task/lifecycle.h"
#include "guest/task/process-io.h"
#include "guest/task/test-harness.h"
#include "rpc/task.h"

/*
 * The service on an executor that runs nothing: the tests tell what becomes of the processes. Their
 * pids are beyond those that the kernel gives.
 */

#define FIRST_PID 0x30000000

static pid_t last_pid;
static int last_signal, refuse;
static bool last_all;
static int child_ends[3];

static int fake_spawn(struct executor *executor, struct process *p,
		      const struct executor_request *request)
{
	(void)executor;
	test_true(request->process ? request->process->n_args > 0 : request->spec_len > 0);
	if (refuse)
		return refuse;
	p->pid = ++last_pid;
	for (int i = 0; i < 3; i++)
		child_ends[i] = p->child_io[i] < 0 ? -EBADF : dup(p->child_io[i]);
	return 0;
}

static int fake_start(struct executor *executor, struct process *p)
{
	(void)executor;
	(void)p;
	return refuse;
}

static int fake_signal(struct executor *executor, struct process *p, int signo, bool all)
{
	(void)executor;
	(void)p;
	last_signal = signo;
	last_all = all;
	return refuse;
}

static int fake_pids(struct executor *executor, const struct process *p, pid_t *ret, int max)
{
	(void)executor;
	test_true(max >= 2);
	ret[0] = p->pid;
	ret[1] = p->pid + 1;
	return 2;
}

static void fake_settle(struct executor *executor, struct process *p)
{
	(void)executor;
	(void)p;
}

static const struct executor_ops fake_ops = {
	.create = fake_spawn,
	.start = fake_start,
	.exec = fake_spawn,
	.signal = fake_signal,
	.pids = fake_pids,
	.settle = fake_settle,
	.release = fake_settle,
};
static struct executor fake = {.ops = &fake_ops, .events = &lifecycle_events};

static struct process *get(const char *exec_id)
{
	struct process *p = process_find(&harness_task.processes, "c", exec_id);

	test_true(p);
	return p;
}

static void reap(const char *exec_id, uint32_t status)
{
	for (int i = 0; i < 3; i++)
		child_ends[i] = fd_close(child_ends[i]);
	lifecycle_reaped(&harness_task, get(exec_id)->pid, status);
}

static void until_free(void)
{
	while (process_next(&harness_task.processes, NULL))
		harness_turn();
}

static char *words[] = {(char *)"cmd", NULL};
static Caisson__Guest__V1__Process process;
static struct harness_create create;

static const char *first_stdout = "";

static void begin_create(struct harness_call *call)
{
	pid_t before = last_pid;

	harness_process(&process, words);
	harness_create_init(&create, &process);
	create.request.stdout_ = (char *)first_stdout;
	harness_start_create(call, &create);
	while (last_pid == before)
		harness_turn();
}

static void created(void)
{
	struct harness_call call;

	begin_create(&call);
	test_true(!call.done);
	fake.events->prepared(get(""));
	test_int(harness_finish(&call), TTRPC_OK);
	test_int(((Containerd__Task__V2__CreateTaskResponse *)call.response)->pid, last_pid);
	harness_done(&call);
}

static void start(const char *exec_id)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	struct harness_call call;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	harness_start(&call, "Start", &request.base,
		      &containerd__task__v2__start_response__descriptor);
	while (!call.done && get(exec_id)->state != PROCESS_STARTING)
		harness_turn();
	test_true(!call.done);
	fake.events->started(get(exec_id));
	test_int(harness_finish(&call), TTRPC_OK);
	test_int(((Containerd__Task__V2__StartResponse *)call.response)->pid, get(exec_id)->pid);
	harness_done(&call);
}

static void running(void)
{
	created();
	start("");
}

static void gone(void)
{
	if (get("")->state != PROCESS_STOPPED)
		reap("", 0);
	test_int(harness_delete("", NULL), TTRPC_OK);
	until_free();
}

static void expect_state(const char *exec_id, Containerd__V1__Types__Status want)
{
	Containerd__V1__Types__Status have;

	test_int(harness_state(exec_id, &have), TTRPC_OK);
	test_int(have, want);
}

#define STATUS(name) CONTAINERD__V1__TYPES__STATUS__##name

static void a_container_lives_and_dies(void)
{
	uint32_t status = 0;

	created();
	expect_state("", STATUS(CREATED));
	start("");
	expect_state("", STATUS(RUNNING));
	test_int(harness_delete("", NULL), TTRPC_FAILED_PRECONDITION);
	test_str(harness_text, "cannot delete a running process");
	test_int(harness_start_process(""), TTRPC_FAILED_PRECONDITION);
	test_str(harness_text, "cannot start a running process");
	reap("", 42);
	expect_state("", STATUS(STOPPED));
	test_int(harness_start_process(""), TTRPC_FAILED_PRECONDITION);
	test_int(harness_kill("", 15, false), TTRPC_NOT_FOUND);
	test_str(harness_text, "process already finished");
	test_int(harness_delete("", &status), TTRPC_OK);
	test_int(status, 42);
	test_int(harness_state("", NULL), TTRPC_NOT_FOUND);
	test_str(harness_text, "container c does not exist");
	until_free();
}

static uint32_t wait_status(struct harness_call *call)
{
	const Containerd__Task__V2__WaitResponse *response;
	uint32_t status;

	test_int(harness_finish(call), TTRPC_OK);
	response = (void *)call->response;
	status = response->exit_status;
	test_true(response->exited_at && response->exited_at->seconds > 1700000000);
	harness_done(call);
	return status;
}

static void many_wait(void)
{
	struct harness_call calls[20];

	created();
	for (int i = 0; i < 10; i++)
		harness_start_wait(&calls[i], "");
	start("");
	for (int i = 10; i < 20; i++)
		harness_start_wait(&calls[i], "");
	expect_state("", STATUS(RUNNING));
	for (int i = 0; i < 20; i++)
		test_true(!calls[i].done);
	reap("", 137);
	for (int i = 0; i < 20; i++)
		test_int(wait_status(&calls[i]), 137);
	harness_start_wait(&calls[0], "");
	test_int(wait_status(&calls[0]), 137);
	gone();
	harness_start_wait(&calls[0], "");
	test_int(harness_finish(&calls[0]), TTRPC_NOT_FOUND);
	harness_done(&calls[0]);
}

static void waiters_that_vanish_are_forgotten(void)
{
	struct harness_call calls[PROCESS_WAITERS_MAX], more;

	running();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < PROCESS_WAITERS_MAX; i++)
			harness_start_wait(&calls[i], "");
		harness_start_wait(&more, "");
		test_int(harness_finish(&more), TTRPC_RESOURCE_EXHAUSTED);
		harness_done(&more);
		for (int i = 0; i < PROCESS_WAITERS_MAX; i++)
			harness_done(&calls[i]);
		harness_disconnect();
	}
	harness_start_wait(&more, "");
	expect_state("", STATUS(RUNNING));
	reap("", 0);
	test_int(wait_status(&more), 0);
	gone();
}

static void a_client_that_vanishes_takes_no_container_along(void)
{
	struct harness_call call;

	begin_create(&call);
	harness_done(&call);
	harness_disconnect();
	fake.events->prepared(get(""));
	expect_state("", STATUS(CREATED));
	start("");
	gone();
}

static void wrong_requests_to_create(void)
{
	struct harness_call call;
	Caisson__Guest__V1__Process bad;

	harness_process(&process, words);
	harness_create_init(&create, &process);
	create.request.options = NULL;
	test_int(harness_create(&create), TTRPC_UNIMPLEMENTED);
	test_str(harness_text, "options: without them the container is a bundle, and this VM has "
			       "no " ABI_CRUN);

	harness_create_init(&create, &process);
	create.any.type_url = (char *)"containerd.runc.v1.Options";
	create.request.options = NULL;
	{
		Google__Protobuf__Any other = GOOGLE__PROTOBUF__ANY__INIT;

		other.type_url = (char *)"containerd.runc.v1.Options";
		create.request.options = &other;
		test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
		test_str(harness_text, "type not supported: containerd.runc.v1.Options");
		other.type_url = (char *)ABI_TYPE_CONTAINER;
		other.value.data = (uint8_t *)"\xff\xff\xff";
		other.value.len = 3;
		test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	}

	bad = process;
	bad.n_args = 0;
	harness_create_init(&create, &bad);
	test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	bad = process;
	bad.cwd = (char *)"relative";
	test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	test_str(harness_text, "the working directory is not absolute: relative");
	harness_create_init(&create, NULL);
	test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	harness_create_init(&create, &process);
	create.request.n_rootfs = 0;
	test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	harness_create_init(&create, &process);
	create.request.checkpoint = (char *)"other";
	test_int(harness_create(&create), TTRPC_NOT_FOUND);
	harness_create_init(&create, &process);
	create.request.parent_checkpoint = (char *)"/x";
	test_int(harness_create(&create), TTRPC_UNIMPLEMENTED);
	harness_create_init(&create, &process);
	create.request.id = (char *)"../c";
	test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	harness_create_init(&create, &process);
	create.request.stdout_ = (char *)"stream://none";
	test_int(harness_create(&create), TTRPC_NOT_FOUND);
	test_str(harness_text, "no such stream: stream://none");
	create.request.stdout_ = (char *)"/run/fifo";
	test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	harness_create_init(&create, &process);
	create.request.terminal = true;
	test_int(harness_create(&create), TTRPC_INVALID_ARGUMENT);
	refuse = -EAGAIN;
	harness_create_init(&create, &process);
	test_int(harness_create(&create), TTRPC_RESOURCE_EXHAUSTED);
	refuse = 0;
	until_free();

	running();
	harness_start_create(&call, &create);
	test_int(harness_finish(&call), TTRPC_ALREADY_EXISTS);
	harness_done(&call);
	harness_create_init(&create, &process);
	create.request.id = (char *)"d";
	test_int(harness_create(&create), TTRPC_RESOURCE_EXHAUSTED);
	gone();
}

static void a_failed_create_leaves_nothing(void)
{
	struct harness_call call, second;
	int out = harness_stream("out");

	harness_process(&process, words);
	harness_create_init(&create, &process);
	create.request.stdout_ = (char *)"stream://out";
	harness_start_create(&call, &create);
	while (!process_find(&harness_task.processes, "c", ""))
		harness_turn();
	harness_start_wait(&second, "");
	test_int(harness_start_process(""), TTRPC_FAILED_PRECONDITION);
	for (int i = 0; i < 3; i++)
		child_ends[i] = fd_close(child_ends[i]);
	fake.events->failed(get(""), TTRPC_NOT_FOUND,
			    "exec: \"x\": executable file not found in $PATH");
	test_int(harness_finish(&call), TTRPC_NOT_FOUND);
	test_str(call.text, "exec: \"x\": executable file not found in $PATH");
	test_int(harness_finish(&second), TTRPC_NOT_FOUND);
	harness_done(&call);
	harness_done(&second);
	until_free();
	test_int(read(out, harness_text, 1), 0);
	fd_close(out);
}

static void killed_while_created(void)
{
	uint32_t status = 0;

	created();
	test_int(harness_kill("", 9, true), TTRPC_OK);
	test_int(last_signal, 9);
	test_true(last_all);
	reap("", 137);
	test_int(harness_start_process(""), TTRPC_FAILED_PRECONDITION);
	test_int(harness_delete("", &status), TTRPC_OK);
	test_int(status, 137);
	until_free();
}

static void deleted_while_created(void)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	struct harness_call call;

	created();
	request.id = (char *)"c";
	last_signal = 0;
	harness_start(&call, "Delete", &request.base,
		      &containerd__task__v2__delete_response__descriptor);
	while (!last_signal)
		harness_turn();
	test_int(last_signal, 9);
	test_int(harness_delete("", NULL), TTRPC_FAILED_PRECONDITION);
	test_int(harness_start_process(""), TTRPC_FAILED_PRECONDITION);
	test_true(!call.done);
	reap("", 137);
	test_int(harness_finish(&call), TTRPC_OK);
	harness_done(&call);
	until_free();
}

static void signals(void)
{
	running();
	test_int(harness_kill("", 0, false), TTRPC_OK);
	test_int(last_signal, 0);
	test_int(harness_kill("", 64, false), TTRPC_OK);
	test_int(last_signal, 64);
	test_int(harness_kill("", 65, false), TTRPC_INVALID_ARGUMENT);
	test_int(harness_kill("", UINT32_MAX, false), TTRPC_INVALID_ARGUMENT);
	refuse = -ESRCH;
	test_int(harness_kill("", 15, false), TTRPC_NOT_FOUND);
	refuse = 0;
	test_int(harness_kill("nobody", 15, false), TTRPC_NOT_FOUND);
	gone();
}

static void execs(void)
{
	uint32_t status = 0;

	harness_process(&process, words);
	test_int(harness_exec("e", &process, "", "", ""), TTRPC_NOT_FOUND);
	running();
	test_int(harness_exec("", &process, "", "", ""), TTRPC_INVALID_ARGUMENT);
	test_int(harness_exec("e", &process, "", "", ""), TTRPC_OK);
	test_int(harness_exec("e", &process, "", "", ""), TTRPC_ALREADY_EXISTS);
	expect_state("e", STATUS(CREATED));
	test_int(harness_kill("e", 15, false), TTRPC_FAILED_PRECONDITION);
	test_str(harness_text, "process not created");
	start("e");
	test_int(harness_kill("e", 15, true), TTRPC_INVALID_ARGUMENT);
	expect_state("e", STATUS(RUNNING));
	reap("e", 3);
	test_int(harness_delete("e", &status), TTRPC_OK);
	test_int(status, 3);
	test_int(harness_state("e", NULL), TTRPC_NOT_FOUND);
	test_str(harness_text, "process e does not exist");
	/* Deleted without ever having been started. */
	test_int(harness_exec("e", &process, "", "", ""), TTRPC_OK);
	test_int(harness_delete("e", NULL), TTRPC_OK);
	/* Those that are left go with the container. */
	test_int(harness_exec("e", &process, "", "", ""), TTRPC_OK);
	reap("", 0);
	test_int(harness_start_process("e"), TTRPC_FAILED_PRECONDITION);
	test_int(harness_exec("f", &process, "", "", ""), TTRPC_FAILED_PRECONDITION);
	test_str(harness_text, "cannot exec in a stopped container");
	gone();
}

static void failed_execs(void)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	struct harness_call call;
	uint32_t status = 0;

	running();
	harness_process(&process, words);
	test_int(harness_exec("e", &process, "", "", ""), TTRPC_OK);
	request.id = (char *)"c";
	request.exec_id = (char *)"e";
	harness_start(&call, "Start", &request.base,
		      &containerd__task__v2__start_response__descriptor);
	while (get("e")->state != PROCESS_STARTING)
		harness_turn();
	fake.events->failed(get("e"), TTRPC_PERMISSION_DENIED, "exec: \"x\": permission denied");
	test_int(harness_finish(&call), TTRPC_PERMISSION_DENIED);
	harness_done(&call);
	test_int(harness_delete("e", &status), TTRPC_OK);
	test_int(status, 126);
	test_int(harness_exec("e", &process, "", "", ""), TTRPC_OK);
	refuse = -ESRCH;
	test_int(harness_start_process("e"), TTRPC_FAILED_PRECONDITION);
	test_str(harness_text, "cannot exec in a stopped container");
	refuse = 0;
	test_int(harness_delete("e", NULL), TTRPC_OK);
	gone();
}

static void the_table_has_an_end(void)
{
	char id[16];

	running();
	harness_process(&process, words);
	for (int i = 0; i < ABI_EXECS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "e%d", i);
		test_int(harness_exec(id, &process, "", "", ""), TTRPC_OK);
	}
	test_int(harness_exec("more", &process, "", "", ""), TTRPC_RESOURCE_EXHAUSTED);
	test_int(harness_delete("e7", NULL), TTRPC_OK);
	test_int(harness_exec("more", &process, "", "", ""), TTRPC_OK);
	gone();
}

static void reads(int fd, const char *want)
{
	char buf[64];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf) - 1)) < 0)
		harness_turn();
	buf[n] = '\0';
	test_str(buf, want);
}

/* What was written is the host's, also when it deletes first and reads afterwards. */
static void output_outlives_delete(void)
{
	int out = harness_stream("o"), err = harness_stream("e");

	running();
	harness_process(&process, words);
	test_int(harness_exec("x", &process, "", "stream://o", "stream://e"), TTRPC_OK);
	start("x");
	test_int(child_ends[0], -EBADF);
	test_int(write(child_ends[1], "out", 3), 3);
	test_int(write(child_ends[2], "error", 5), 5);
	reap("x", 0);
	test_int(harness_delete("x", NULL), TTRPC_OK);
	test_int(harness_state("x", NULL), TTRPC_NOT_FOUND);
	reads(out, "out");
	reads(err, "error");
	reads(out, "");
	fd_close(out);
	fd_close(err);
	gone();
}

/* Its output waits where no connection is, and goes to who takes it over. */
static void what_was_saved_is_adopted(void)
{
	Containerd__Task__V2__CheckpointTaskRequest save =
		CONTAINERD__TASK__V2__CHECKPOINT_TASK_REQUEST__INIT;
	Containerd__Task__V2__CreateTaskRequest adopt =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	int out = harness_stream("o");

	first_stdout = "stream://o";
	running();
	first_stdout = "";
	adopt.id = adopt.checkpoint = save.id = (char *)"c";
	adopt.stdout_ = (char *)"stream://o2";
	test_int(harness_call("Create", &adopt.base), TTRPC_FAILED_PRECONDITION);
	get("")->state = PROCESS_PAUSED;
	test_int(write(child_ends[1], "out", 3), 3);
	reads(out, "out");
	test_int(harness_call("Checkpoint", &save.base), TTRPC_OK);
	reads(out, "");
	fd_close(out);
	test_int(write(child_ends[1], "more", 4), 4);
	test_int(harness_call("Create", &adopt.base), TTRPC_NOT_FOUND);
	out = harness_stream("o2");
	adopt.id = (char *)"../d";
	test_int(harness_call("Create", &adopt.base), TTRPC_INVALID_ARGUMENT);
	adopt.id = (char *)"d";
	test_int(harness_call("Create", &adopt.base), TTRPC_OK);
	reads(out, "more");
	test_true(!process_find(&harness_task.processes, "c", ""));
	strcpy(process_find(&harness_task.processes, "d", "")->id, "c");
	get("")->state = PROCESS_RUNNING;
	fd_close(out);
	gone();
}

static void shared_output_and_input(void)
{
	int in = harness_stream("i"), out = harness_stream("o");
	char buf[64];
	ssize_t n;

	running();
	harness_process(&process, words);
	test_int(harness_exec("x", &process, "stream://i", "stream://o", "stream://o"), TTRPC_OK);
	start("x");
	test_int(write(in, "hello", 5), 5);
	test_int(shutdown(in, SHUT_WR), 0);
	harness_turn();
	harness_turn();
	test_int(read(child_ends[0], buf, sizeof(buf)), 5);
	test_int(read(child_ends[0], buf, sizeof(buf)), 0);
	test_int(write(child_ends[1], "1", 1), 1);
	test_int(write(child_ends[2], "2", 1), 1);
	reap("x", 0);
	for (size_t got = 0; got<2; got += n> 0 ? (size_t)n : 0) {
		harness_turn();
		n = read(out, buf + got, sizeof(buf) - got);
	}
	test_mem(buf, "12", 2);
	fd_close(in);
	fd_close(out);
	gone();
}

static void listing_and_the_rest(void)
{
	Containerd__Task__V2__PidsRequest pids = CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
	Containerd__Task__V2__ConnectRequest connect = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	Containerd__Task__V2__ResizePtyRequest resize =
		CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;
	Containerd__Task__V2__CloseIORequest close_io = CONTAINERD__TASK__V2__CLOSE_IOREQUEST__INIT;
	Containerd__Task__V2__ShutdownRequest shut = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
	struct harness_call call;

	connect.id = pids.id = resize.id = close_io.id = (char *)"c";
	harness_start(&call, "Connect", &connect.base,
		      &containerd__task__v2__connect_response__descriptor);
	test_int(harness_finish(&call), TTRPC_OK);
	test_int(((Containerd__Task__V2__ConnectResponse *)call.response)->task_pid, 0);
	harness_done(&call);
	test_int(harness_call("Pids", &pids.base), TTRPC_NOT_FOUND);
	running();
	harness_start(&call, "Pids", &pids.base, &containerd__task__v2__pids_response__descriptor);
	test_int(harness_finish(&call), TTRPC_OK);
	test_int(((Containerd__Task__V2__PidsResponse *)call.response)->n_processes, 2);
	harness_done(&call);
	test_int(harness_call("ResizePty", &resize.base), TTRPC_OK);
	close_io.stdin_ = true;
	test_int(harness_call("CloseIO", &close_io.base), TTRPC_OK);
	test_int(harness_call("Checkpoint", &pids.base), TTRPC_FAILED_PRECONDITION);
	test_str(harness_text, "not paused, or it has a terminal: c");
	test_int(harness_call("Shutdown", &shut.base), TTRPC_OK);
	test_int(harness_shutdowns, 1);
	shut.id = (char *)"other";
	test_int(harness_call("Shutdown", &shut.base), TTRPC_NOT_FOUND);
	shut.id = (char *)"c";
	shut.now = true;
	test_int(harness_call("Shutdown", &shut.base), TTRPC_OK);
	test_int(harness_shutdowns, 101);
	gone();
}

/* Return: the exec to ask about, or "" for the container's process. */
static const char *reach(enum process_state state, struct harness_call *call)
{
	/* The two ids are the first two fields of every request. */
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;

	request.id = (char *)"c";
	if (state == PROCESS_CREATING) {
		begin_create(call);
		return "";
	}
	created();
	if (state == PROCESS_STARTING || state == PROCESS_DELETING) {
		harness_start(call, state == PROCESS_STARTING ? "Start" : "Delete", &request.base,
			      &google__protobuf__empty__descriptor);
		while (get("")->state != state)
			harness_turn();
		return "";
	}
	if (state != PROCESS_CREATED)
		start("");
	if (state == PROCESS_ADDED)
		test_int(harness_exec("e", &process, "", "", ""), TTRPC_OK);
	if (state == PROCESS_STOPPED)
		reap("", 0);
	/* Without control groups, nothing here could make it so. */
	if (state == PROCESS_PAUSING || state == PROCESS_PAUSED)
		get("")->state = state;
	return state == PROCESS_ADDED ? "e" : "";
}

static void check_rule(enum process_state state, enum process_op op)
{
	static const char *const methods[PROCESS_OP_MAX_] = {
		"Start", "Delete", "Kill",   "Exec",   "ResizePty",
		"Pids",	 "Pause",  "Resume", "Update", "Stats"};
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct harness_call before = {.done = false}, call;
	const char *exec_id, *text;
	enum ttrpc_code code = process_allows(state, op, &text);
	struct process *p;

	if (code == TTRPC_OK && op >= PROCESS_OP_PAUSE) {
		code = TTRPC_UNAVAILABLE;
		text = "the guest's kernel has no control groups";
	}
	harness_process(&process, words);
	ttrpc_request_init(&before.request);
	exec_id = reach(state, &before);
	p = get(exec_id);
	test_int(p->state, state);
	request.id = (char *)"c";
	request.exec_id = (char *)(op == PROCESS_OP_EXEC ? "more" : exec_id);
	test_int(rpc_any_pack(&process.base, &any), 0);
	if (op == PROCESS_OP_EXEC)
		request.spec = &any;
	harness_start(&call, methods[op], &request.base, &google__protobuf__empty__descriptor);
	rpc_any_done(&any);
	while (!call.done && (code != TTRPC_OK || p->state == state))
		harness_turn();
	if (call.done)
		test_int(call.code, code);
	if (code != TTRPC_OK)
		test_str(call.text, text);
	harness_done(&call);
	harness_done(&before);
	if (p->state == PROCESS_CREATING)
		fake.events->prepared(p);
	/* An exec that was started ends before its container. */
	p = process_find(&harness_task.processes, "c", "e");
	if (p && p->state == PROCESS_STARTING)
		reap("e", 0);
	p = process_find(&harness_task.processes, "c", "");
	if (p && p->state != PROCESS_STOPPED)
		reap("", 0);
	/* One that was being deleted is gone by now. */
	if (process_find(&harness_task.processes, "c", ""))
		test_int(harness_delete("", NULL), TTRPC_OK);
	until_free();
}

static void every_rule_is_kept(void)
{
	for (int state = PROCESS_CREATING; state < PROCESS_STATE_MAX_; state++)
		for (int op = 0; op < PROCESS_OP_MAX_; op++)
			/*
			 * What is asked of containers only cannot be asked of an exec; no process
			 * of ours is STOPPING.
			 */
			if (state != PROCESS_STOPPING &&
			    (state != PROCESS_ADDED ||
			     (op != PROCESS_OP_EXEC && op < PROCESS_OP_PIDS)))
				check_rule(state, op);
}

/* What waits for its start must not take the memory of all. */
static void execs_not_started_have_a_budget(void)
{
	static char large[3 << 20];
	char *big[] = {large, NULL};
	Caisson__Guest__V1__Process huge;

	memset(large, 'x', sizeof(large) - 1);
	created();
	start("");
	harness_process(&huge, big);
	test_int(harness_exec("e1", &huge, "", "", ""), TTRPC_OK);
	test_int(harness_exec("e2", &huge, "", "", ""), TTRPC_OK);
	test_int(harness_exec("e3", &huge, "", "", ""), TTRPC_RESOURCE_EXHAUSTED);
	test_str(harness_text, "too much is kept of execs that were not started");
	test_int(harness_delete("e1", NULL), TTRPC_OK);
	test_int(harness_exec("e3", &huge, "", "", ""), TTRPC_OK);
	gone();
	test_int(harness_task.processes.kept, 0);
}

/* The call is over; the container must not stay for that. */
static void a_delete_is_not_given_up(void)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	struct harness_call call;

	created();
	request.id = (char *)"c";
	harness_start(&call, "Delete", &request.base,
		      &containerd__task__v2__delete_response__descriptor);
	while (get("")->state != PROCESS_DELETING)
		harness_turn();
	harness_done(&call);
	harness_disconnect();
	reap("", 137);
	until_free();
}

int main(void)
{
	last_pid = FIRST_PID;
	harness_begin(&fake);
	test_run(a_container_lives_and_dies);
	test_run(many_wait);
	test_run(waiters_that_vanish_are_forgotten);
	test_run(a_client_that_vanishes_takes_no_container_along);
	test_run(wrong_requests_to_create);
	test_run(a_failed_create_leaves_nothing);
	test_run(killed_while_created);
	test_run(deleted_while_created);
	test_run(a_delete_is_not_given_up);
	test_run(every_rule_is_kept);
	test_run(execs_not_started_have_a_budget);
	test_run(signals);
	test_run(execs);
	test_run(failed_execs);
	test_run(the_table_has_an_end);
	test_run(output_outlives_delete);
	test_run(what_was_saved_is_adopted);
	test_run(shared_output_and_input);
	test_run(listing_and_the_rest);
	harness_end();
	return 0;
}
