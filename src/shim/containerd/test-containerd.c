/* SPDX-License-Identifier: Apache-2.0 */
/* A shim whose client is containerd, with a guest that is the test's: what it answers, and what it tells. */
#include "shim/containerd/containerd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "events.pb-c.h"
#include "forward.pb-c.h"
#include "loop/test-clock.h"
#include "rpc/process.h"
#include "shim/containerd/events.h"
#include "shim/containerd/test-taker.h"
#include "shim/test-shim.h"
#include "system.pb-c.h"
#include "task_types.pb-c.h"

#define KEEPER 4711

static char folder[] = "/tmp/test-containerd-XXXXXX";
static char *address;
static struct containerd containerd;
static struct asked create, asked;

/* The VM boots already: no mounts are made. */
static void begin(void)
{
	test_shim_begin(false);
	containerd_init(&containerd, &t.shim, "ns", address, -EBADF);
	t.shim.containerd = &containerd;
	t.shim.keeper = KEEPER;
	t.spec.bundle = xstrdup(folder);
	taker = (struct taker){.n = 0};
	taker_begin(&t.loop, address);
	test_shim_boot();
}

static void end(void)
{
	containerd_done(&containerd);
	taker_end();
	test_shim_end();
}

static void ask_to_create(void)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	request.id = (char *)"c1";
	request.bundle = folder;
	events_creating(&t.shim.first, &request);
	ask(&create, "Create", &request.base);
}

static void ask_to_kill(uint32_t signal)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = (char *)"c1";
	request.signal = signal;
	ask(&asked, "Kill", &request.base);
}

static void begin_created_of_containerd(void)
{
	begin();
	ask_to_create();
	guest_creates();
	expect(&create, TTRPC_OK, "");
}

static void begin_running_of_containerd(void)
{
	begin_created_of_containerd();
	ask_start(&asked, "");
	guest_starts();
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, guest_was_asked("Wait"));
}

static void run_exec(const char *exec_id)
{
	ask_exec_over(t.client, &asked, exec_id);
	guest_execs();
	expect(&asked, TTRPC_OK, "");
	ask_start(&asked, exec_id);
	guest_starts();
	expect(&asked, TTRPC_OK, "");
}

static void numbers_are_the_keepers(void)
{
	Containerd__Task__V2__CreateTaskResponse *created;
	Containerd__Task__V2__StateResponse *state;
	Containerd__Task__V2__ConnectResponse *connected;
	Containerd__Task__V2__PidsResponse *pids;

	begin();
	ask_to_create();
	guest_creates();
	created = (Containerd__Task__V2__CreateTaskResponse *)expect_ok(
		&create, &containerd__task__v2__create_task_response__descriptor);
	test_int(created->pid, KEEPER);
	rpc_free(&created->base);
	ask_start(&asked, "");
	guest_starts();
	expect(&asked, TTRPC_OK, "");
	run_exec("e1");
	ask_state(&asked, "");
	state = (Containerd__Task__V2__StateResponse *)expect_ok(
		&asked, &containerd__task__v2__state_response__descriptor);
	test_int(state->pid, KEEPER);
	test_str(state->bundle, folder);
	rpc_free(&state->base);
	ask_id(&asked, "Connect", "");
	connected = (Containerd__Task__V2__ConnectResponse *)expect_ok(
		&asked, &containerd__task__v2__connect_response__descriptor);
	test_int(connected->shim_pid, KEEPER);
	test_int(connected->task_pid, KEEPER);
	rpc_free(&connected->base);
	ask_id(&asked, "Pids", "");
	pids = (Containerd__Task__V2__PidsResponse *)expect_ok(
		&asked, &containerd__task__v2__pids_response__descriptor);
	test_int(pids->n_processes, 2);
	test_int(pids->processes[0]->pid, KEEPER);
	test_true(!pids->processes[0]->info && pids->processes[1]->info);
	rpc_free(&pids->base);
	end();
}

/* Whoever hears of the first process' end forgets the container, and its execs with it. */
static void events_tell_of_a_life(void)
{
	char want[512];

	begin_running_of_containerd();
	run_exec("e1");
	guest_ends(3);
	close_outputs();
	run_until(&t.loop, t.shim.first.init->state == PROCESS_STOPPED);
	guest_ends(0);
	run_until(&t.loop, taker.n == 6);
	ask_delete(&asked, "");
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, taker.n == 7);
	(void)snprintf(want, sizeof(want),
		       "/tasks/create c1 %s\n/tasks/start c1\n/tasks/exec-added c1 e1\n"
		       "/tasks/exec-started c1 e1\n/tasks/exit c1 e1\n/tasks/exit c1 c1\n"
		       "/tasks/delete c1\n",
		       folder);
	test_str(taker.text, want);
	end();
}

