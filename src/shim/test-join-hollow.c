/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that come to a VM whose first one, the pod's pause container, is hollow: sandbox/hollow.h. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "loop/test-clock.h"
#include "sandbox/process.h"
#include "shim/test-group.h"

static struct asked waiting;

static void begin_hollow(void)
{
	static const char config[] =
		"{\"process\":{},\"linux\":{\"namespaces\":[{\"type\":\"ipc\"}]}}";
	struct err err = ERR_NULL;

	test_shim_begin(false);
	test_shim_hollow();
	test_int(file_write_atomic_at(t.record.dir, "config.json", config, strlen(config), 0600),
		 0);
	if (share_make(&t.record, &t.spec, &t.shim.sandbox.sources, &err) < 0)
		test_fail("%s", err.text);
	ask_create(&create, "c1");
	test_shim_boot();
	guest_mounts_all();
	expect(&create, TTRPC_OK, "");
	ask_start(&start, "");
	expect(&start, TTRPC_OK, "");
	ask_wait(&waiting, "");
}

static void end_hollow(void)
{
	share_undo(&t.record);
	test_shim_hollow_end();
}

static void ask_to_share(const char *id, const char *type)
{
	_cleanup_free_ char *namespace =
		xasprintf(TEST_NETWORK ",{\"type\":\"%s\",\"path\":\"/proc/%d/ns/%s\"}", type,
			  (int)getpid(), type);
	_cleanup_free_ char *bundle = make_bundle("b", namespace, "");

	ask_join(id, bundle);
}

static void guest_takes(const char *id, const char *part, uint32_t pid)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;

	rpc_free(&guest_takes_bundle(id, part)->base);
	response.pid = pid;
	guest_replies(&response.base);
}

/* Of those that wait in the guest, the one for @id. */
static void guest_ends_it(const char *id, uint32_t status)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	bool its = false;

	response.exit_status = status;
	while (!its) {
		Containerd__Task__V2__WaitRequest *request =
			(Containerd__Task__V2__WaitRequest *)asked_of_guest(
				"Wait", &containerd__task__v2__wait_request__descriptor);

		its = strcmp(request->id, id) == 0;
		rpc_free(&request->base);
	}
	guest_replies(&response.base);
}

#define OF_SEVENTH "\\/proc\\/7\\/ns\\/pid"

/* What is the VM's own needs no word. */
static void joins_what_is_hollow(void)
{
	begin_hollow();
	ask_to_share("c2", "ipc");
	guest_takes("c2", "\"namespaces\":[{\"type\":\"cgroup\"}]", 9);
	expect(&create, TTRPC_OK, "");
	start_it("c2");
	test_int(t.shim.first.init->pid, 0);
	end_hollow();
}

/* The container @id is the first whose Create finds nothing in the way. */
static void fill(const char *id)
{
	ask_to_share(id, "pid");
	guest_takes("c1", "\"namespaces\":[]", 7);
	guest_starts();
	guest_takes(id, OF_SEVENTH, 9);
	expect(&create, TTRPC_OK, "");
}

/* Answers come one by one, so each is an occasion to look. */
#define until(condition)                      \
	do {                                  \
		ask_state(&asked, "");        \
		expect(&asked, TTRPC_OK, ""); \
	} while (!(condition))

/* The first who needs it has it run, and it ends with that. */
static void fills_what_is_hollow(void)
{
	begin_hollow();
	fill("c2");
	ask_to_share("c3", "pid");
	guest_takes("c3", OF_SEVENTH, 10);
	expect(&create, TTRPC_OK, "");
	/* The VM's own is still that. */
	ask_to_share("c4", "uts");
	guest_takes("c4", "\"namespaces\":[{\"type\":\"cgroup\"}]", 11);
	expect(&create, TTRPC_OK, "");
	t.loop.now = test_clock;
	guest_ends_it("c1", 5);
	/* Its output, which the test's guest does not end, keeps nobody waiting for ever. */
	until(t.shim.first.hollow.inside->state == PROCESS_STOPPING);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	(void)test_pass(&t.loop, 10 * NSEC_PER_SEC);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	expect_waited(&waiting, 5);
	end_hollow();
}

