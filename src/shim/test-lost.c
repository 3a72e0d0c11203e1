/* SPDX-License-Identifier: Apache-2.0 */
/* What those who wait are told when the VM does not come up, hangs, or goes under a container. */
#include <errno.h>

#include "base/clock.h"
#include "copy.pb-c.h"
#include "sandbox.pb-c.h"
#include "shim/lifeline.h"
#include "shim/test-shim.h"

static struct asked create, waiting, asked;

static void a_failed_boot_is_explained(void)
{
	test_shim_begin(false);
	ask_create(&create, "c1");
	ask_wait(&waiting, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__UNKNOWN);
	err_set(&t.shim.sandbox.failure, -EIO, "the kernel did not like it");
	sandbox_stop(&t.shim.sandbox, false);
	expect(&create, TTRPC_UNAVAILABLE, "the kernel did not like it");
	expect(&waiting, TTRPC_NOT_FOUND, "the kernel did not like it");
	ask_wait(&waiting, "");
	expect(&waiting, TTRPC_NOT_FOUND, "the kernel did not like it");
	test_true(!shim_task_telling(&t.shim));
	test_shim_end();
}

static void deadline_passes(struct process *p)
{
	loop_timer_start(&t.loop, &p->deadline, clock_now(), p->deadline.callback);
}

static void a_guest_that_does_not_answer_is_given_up(void)
{
	test_shim_begin(false);
	test_shim_boot();
	ask_create(&create, "c1");
	run_until(&t.loop, guest_was_asked("Create"));
	deadline_passes(t.shim.first.init);
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "did not answer within 120 s");
	run_until(&t.loop, t.shim.sandbox.state == SANDBOX_ENDED);
	test_shim_end();

	begin_running(true);
	ask_exec_over(t.client, &create, "e1");
	run_until(&t.loop, guest_was_asked("Exec"));
	deadline_passes(container_of(t.shim.first.execs.next, struct process, link));
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "did not answer");
	test_int(t.shim.first.n_execs, 0);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	test_shim_end();
}

static void a_lost_vm_is_137(void)
{
	begin_running(true);
	ask_wait(&waiting, "");
	ask_kill(&asked, "");
	run_until(&t.loop, guest_was_asked("Kill"));
	sandbox_stop(&t.shim.sandbox, false);
	expect(&asked, TTRPC_NOT_FOUND, "already finished");
	test_true(shim_task_telling(&t.shim));
	close_outputs();
	expect_waited(&waiting, 137);
	test_true(!shim_task_telling(&t.shim));
	test_shim_end();
}

static void files_of_a_lost_vm_are_not_said_to_be_missing(void)
{
	Caisson__Guest__V1__StatRequest request = CAISSON__GUEST__V1__STAT_REQUEST__INIT;

	begin_running(false);
	request.id = rpc_str("c1");
	ask_over(t.client, &asked, RPC_SERVICE_COPY, "Stat", &request.base);
	run_until(&t.loop, guest_was_asked("Stat"));
	sandbox_stop(&t.shim.sandbox, false);
	expect(&asked, TTRPC_UNAVAILABLE, "the virtual machine has ended");
	close_outputs();
	test_shim_end();
}

/* Nobody waits, but what was printed must get to the log. */
static void the_last_output_is_awaited(void)
{
	begin_running(false);
	sandbox_stop(&t.shim.sandbox, false);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_true(shim_task_telling(&t.shim));
	t.told = 0;
	close_outputs();
	run_until(&t.loop, t.shim.first.init->state == PROCESS_STOPPED);
	test_true(!shim_task_telling(&t.shim) && t.told > 0);
	test_shim_end();
}

/* It ran, and its client is still there when all else has ended. */
static void begin_exec_telling(void)
{
	begin_running(false);
	t.shim.stdio = true;
	ask_exec_over(t.client, &create, "e1");
	guest_execs();
	expect(&create, TTRPC_OK, "");
	ask_start(&asked, "e1");
	guest_starts();
	expect(&asked, TTRPC_OK, "");
	close_outputs();
	sandbox_stop(&t.shim.sandbox, false);
	run_until(&t.loop, t.shim.first.init->state == PROCESS_STOPPED);
	test_true(shim_task_telling(&t.shim));
}

static void execs_end_before_the_container(void)
{
	begin_exec_telling();
	shim_task_conn_closed(&t.shim,
			      container_of(t.shim.first.execs.next, struct process, link)->conn);
	test_true(!shim_task_telling(&t.shim));
	t.shim.stdio = false;
	test_shim_end();

	begin_exec_telling();
	run_until(&t.loop, container_of(t.shim.first.execs.next, struct process, link)->state ==
				   PROCESS_STOPPED);
	t.told = 0;
	ask_delete(&asked, "e1");
	expect(&asked, TTRPC_OK, "");
	test_true(!shim_task_telling(&t.shim) && t.told > 0);
	t.shim.stdio = false;
	test_shim_end();
}

/* Who asks through our own service hears why. */
static void a_failed_vm_is_explained(void)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	Caisson__Sandbox__V1__WaitResponse *response;

	request.id = (char *)"c1";
	begin_running(true);
	ask_over(t.client, &asked, SHIM_SERVICE, "Wait", &request.base);
	ask_wait(&waiting, "");
	close_outputs();
	err_set(&t.shim.sandbox.failure, -EIO, "the VMM fell over");
	sandbox_stop(&t.shim.sandbox, false);
	response = (Caisson__Sandbox__V1__WaitResponse *)expect_ok(
		&asked, &caisson__sandbox__v1__wait_response__descriptor);
	test_int(response->exit_status, 137);
	test_str(response->failure, "the VMM fell over");
	rpc_free(&response->base);
	expect_waited(&waiting, 137);
	test_shim_end();
}

/* A command that ended by itself has failed nobody, whatever became of the VM. */
static void an_end_of_its_own_is_no_failure(void)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	Caisson__Sandbox__V1__WaitResponse *response;

	request.id = (char *)"c1";
	begin_running(true);
	ask_over(t.client, &asked, SHIM_SERVICE, "Wait", &request.base);
	err_set(&t.shim.sandbox.failure, -EIO, "the VMM fell over");
	guest_ends(3);
	close_outputs();
	response = (Caisson__Sandbox__V1__WaitResponse *)expect_ok(
		&asked, &caisson__sandbox__v1__wait_response__descriptor);
	test_int(response->exit_status, 3);
	test_str(response->failure, "");
	rpc_free(&response->base);
	test_shim_end();
}

int main(void)
{
	test_run(a_failed_boot_is_explained);
	test_run(a_guest_that_does_not_answer_is_given_up);
	test_run(a_lost_vm_is_137);
	test_run(files_of_a_lost_vm_are_not_said_to_be_missing);
	test_run(the_last_output_is_awaited);
	test_run(execs_end_before_the_container);
	test_run(a_failed_vm_is_explained);
	test_run(an_end_of_its_own_is_no_failure);
	return 0;
}