static void pausing_is_told(void)
{
	begin_running_of_containerd();
	ask_id(&asked, "Pause", "");
	rpc_free(asked_of_guest("Pause", &containerd__task__v2__pause_request__descriptor));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, taker.n == 3);
	ask_id(&asked, "Resume", "");
	rpc_free(asked_of_guest("Resume", &containerd__task__v2__resume_request__descriptor));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, taker.n == 4);
	test_true(strstr(taker.text, "/tasks/start c1\n/tasks/paused c1\n/tasks/resumed c1\n"));
	end();
}

static void guest_tells_oom(const char *id)
{
	Containerd__Services__Events__Ttrpc__V1__Envelope envelope =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Containerd__Events__TaskOOM event = CONTAINERD__EVENTS__TASK_OOM__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t data[256];

	event.container_id = (char *)id;
	test_int(rpc_any_pack(&event.base, &any), 0);
	envelope.event = &any;
	guest_sends(data, protobuf_c_message_pack(&envelope.base, data));
	rpc_any_done(&any);
}

static void guest_sends_garbage(void)
{
	static const char *const lies[] = {"", "\xff\xff\xff\xff\xff", "\x12\x7f", "no message"};
	char much[8192];

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		guest_sends(lies[i], strlen(lies[i]));
	memset(much, 0x12, sizeof(much));
	guest_sends(much, sizeof(much));
}

/* Nothing of it reaches containerd, where all pods are; and of what may be said no more than that can bear. */
static void a_guest_that_tells_anything(void)
{
	begin_running_of_containerd();
	t.loop.now = test_clock;
	events_follow_guest(&t.shim);
	rpc_free(asked_of_guest("Stream", &google__protobuf__empty__descriptor));
	guest_sends_garbage();
	guest_tells_oom("");
	guest_tells_oom("somebody-elses");
	for (int i = 0; i < 100; i++)
		guest_tells_oom("c1");
	run_until(&t.loop, taker.n == 3);
	(void)test_pass(&t.loop, NSEC_PER_SEC);
	guest_tells_oom("c1");
	run_until(&t.loop, taker.n == 4);
	ask_id(&asked, "Pause", "");
	rpc_free(asked_of_guest("Pause", &containerd__task__v2__pause_request__descriptor));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, taker.n == 5);
	test_true(strstr(taker.text,
			 "/tasks/start c1\n/tasks/oom c1\n/tasks/oom c1\n/tasks/paused c1\n"));
	end();
}

/* What nobody reads is not waited for without end; it is there all the same, if somebody comes. */
static void an_end_is_told_in_time(void)
{
	begin_running_of_containerd();
	t.loop.now = test_clock;
	guest_ends(3);
	until_state(PROCESS_STOPPING);
	ask_wait(&asked, "");
	test_pass(&t.loop, 9 * NSEC_PER_SEC);
	test_true(!asked.done);
	test_pass(&t.loop, NSEC_PER_SEC);
	expect_waited(&asked, 3);
	test_int(t.shim.first.init->state, PROCESS_STOPPED);
	close_outputs();
	end();
}

/* Nobody could get rid of it otherwise. */
static void a_guest_that_does_not_kill_is_ended(void)
{
	begin_running_of_containerd();
	ask_to_kill(SIGTERM);
	rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
	guest_fails(TTRPC_DEADLINE_EXCEEDED, "");
	expect(&asked, TTRPC_DEADLINE_EXCEEDED, "does not answer");
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	ask_to_kill(SIGKILL);
	rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
	guest_fails(TTRPC_DEADLINE_EXCEEDED, "");
	expect(&asked, TTRPC_OK, "");
	close_outputs();
	run_until(&t.loop, t.shim.first.init->state == PROCESS_STOPPED);
	test_int(t.shim.first.init->status, 137);
	end();
}

/* It says that it has, which makes no difference, however often it is asked. */
static void a_guest_that_does_not_tell_of_the_end_is_ended(void)
{
	begin_running_of_containerd();
	t.loop.now = test_clock;
	for (int i = 0; i < 2; i++) {
		ask_to_kill(SIGKILL);
		rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
		guest_replies(EMPTY);
		expect(&asked, TTRPC_OK, "");
		test_pass(&t.loop, PROCESS_GUEST_ENDS / 2 - 1);
	}
	test_pass(&t.loop, 1);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	test_pass(&t.loop, 1);
	test_int(t.shim.sandbox.state, SANDBOX_ENDED);
	test_true(strstr(t.shim.sandbox.failure.text, "did not end container c1"));
	close_outputs();
	run_until(&t.loop, t.shim.first.init->state == PROCESS_STOPPED);
	test_int(t.shim.first.init->status, 137);
	end();
}