/* What it was told of its end comes first, though that is still held back for its output. */
static void killed_when_it_has_ended(void)
{
	begin_hollow();
	fill("c2");
	guest_ends_it("c1", 5);
	until(t.shim.first.hollow.inside->state == PROCESS_STOPPING);
	shim_task_signal(t.shim.first.init, SIGTERM);
	expect_waited(&waiting, 5);
	end_hollow();
}

static void guest_agrees(const char *method)
{
	ask_id(&asked, method, "");
	rpc_free(asked_of_guest(method, &containerd__task__v2__pause_request__descriptor));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
}

/* It is any other's process then. */
static void what_it_is_filled_with_is_asked(void)
{
	begin_hollow();
	fill("c2");
	guest_agrees("Pause");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	guest_agrees("Resume");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	/* Users are looked up in that, which the test's has not. */
	ask_exec_over(t.client, &asked, "e1");
	expect(&asked, TTRPC_NOT_FOUND, "root file system");
	end_hollow();
}

/* What was not asked to stand still need not go on. */
static void filled_while_it_is_paused(void)
{
	begin_hollow();
	ask_id(&asked, "Pause", "");
	expect(&asked, TTRPC_OK, "");
	fill("c2");
	ask_id(&asked, "Resume", "");
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	end_hollow();
}

/* Whoever comes next tries again. */
static void cannot_be_filled(void)
{
	begin_hollow();
	ask_to_share("c2", "pid");
	rpc_free(&guest_takes_bundle("c1", "")->base);
	guest_fails(TTRPC_RESOURCE_EXHAUSTED, "crun: no room");
	expect(&create, TTRPC_RESOURCE_EXHAUSTED, "PID namespace: crun: no room");
	test_true(!container_find(&t.shim.sandbox, "c2"));
	fill("c2");
	end_hollow();
}

/* It is undone when it comes at last, and whoever comes meanwhile waits for that. */
static void created_too_late(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;

	begin_hollow();
	ask_to_share("c2", "pid");
	rpc_free(&guest_takes_bundle("c1", "")->base);
	deadline_passes(&t.shim.first.hollow.inside->deadline);
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "PID namespace: the guest did not answer");
	ask_to_share("c3", "pid");
	until(!list_empty(&t.shim.first.hollow.waiters));
	response.pid = 6;
	guest_replies(&response.base);
	expect_delete("c1");
	guest_takes("c1", "", 7);
	guest_starts();
	guest_takes("c3", OF_SEVENTH, 9);
	expect(&create, TTRPC_OK, "");
	end_hollow();
}

/* Nobody waits for it any more, and the next one has another. */
static void created_too_late_for_nobody(void)
{
	begin_hollow();
	ask_to_share("c2", "pid");
	rpc_free(&guest_takes_bundle("c1", "")->base);
	deadline_passes(&t.shim.first.hollow.inside->deadline);
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "");
	guest_fails(TTRPC_RESOURCE_EXHAUSTED, "no room");
	fill("c3");
	end_hollow();
}

static struct asked create_third;

/* c2 and c3 wait for what the guest has been asked to create. */
static void begin_with_two(void)
{
	_cleanup_free_ char *namespace = xasprintf(
		TEST_NETWORK ",{\"type\":\"pid\",\"path\":\"/proc/%d/ns/pid\"}", (int)getpid());
	_cleanup_free_ char *bundle = NULL;
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	begin_hollow();
	ask_to_share("c2", "pid");
	rpc_free(&guest_takes_bundle("c1", "")->base);
	bundle = make_bundle("b3", namespace, "");
	request.id = (char *)"c3";
	request.bundle = bundle;
	ask(&create_third, "Create", &request.base);
	until(t.shim.first.hollow.waiters.next != t.shim.first.hollow.waiters.prev);
}

