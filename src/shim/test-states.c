/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "rpc/process.h"
#include "shim/test-shim.h"

/* The rules of rpc/process.h, as the shim keeps them. */

static struct asked create, start, asked;

static void begin_created(void)
{
	test_shim_begin(false);
	test_shim_boot();
	ask_create(&create, "c1");
	guest_creates();
	expect(&create, TTRPC_OK, "");
}

static void begin_stopping(void)
{
	begin_running(false);
	guest_ends(3);
	until_state(PROCESS_STOPPING);
}

/* Return: the exec to ask about, or "" for the container's process. */
static const char *reach(enum process_state state)
{
	switch (state) {
	case PROCESS_NONE:
		test_shim_begin(false);
		ask_create(&create, "c1");
		until_state(state);
		return "";
	case PROCESS_CREATING:
		test_shim_begin(false);
		test_shim_boot();
		ask_create(&create, "c1");
		run_until(&t.loop, guest_was_asked("Create"));
		return "";
	case PROCESS_ADDED:
		begin_running(false);
		ask_exec_over(t.client, &create, "e1");
		guest_execs();
		expect(&create, TTRPC_OK, "");
		return "e1";
	case PROCESS_CREATED:
		begin_created();
		return "";
	case PROCESS_STARTING:
		begin_created();
		ask_start(&start, "");
		run_until(&t.loop, guest_was_asked("Start"));
		return "";
	case PROCESS_RUNNING:
		begin_running(false);
		return "";
	case PROCESS_PAUSING:
	case PROCESS_PAUSED:
		begin_running(false);
		ask_id(&start, "Pause", "");
		run_until(&t.loop, guest_was_asked("Pause"));
		if (state == PROCESS_PAUSED) {
			rpc_free(asked_of_guest("Pause",
						&containerd__task__v2__pause_request__descriptor));
			guest_replies(EMPTY);
			expect(&start, TTRPC_OK, "");
		}
		return "";
	case PROCESS_DELETING:
		begin_created();
		ask_delete(&start, "");
		run_until(&t.loop, guest_was_asked("Delete"));
		return "";
	case PROCESS_STOPPING:
		begin_stopping();
		return "";
	case PROCESS_STOPPED:
		begin_stopping();
		close_outputs();
		until_state(state);
		return "";
	case PROCESS_STATE_MAX_:
		break;
	}
	test_fail("no state %d", state);
}

static const char *const methods[PROCESS_OP_MAX_] = {
	[PROCESS_OP_START] = "Start",	   [PROCESS_OP_DELETE] = "Delete",
	[PROCESS_OP_KILL] = "Kill",	   [PROCESS_OP_EXEC] = "Exec",
	[PROCESS_OP_RESIZE] = "ResizePty", [PROCESS_OP_PIDS] = "Pids",
	[PROCESS_OP_PAUSE] = "Pause",	   [PROCESS_OP_RESUME] = "Resume",
	[PROCESS_OP_UPDATE] = "Update",	   [PROCESS_OP_STATS] = "Stats",
};

static void ask_op(enum process_op op, const char *exec_id)
{
	if (op == PROCESS_OP_EXEC)
		ask_exec_over(t.client, &asked, "e2");
	else
		ask_id(&asked, methods[op], exec_id);
}

static void check(enum process_state state, enum process_op op)
{
	const char *exec_id = reach(state), *text;
	enum ttrpc_code code = process_allows(state, op, &text);

	test_int((*exec_id ? list_first(&t.shim.first.execs, struct process, link)
			   : t.shim.first.init)
			 ->state,
		 state);
	ask_op(op, exec_id);
	if (code != TTRPC_OK) {
		expect(&asked, code, text);
		test_str(asked.message, text);
	} else if (state == PROCESS_NONE) {
		expect(&asked, TTRPC_UNAVAILABLE, "booting");
	} else if (op == PROCESS_OP_UPDATE) {
		expect(&asked, TTRPC_INVALID_ARGUMENT, "resources: not a");
	} else if (op == PROCESS_OP_DELETE && state == PROCESS_STOPPED) {
		expect(&asked, TTRPC_OK, "");
	} else {
		run_until(&t.loop, guest_was_asked(methods[op]));
		test_true(!asked.done);
	}
	test_shim_end();
}

