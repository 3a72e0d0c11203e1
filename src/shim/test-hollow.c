/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's pause container, of which nothing is in the guest. Those that come to it are test-join-hollow.c's. */
#include <signal.h>

#include "base/mem.h"
#include "metrics_v2.pb-c.h"
#include "sandbox/process.h"
#include "shim/lifeline.h"
#include "shim/test-shim.h"

static struct asked create, start, waiting, asked;

static void begin_created(void)
{
	Containerd__Task__V2__CreateTaskResponse *response;

	test_shim_begin(false);
	test_shim_hollow();
	ask_create(&create, "c1");
	test_shim_boot();
	guest_mounts_all();
	response = (Containerd__Task__V2__CreateTaskResponse *)expect_ok(
		&create, &containerd__task__v2__create_task_response__descriptor);
	test_int(response->pid, t.shim.keeper);
	rpc_free(&response->base);
	ask_wait(&waiting, "");
}

static void begin(void)
{
	begin_created();
	ask_start(&start, "");
	expect(&start, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
}

/* Whatever happened, the guest heard nothing of it but what all its containers have. */
static void end(void)
{
	test_int(t.n_calls, 0);
	test_shim_hollow_end();
}

static void kill_it(uint32_t signo)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = (char *)"c1";
	request.signal = signo;
	ask(&asked, "Kill", &request.base);
	expect(&asked, TTRPC_OK, "");
}

static void ends_by(uint32_t signo, uint32_t status)
{
	begin();
	kill_it(signo);
	expect_waited(&waiting, status);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	ask_kill(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "already finished");
	ask_delete(&asked, "");
	expect(&asked, TTRPC_OK, "");
	end();
}

static void it_ends_as_a_pause_program(void)
{
	ends_by(SIGTERM, 0);
	ends_by(SIGINT, 0);
	ends_by(SIGKILL, 137);
}

/* As it is the first process of a namespace. */
static void other_signals(void)
{
	begin();
	kill_it(0);
	kill_it(SIGUSR1);
	kill_it(SIGSTOP);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	/* What the process that stands for it on the host gets. */
	shim_task_signal(t.shim.first.init, SIGKILL);
	expect_waited(&waiting, 137);
	end();
}

/* Its network is being made, so it is told later that it has started, and then that it has ended. */
static void ends_while_it_is_started(void)
{
	begin_created();
	process_starting(t.shim.first.init);
	kill_it(SIGTERM);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__CREATED);
	kill_it(SIGKILL);
	process_start(t.shim.first.init);
	expect_waited(&waiting, 0);
	end();
}

/* The keeper has passed it on before there was anything. */
static void signals_come_early(void)
{
	test_shim_begin(false);
	test_shim_hollow();
	ask_create(&create, "c1");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__UNKNOWN);
	shim_task_signal(t.shim.first.init, SIGTERM);
	test_shim_boot();
	guest_mounts_all();
	expect(&create, TTRPC_OK, "");
	end();
}

static void deleted_without_a_start(void)
{
	Containerd__Task__V2__DeleteResponse *response;

	begin_created();
	ask_delete(&asked, "");
	response = (Containerd__Task__V2__DeleteResponse *)expect_ok(
		&asked, &containerd__task__v2__delete_response__descriptor);
	test_int(response->exit_status, 137);
	rpc_free(&response->base);
	expect_waited(&waiting, 137);
	end();
}

static void paused(void)
{
	begin();
	ask_id(&asked, "Pause", "");
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	ask_id(&asked, "Resume", "");
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	ask_id(&asked, "Pause", "");
	expect(&asked, TTRPC_OK, "");
	kill_it(SIGKILL);
	expect_waited(&waiting, 137);
	end();
}

static void figures(void)
{
	Containerd__Task__V2__StatsResponse *response;
	ProtobufCMessage *m;

	begin();
	ask_id(&asked, "Stats", "");
	expect(&asked, TTRPC_OK, "");
	ask_over(t.client, &asked, SHIM_SERVICE, "Stats",
		 &(Containerd__Task__V2__StatsRequest){
			 .base = PROTOBUF_C_MESSAGE_INIT(
				 &containerd__task__v2__stats_request__descriptor),
			 .id = (char *)"c1"}
			  .base);
	response = (Containerd__Task__V2__StatsResponse *)expect_ok(
		&asked, &containerd__task__v2__stats_response__descriptor);
	test_int(rpc_any_unpack(response->stats, &io__containerd__cgroups__v2__metrics__descriptor,
				&m),
		 0);
	test_true(((Io__Containerd__Cgroups__V2__Metrics *)m)->memory->usage == 0);
	rpc_free(m);
	rpc_free(&response->base);
	end();
}

/* In the guest there is nothing that could have them. */
static void limits(void)
{
	static const char json[] = "{\"pids\":{\"limit\":7}}";
	Containerd__Task__V2__UpdateTaskRequest request =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	begin();
	any.type_url = (char *)RPC_TYPE_RESOURCES;
	any.value.data = (uint8_t *)json;
	any.value.len = strlen(json);
	request.id = (char *)"c1";
	request.resources = &any;
	ask(&asked, "Update", &request.base);
	expect(&asked, TTRPC_OK, "");
	end();
}

/* There is nothing that could be had of it. */
static void what_is_refused(void)
{
	begin();
	ask_exec_over(t.client, &asked, "e1");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "container c1 is its pod's pause container");
	end();
}

static void its_vm_is_lost(void)
{
	begin();
	sandbox_stop(&t.shim.sandbox, false);
	expect_waited(&waiting, 137);
	end();
}

int main(void)
{
	test_run(it_ends_as_a_pause_program);
	test_run(other_signals);
	test_run(ends_while_it_is_started);
	test_run(signals_come_early);
	test_run(deleted_without_a_start);
	test_run(paused);
	test_run(figures);
	test_run(limits);
	test_run(what_is_refused);
	test_run(its_vm_is_lost);
	return 0;
}