static void guest_created(uint32_t pid)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;

	response.pid = pid;
	guest_replies(&response.base);
}

static void expect_both(enum ttrpc_code code, const char *part)
{
	expect(&create, code, part);
	expect(&create_third, code, part);
}

static void cannot_be_filled_for_two(void)
{
	begin_with_two();
	guest_fails(TTRPC_RESOURCE_EXHAUSTED, "no room");
	expect_both(TTRPC_RESOURCE_EXHAUSTED, "PID namespace: no room");
	test_true(!t.shim.first.hollow.inside);
	end_hollow();
}

/* It is gone by the time that the other one is told. */
static void one_of_two_waits_too_long(void)
{
	begin_with_two();
	deadline_passes(&container_find(&t.shim.sandbox, "c2")->init->deadline);
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "");
	guest_created(7);
	guest_starts();
	guest_takes("c3", OF_SEVENTH, 10);
	expect(&create_third, TTRPC_OK, "");
	test_true(!container_find(&t.shim.sandbox, "c2"));
	end_hollow();
}

/* Nothing of it runs, so the container that it is of has ended. */
static void cannot_be_started(void)
{
	begin_with_two();
	guest_created(7);
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	guest_fails(TTRPC_NOT_FOUND, "no such program");
	expect_both(TTRPC_NOT_FOUND, "PID namespace: no such program");
	expect_waited(&waiting, 137);
	test_true(!guest_was_asked("Kill"));
	end_hollow();
}

/* It may run, so it is killed, and the container ends as that does. */
static void started_too_late(void)
{
	begin_with_two();
	guest_created(7);
	until(guest_was_asked("Start"));
	deadline_passes(&t.shim.first.hollow.inside->deadline);
	expect_both(TTRPC_DEADLINE_EXCEEDED, "PID namespace: the guest did not answer");
	expect_kill("c1", SIGKILL);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	t.loop.now = test_clock;
	guest_ends_it("c1", 137);
	until(t.shim.first.hollow.inside->state == PROCESS_STOPPING);
	(void)test_pass(&t.loop, 10 * NSEC_PER_SEC);
	expect_waited(&waiting, 137);
	end_hollow();
}

/* What holds its end back is its output, for which nobody else need come. */
static void one_comes_when_it_has_ended(void)
{
	begin_hollow();
	fill("c2");
	t.loop.now = test_clock;
	guest_ends_it("c1", 5);
	until(t.shim.first.hollow.inside->state == PROCESS_STOPPING);
	/* As one finds it that came before. */
	t.shim.first.init->pid = 0;
	ask_to_share("c3", "pid");
	until(!list_empty(&t.shim.first.hollow.waiters));
	(void)test_pass(&t.loop, 10 * NSEC_PER_SEC);
	expect(&create, TTRPC_FAILED_PRECONDITION, "PID namespace: it has ended");
	expect_waited(&waiting, 5);
	end_hollow();
}

/* Which is told once it has started. */
static void one_comes_when_it_is_about_to_end(void)
{
	begin_hollow();
	process_starting(t.shim.first.init);
	shim_task_signal(t.shim.first.init, SIGTERM);
	ask_to_share("c2", "pid");
	expect(&create, TTRPC_FAILED_PRECONDITION, "PID namespace: it has ended");
	process_start(t.shim.first.init);
	expect_waited(&waiting, 0);
	end_hollow();
}

static void deleted_while_it_is_filled(void)
{
	begin_with_two();
	shim_task_signal(t.shim.first.init, SIGKILL);
	expect_waited(&waiting, 137);
	ask_delete(&asked, "");
	expect(&asked, TTRPC_OK, "");
	expect_both(TTRPC_UNAVAILABLE, "the virtual machine has ended");
	end_hollow();
}