/* Its output may take longer. */
static void a_guest_that_kills_is_not(void)
{
	begin_running_of_containerd();
	t.shim.sandbox.group = true;
	t.loop.now = test_clock;
	t.shim.first.init->patience = 0;
	ask_to_kill(SIGKILL);
	rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	guest_ends(137);
	until_state(PROCESS_STOPPING);
	test_pass(&t.loop, PROCESS_GUEST_ENDS);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	close_outputs();
	until_state(PROCESS_STOPPED);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	end();
}

static void it_is_there_until_shutdown(void)
{
	begin_running_of_containerd();
	free(t.spec.executor);
	t.spec.executor = xstrdup(SANDBOX_EXECUTOR_BUNDLES);
	guest_ends(3);
	close_outputs();
	run_until(&t.loop, t.shim.first.init->state == PROCESS_STOPPED);
	run_until(&t.loop, t.shim.sandbox.state == SANDBOX_ENDED);
	test_true(!containerd_is_over(&t.shim));
	ask_wait(&asked, "");
	expect_waited(&asked, 3);
	ask_id(&asked, "Pids", "");
	expect(&asked, TTRPC_OK, "");
	test_true(!containerd_is_over(&t.shim));
	ask_delete(&asked, "");
	expect(&asked, TTRPC_OK, "");
	ask_state(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "c1");
	ask_id(&asked, "Pids", "");
	expect(&asked, TTRPC_NOT_FOUND, "c1");
	test_true(!containerd_is_over(&t.shim));
	ask_id(&asked, "Shutdown", "");
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, containerd_is_over(&t.shim));
	end();
}

static void what_was_never_there_is_not_deleted(void)
{
	begin();
	ask_to_create();
	rpc_free(asked_of_guest("Create", &containerd__task__v2__create_task_request__descriptor));
	guest_fails(TTRPC_NOT_FOUND, "exec: \"x\": executable file not found in $PATH");
	expect(&create, TTRPC_UNKNOWN,
	       "OCI runtime create failed: runc create failed: unable to start container process: "
	       "exec: \"x\": executable file not found in $PATH");
	ask_delete(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "c1");
	test_int(taker.n, 0);
	end();
}

/* What runc has found by then, who waits for the start is told here. */
static void a_start_fails_in_runcs_words(void)
{
	begin_created_of_containerd();
	ask_start(&asked, "");
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	guest_fails(TTRPC_PERMISSION_DENIED, "exec: \"x\": exec format error");
	expect(&asked, TTRPC_UNKNOWN,
	       "OCI runtime start failed: unable to start container process: exec: \"x\": exec "
	       "format error");
	end();
}

static void what_is_not_the_commands_fault_has_our_words(void)
{
	begin();
	ask_to_create();
	rpc_free(asked_of_guest("Create", &containerd__task__v2__create_task_request__descriptor));
	guest_fails(TTRPC_INTERNAL, "crun: no exec: x");
	expect(&create, TTRPC_INTERNAL, "crun: no exec: x");
	test_str(create.message, "crun: no exec: x");
	end();
}

/* As containerd asks for it. */
static void ask_to_exec(const char *exec_id, const char *out)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	static const char json[] = "{\"args\":[\"x\"],\"cwd\":\"/\"}";

	any.type_url = (char *)ABI_TYPE_OCI_PROCESS;
	any.value.data = (uint8_t *)json;
	any.value.len = sizeof(json) - 1;
	request.id = (char *)"c1";
	request.exec_id = (char *)exec_id;
	request.stdout_ = (char *)out;
	request.spec = &any;
	ask(&asked, "Exec", &request.base);
}

static void exec_fails(const char *exec_id)
{
	guest_execs();
	expect(&asked, TTRPC_OK, "");
	ask_start(&asked, exec_id);
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	guest_fails(TTRPC_NOT_FOUND, "exec: \"x\": executable file not found in $PATH");
}

/* NOT_FOUND would be of the container. */
static void an_exec_fails_in_runcs_words(void)
{
	begin_running_of_containerd();
	free(t.spec.executor);
	t.spec.executor = xstrdup(SANDBOX_EXECUTOR_BUNDLES);
	ask_to_exec("e1", "");
	exec_fails("e1");
	expect(&asked, TTRPC_UNKNOWN,
	       "OCI runtime exec failed: exec failed: unable to start container process: exec: "
	       "\"x\": executable file not found in $PATH");
	end();
}

/* Which has an exit status for that. */
static void an_exec_of_caissons_own_fails_as_ever(void)
{
	begin_running_of_containerd();
	ask_exec_over(t.client, &asked, "e1");
	exec_fails("e1");
	expect(&asked, TTRPC_NOT_FOUND, "exec: \"x\": executable file not found in $PATH");
	test_str(asked.message, "exec: \"x\": executable file not found in $PATH");
	end();
}