static void every_rule_is_kept(void)
{
	for (int state = 0; state < PROCESS_STATE_MAX_; state++)
		for (int op = 0; op < PROCESS_OP_MAX_; op++)
			/* What is asked of containers only cannot be asked of an exec. */
			if (state != PROCESS_ADDED ||
			    (op != PROCESS_OP_EXEC && op < PROCESS_OP_PIDS))
				check(state, op);
}

static void guest_deletes(uint32_t status)
{
	Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;

	response.exit_status = status;
	rpc_free(asked_of_guest("Delete", &containerd__task__v2__delete_request__descriptor));
	guest_replies(&response.base);
}

static void expect_deleted(uint32_t status)
{
	Containerd__Task__V2__DeleteResponse *response =
		(Containerd__Task__V2__DeleteResponse *)expect_ok(
			&asked, &containerd__task__v2__delete_response__descriptor);

	test_int(response->exit_status, status);
	test_true(response->exited_at && response->exited_at->seconds > 0);
	rpc_free(&response->base);
}

static void a_container_never_started_goes_with_its_vm(void)
{
	static struct asked waiting;

	begin_created();
	ask_wait(&waiting, "");
	ask_delete(&asked, "");
	guest_deletes(137);
	expect_deleted(137);
	expect(&waiting, TTRPC_OK, "");
	run_until(&t.loop, t.shim.sandbox.state == SANDBOX_ENDED);
	/* So no record is kept of it. */
	test_true(!t.shim.first.started && t.shim.waited);
	ask_delete(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "container c1 does not exist");
	test_shim_end();
}

static void it_goes_when_the_vm_does(void)
{
	begin_created();
	ask_delete(&asked, "");
	run_until(&t.loop, guest_was_asked("Delete"));
	sandbox_stop(&t.shim.sandbox, false);
	expect_deleted(137);
	test_shim_end();
}

static void an_exec_never_started_is_deleted(void)
{
	static struct asked waiting;

	(void)reach(PROCESS_ADDED);
	ask_wait(&waiting, "e1");
	ask_delete(&asked, "e1");
	guest_deletes(0);
	expect_deleted(0);
	expect(&waiting, TTRPC_NOT_FOUND, "deleted");
	test_int(t.shim.first.n_execs, 0);
	ask_start(&asked, "e1");
	expect(&asked, TTRPC_NOT_FOUND, "process e1 does not exist");
	test_shim_end();
}

static void no_exec_starts_in_a_stopped_container(void)
{
	(void)reach(PROCESS_ADDED);
	guest_ends(0);
	until_state(PROCESS_STOPPING);
	ask_start(&asked, "e1");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "cannot exec in a stopped container");
	test_shim_end();
}

static void a_deleted_container_is_unknown(void)
{
	(void)reach(PROCESS_STOPPED);
	ask_delete(&asked, "");
	expect_deleted(3);
	ask_state(&asked, "");
	expect(&asked, TTRPC_NOT_FOUND, "container c1 does not exist");
	test_shim_end();
}

static void end_as(const char *executor, bool shares_pids)
{
	begin_running(false);
	free(t.spec.executor);
	t.spec.executor = xstrdup(executor);
	t.spec.shares_pids = shares_pids;
	guest_ends(3);
	close_outputs();
	until_state(PROCESS_STOPPED);
}

/* Of a bundle's folders all is on the host when its last process has ended. */
static void a_guest_is_asked_only_what_it_has_to_write(void)
{
	end_as("direct", false);
	run_until(&t.loop, guest_was_asked("Shutdown"));
	test_shim_end();
	end_as("oci", true);
	run_until(&t.loop, guest_was_asked("Shutdown"));
	test_shim_end();
	end_as("oci", false);
	run_until(&t.loop, t.shim.sandbox.state == SANDBOX_ENDED);
	test_true(!guest_was_asked("Shutdown"));
	test_shim_end();
}

int main(void)
{
	test_run(every_rule_is_kept);
	test_run(a_container_never_started_goes_with_its_vm);
	test_run(it_goes_when_the_vm_does);
	test_run(an_exec_never_started_is_deleted);
	test_run(no_exec_starts_in_a_stopped_container);
	test_run(a_deleted_container_is_unknown);
	test_run(a_guest_is_asked_only_what_it_has_to_write);
	return 0;
}