/* Signals are its program's then, as those of any other. */
static void signals_of_what_is_filled(void)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	begin_hollow();
	fill("c2");
	test_int(t.shim.first.init->pid, 7);
	shim_task_signal(t.shim.first.init, SIGTERM);
	expect_kill("c1", SIGTERM);
	request.id = (char *)"c1";
	request.signal = SIGUSR1;
	ask(&asked, "Kill", &request.base);
	rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
	guest_fails(TTRPC_INVALID_ARGUMENT, "no such signal");
	expect(&asked, TTRPC_INVALID_ARGUMENT, "no such signal");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	end_hollow();
}

/* Whoever waits for it hears of it. */
static void lost_while_it_is_filled(void)
{
	begin_hollow();
	ask_to_share("c2", "pid");
	rpc_free(&guest_takes_bundle("c1", "")->base);
	sandbox_stop(&t.shim.sandbox, false);
	expect_waited(&waiting, 137);
	expect(&create, TTRPC_UNAVAILABLE, "");
	end_hollow();
}

static void lost_when_it_is_filled(void)
{
	begin_hollow();
	fill("c2");
	sandbox_stop(&t.shim.sandbox, false);
	expect_waited(&waiting, 137);
	test_true(t.shim.first.hollow.inside->lost);
	end_hollow();
}

/* Nobody may be in what is left. */
static void ends_while_it_is_filled(void)
{
	begin_hollow();
	ask_to_share("c2", "pid");
	guest_takes("c1", "", 7);
	run_until(&t.loop, guest_was_asked("Start"));
	shim_task_signal(t.shim.first.init, SIGTERM);
	expect_waited(&waiting, 0);
	guest_starts();
	expect(&create, TTRPC_FAILED_PRECONDITION, "PID namespace: it has ended");
	expect_kill("c1", SIGKILL);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	end_hollow();
}

/* Of what has ended nothing is run any more. */
static void ends_before_it_is_filled(void)
{
	begin_hollow();
	ask_to_share("c2", "pid");
	until(container_find(&t.shim.sandbox, "c2"));
	shim_task_signal(t.shim.first.init, SIGTERM);
	expect_waited(&waiting, 0);
	expect(&create, TTRPC_FAILED_PRECONDITION, "PID namespace: it has ended");
	test_true(!guest_was_asked("Create"));
	end_hollow();
}

static void ends_while_that_is_undone(void)
{
	begin_hollow();
	ask_to_share("c2", "pid");
	rpc_free(&guest_takes_bundle("c1", "")->base);
	deadline_passes(&t.shim.first.hollow.inside->deadline);
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "");
	ask_to_share("c3", "pid");
	until(!list_empty(&t.shim.first.hollow.waiters));
	shim_task_signal(t.shim.first.init, SIGTERM);
	guest_fails(TTRPC_RESOURCE_EXHAUSTED, "no room");
	expect(&create, TTRPC_FAILED_PRECONDITION, "PID namespace: it has ended");
	test_true(!guest_was_asked("Create"));
	end_hollow();
}

static void tests(void)
{
	test_run(joins_what_is_hollow);
	test_run(fills_what_is_hollow);
	test_run(killed_when_it_has_ended);
	test_run(what_it_is_filled_with_is_asked);
	test_run(filled_while_it_is_paused);
	test_run(cannot_be_filled);
	test_run(created_too_late);
	test_run(created_too_late_for_nobody);
	test_run(cannot_be_filled_for_two);
	test_run(one_of_two_waits_too_long);
	test_run(cannot_be_started);
	test_run(started_too_late);
	test_run(one_comes_when_it_has_ended);
	test_run(one_comes_when_it_is_about_to_end);
	test_run(deleted_while_it_is_filled);
	test_run(signals_of_what_is_filled);
	test_run(lost_while_it_is_filled);
	test_run(lost_when_it_is_filled);
	test_run(ends_while_it_is_filled);
	test_run(ends_before_it_is_filled);
	test_run(ends_while_that_is_undone);
}

int main(void)
{
	return run_as_root(tests);
}