/* Its VM has ended before that was up. */
static void a_boot_that_fails_is_all(void)
{
	test_shim_begin(false);
	containerd_init(&containerd, &t.shim, "ns", address, -EBADF);
	t.shim.containerd = &containerd;
	ask_to_create();
	until_state(PROCESS_NONE);
	sandbox_stop(&t.shim.sandbox, false);
	expect(&create, TTRPC_UNKNOWN, "");
	ask_delete(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "c1");
	ask_id(&asked, "Shutdown", "");
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, containerd_is_over(&t.shim));
	end();
}

static void guest_tells_of_supervisor(Caisson__Guest__V1__Supervisor__State state)
{
	Containerd__Services__Events__Ttrpc__V1__Envelope envelope =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Caisson__Guest__V1__Supervisor supervisor = CAISSON__GUEST__V1__SUPERVISOR__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t data[512];
	size_t len;

	supervisor.state = state;
	test_int(rpc_any_pack(&supervisor.base, &any), 0);
	envelope.event = &any;
	len = protobuf_c_message_pack(&envelope.base, data);
	containerd.guest_events.received(&containerd.guest_events, data, len);
	rpc_any_done(&any);
}

/* There is no other way to hear of it; and a guest that says it again fills no log. */
static void that_a_supervisor_was_given_up_is_logged_once(void)
{
	char line[1024];
	ssize_t n;
	int fds[2];

	test_int(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	begin();
	log_init("test", fds[1], LOG_LEVEL_WARN);
	events_follow_guest(&t.shim);
	guest_tells_of_supervisor(CAISSON__GUEST__V1__SUPERVISOR__STATE__BACKING_OFF);
	test_int(read(fds[0], line, sizeof(line)), -1);
	for (int i = 0; i < 3; i++)
		guest_tells_of_supervisor(CAISSON__GUEST__V1__SUPERVISOR__STATE__GIVEN_UP);
	n = read(fds[0], line, sizeof(line) - 1);
	test_true(n > 0);
	line[n] = '\0';
	test_true(strstr(line, "container c1: the supervisor of its VM was given up"));
	test_true(strchr(line, '\n') == line + n - 1);
	log_init("test", STDERR_FILENO, LOG_LEVEL_WARN);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
	end();
}

/* Before there is any container. */
static void shutdown_may_be_all(void)
{
	test_shim_begin(false);
	containerd_init(&containerd, &t.shim, "ns", address, -EBADF);
	t.shim.containerd = &containerd;
	t.shim.sandbox.state = SANDBOX_NEW;
	ask_id(&asked, "Shutdown", "");
	expect(&asked, TTRPC_OK, "");
	run_until(&t.loop, containerd_is_over(&t.shim));
	end();
}

/* containerd is slow to take one: there is nothing else that would end the shim. */
static void the_last_event_is_told_before_the_end(void)
{
	Containerd__Events__TaskPaused event = CONTAINERD__EVENTS__TASK_PAUSED__INIT;
	int told;

	begin();
	taker.keeps = true;
	publisher_put(&containerd.publisher, "/last", &event.base);
	run_until(&t.loop, taker.n == 1);
	t.shim.sandbox.state = SANDBOX_ENDED;
	containerd_shutdown(&t.shim);
	test_true(!containerd_is_over(&t.shim));
	told = t.told;
	rpc_reply_empty(taker.kept);
	run_until(&t.loop, t.told > told);
	test_true(containerd_is_over(&t.shim));
	end();
}

int main(void)
{
	test_true(mkdtemp(folder));
	address = path_join(folder, "sock");
	test_run(numbers_are_the_keepers);
	test_run(events_tell_of_a_life);
	test_run(pausing_is_told);
	test_run(a_guest_that_tells_anything);
	test_run(an_end_is_told_in_time);
	test_run(a_guest_that_does_not_kill_is_ended);
	test_run(a_guest_that_does_not_tell_of_the_end_is_ended);
	test_run(a_guest_that_kills_is_not);
	test_run(it_is_there_until_shutdown);
	test_run(what_was_never_there_is_not_deleted);
	test_run(a_start_fails_in_runcs_words);
	test_run(what_is_not_the_commands_fault_has_our_words);
	test_run(an_exec_fails_in_runcs_words);
	test_run(an_exec_of_caissons_own_fails_as_ever);
	test_run(a_boot_that_fails_is_all);
	test_run(that_a_supervisor_was_given_up_is_logged_once);
	test_run(shutdown_may_be_all);
	test_run(the_last_event_is_told_before_the_end);
	free(address);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
