/* SPDX-License-Identifier: Apache-2.0 */
/* When the VM of a paused container stands still: a stopped process is in its place. */
#include <signal.h>
#include <sys/wait.h>

#include "sandbox.pb-c.h"
#include "shim/lifeline.h"
#include "shim/test-shim.h"
#include "system.pb-c.h"
#include "vmm/test-files.h"

static struct asked asked, resuming, stated;

static void vm_ended(void *data _unused_, const struct vmm_exit *result _unused_)
{
}

static void begin_vm(void)
{
	static const struct vmm_callbacks callbacks = {.exited = vm_ended};
	static struct vmm_disk disk = {.serial = "disk", .readonly = true};
	struct vmm_spec spec = VMM_SPEC_NULL;
	struct err err = ERR_NULL;

	begin_running(false);
	spec.name = "test";
	spec.run_dir = files_dir;
	spec.memory = VMM_MEMORY_MIN;
	spec.program = files_script("vmm", "read -r never <${0%/*}/fifo");
	files_write("kernel", "", 0, 0644);
	spec.kernel = spec.initrd = files_path("kernel");
	disk.fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	spec.disks = &disk;
	spec.n_disks = 1;
	if (vmm_start(&t.loop, vmm_driver("fake"), &spec, &callbacks, &t.shim.sandbox.vmm, &err) <
	    0)
		test_fail("%s", err.text);
	fd_close(disk.fd);
}

/* Waits until the VM's process is what it is to become. */
static void await(int what)
{
	siginfo_t info;

	/* Answers come one by one, so each is an occasion to look. */
	while (t.shim.sandbox.standby.stopped != (what == WSTOPPED)) {
		ask_state(&stated, "");
		expect(&stated, TTRPC_OK, "");
	}
	test_int(waitid(P_PID, (id_t)vmm_pid(t.shim.sandbox.vmm), &info, what), 0);
	test_int(info.si_code, what == WSTOPPED ? CLD_STOPPED : CLD_CONTINUED);
}

static void expect_running(void)
{
	siginfo_t info = {.si_pid = 0};

	test_int(waitid(P_PID, (id_t)vmm_pid(t.shim.sandbox.vmm), &info, WSTOPPED | WNOHANG), 0);
	test_int(info.si_pid, 0);
	test_true(!t.shim.sandbox.standby.stopped);
}

static void guest_agrees(const char *method)
{
	rpc_free(asked_of_guest(method, &containerd__task__v2__pause_request__descriptor));
	guest_replies(EMPTY);
}

static void pause_it(void)
{
	ask_id(&asked, "Pause", "");
	guest_agrees("Pause");
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	await(WSTOPPED);
}

static void expect_time(void)
{
	Caisson__Guest__V1__SetTimeRequest *request =
		(Caisson__Guest__V1__SetTimeRequest *)asked_of_guest(
			"SetTime", &caisson__guest__v1__set_time_request__descriptor);

	test_true(request->now && request->now->seconds > 1600000000);
	rpc_free(&request->base);
	guest_replies(EMPTY);
}

static void it_stands_still_until_it_is_resumed(void)
{
	begin_vm();
	pause_it();
	ask_id(&resuming, "Resume", "");
	await(WCONTINUED);
	/* The time comes first. */
	run_until(&t.loop, guest_was_asked("Resume"));
	test_str(t.calls[t.n_calls - 2]->method->name, "SetTime");
	expect_time();
	guest_agrees("Resume");
	expect(&resuming, TTRPC_OK, "");
	expect_running();
	test_shim_end();
}

static void it_runs_for_as_long_as_an_answer_is_awaited(void)
{
	begin_vm();
	pause_it();
	for (int i = 0; i < 3; i++) {
		ask_id(&asked, "Pids", "");
		await(WCONTINUED);
		expect_time();
		guest_agrees("Pids");
		expect(&asked, TTRPC_OK, "");
		await(WSTOPPED);
	}
	test_shim_end();
}

static void a_client_that_goes_needs_no_answer(void)
{
	Containerd__Task__V2__PidsRequest request = CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
	struct ttrpc_client *other;

	begin_vm();
	pause_it();
	other = test_client();
	request.id = (char *)"c1";
	ask_over(other, &asked, RPC_SERVICE_TASK_V3, "Pids", &request.base);
	await(WCONTINUED);
	ttrpc_client_free(other);
	run_until(&t.loop, t.n_closed == 1);
	await(WSTOPPED);
	test_shim_end();
}

static void it_runs_for_whoever_has_its_address(void)
{
	struct ttrpc_client *other;

	begin_vm();
	pause_it();
	other = test_client();
	for (int i = 0; i < 2; i++) {
		ask_over(other, &asked, SHIM_SERVICE, "GuestAddress", EMPTY);
		expect(&asked, TTRPC_OK, "");
	}
	await(WCONTINUED);
	ask_id(&asked, "Pids", "");
	guest_agrees("Pids");
	expect(&asked, TTRPC_OK, "");
	expect_running();
	ttrpc_client_free(other);
	run_until(&t.loop, t.n_closed == 1);
	await(WSTOPPED);
	test_shim_end();
}

/* Nobody would hear of its end otherwise. */
static void it_runs_once_something_may_end_in_it(void)
{
	begin_vm();
	pause_it();
	ask_kill(&asked, "");
	await(WCONTINUED);
	guest_agrees("Kill");
	expect(&asked, TTRPC_OK, "");
	expect_running();
	guest_ends(137);
	close_outputs();
	until_state(PROCESS_STOPPED);
	test_shim_end();
}

static void a_kill_while_it_is_being_paused_counts(void)
{
	struct asked kill;

	begin_vm();
	ask_id(&asked, "Pause", "");
	run_until(&t.loop, guest_was_asked("Pause"));
	ask_kill(&kill, "");
	guest_agrees("Kill");
	expect(&kill, TTRPC_OK, "");
	guest_agrees("Pause");
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	expect_running();
	test_shim_end();
}

static void it_runs_for_who_holds_its_container(void)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;

	begin_vm();
	request.id = (char *)"c1";
	ask_over(t.client, &asked, SHIM_SERVICE, "Hold", &request.base);
	guest_agrees("Pause");
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	expect_running();
	test_shim_end();
}

/* It ends before it stands still: as if it had been asked, and said nothing. */
static void a_pause_is_answered_when_the_vm_ends(void)
{
	struct standby *standby = &t.shim.sandbox.standby;

	begin_vm();
	standby->asked = true;
	ask_id(&asked, "Pause", "");
	guest_agrees("Pause");
	while (standby->state != STANDBY_ALLOWED)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSING);
	standby_end(standby);
	expect(&asked, TTRPC_UNAVAILABLE, "has ended");
	test_shim_end();
}

/* What is to happen to its container comes before it stands still: it is paused all the same, and that is told. */
static void a_pause_is_answered_when_the_vm_may_not_stand_still(void)
{
	struct standby *standby = &t.shim.sandbox.standby;
	struct asked kill;

	begin_vm();
	standby->asked = true;
	ask_id(&asked, "Pause", "");
	guest_agrees("Pause");
	while (standby->state != STANDBY_ALLOWED)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSING);
	ask_kill(&kill, "");
	guest_agrees("Kill");
	expect(&kill, TTRPC_OK, "");
	test_true(!asked.done);
	/* As if the VMM had answered. */
	standby->asked = false;
	standby_use(standby);
	standby_leave(standby);
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	expect_running();
	test_shim_end();
}

static struct asked rating;

static void ask_rate(const char *name, const char *value, const char *resources)
{
	Containerd__Task__V2__UpdateTaskRequest request =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Containerd__Task__V2__UpdateTaskRequest__AnnotationsEntry
		row = CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__ANNOTATIONS_ENTRY__INIT,
		*rows = &row;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	row.key = (char *)name;
	row.value = (char *)value;
	any.type_url = (char *)RPC_TYPE_RESOURCES;
	any.value.data = (uint8_t *)resources;
	any.value.len = resources ? strlen(resources) : 0;
	request.id = (char *)"c1";
	request.n_annotations = 1;
	request.annotations = &rows;
	request.resources = resources ? &any : NULL;
	ask(&rating, "Update", &request.base);
}

static void rates_change_while_it_runs(void)
{
	begin_vm();
	ask_rate("io.caisson.disk_iops", "7", NULL);
	expect(&rating, TTRPC_OK, "");
	ask_rate("io.caisson.disk_rate", "1M", NULL);
	expect(&rating, TTRPC_OK, "");
	test_int(t.shim.rates.disk_ops, 7);
	test_int(t.shim.rates.disk_bytes, 1 << 20);
	ask_rate("io.caisson.disk_iops", "-1", NULL);
	expect(&rating, TTRPC_OK, "");
	test_int(t.shim.rates.disk_ops, 0);
	test_int(t.shim.rates.disk_bytes, 1 << 20);
	test_shim_end();
}

/* The VMM does one thing at a time: what comes meanwhile is not lost. */
static void rates_change_while_it_stands_still(void)
{
	begin_vm();
	pause_it();
	ask_rate("io.caisson.disk_iops", "7", NULL);
	ask_id(&resuming, "Resume", "");
	expect(&rating, TTRPC_OK, "");
	await(WCONTINUED);
	expect_time();
	guest_agrees("Resume");
	expect(&resuming, TTRPC_OK, "");
	pause_it();
	ask_rate("io.caisson.disk_iops", "8", NULL);
	expect(&rating, TTRPC_OK, "");
	test_true(t.shim.sandbox.standby.stopped);
	test_int(t.shim.rates.disk_ops, 8);
	test_shim_end();
}

static void wrong_rates(void)
{
	begin_vm();
	ask_rate("io.caisson.disk_iops", "0", NULL);
	expect(&rating, TTRPC_INVALID_ARGUMENT, "io.caisson.disk_iops of '0' is no number");
	ask_rate("io.caisson.disk_rate", "18446744073709551616", NULL);
	expect(&rating, TTRPC_INVALID_ARGUMENT, "is no size from 64K to 1T");
	ask_rate("io.caisson.disk_rate", "\x1b[2J", NULL);
	expect(&rating, TTRPC_INVALID_ARGUMENT, "io.caisson.disk_rate is not printable");
	ask_rate("io.caisson.net_rate", "1M", NULL);
	expect(&rating, TTRPC_INVALID_ARGUMENT, "network interfaces, and this VM has none");
	ask_rate("io.caisson.disk_rate", "1M", "{\"pids\":{\"limit\":7}}");
	expect(&rating, TTRPC_INVALID_ARGUMENT, "cannot be changed together with rates");
	test_int(t.shim.rates.disk_bytes + t.shim.rates.disk_ops + t.shim.rates.nic_bytes, 0);
	test_shim_end();
}

static void figures_are_asked_for_besides(void)
{
	struct asked flushing;

	begin_vm();
	pause_it();
	ask_over(t.client, &flushing, SHIM_SERVICE, "FlushMetrics", EMPTY);
	ask_rate("io.caisson.disk_iops", "7", NULL);
	ask_id(&resuming, "Resume", "");
	expect(&flushing, TTRPC_OK, "");
	expect(&rating, TTRPC_OK, "");
	await(WCONTINUED);
	expect_time();
	guest_agrees("Resume");
	expect(&resuming, TTRPC_OK, "");
	test_int(t.shim.rates.disk_ops, 7);
	test_shim_end();
}

/* A client that has gone is not answered. */
static void figures_of_a_vm_that_ends(void)
{
	struct standby *standby = &t.shim.sandbox.standby;
	struct ttrpc_client *other;
	struct asked flushing;

	begin_vm();
	standby->asked = true;
	other = test_client();
	ask_over(other, &flushing, SHIM_SERVICE, "FlushMetrics", EMPTY);
	while (!standby->orders[STANDBY_FLUSH_METRICS].done)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	ask_over(t.client, &asked, SHIM_SERVICE, "FlushMetrics", EMPTY);
	expect(&asked, TTRPC_UNAVAILABLE, "on their way");
	ttrpc_client_free(other);
	run_until(&t.loop, t.n_closed == 1);
	standby_end(standby);
	test_true(!standby->orders[STANDBY_FLUSH_METRICS].done && !t.shim.flushing);
	test_shim_end();
}

static void rates_are_answered_when_the_vm_ends(void)
{
	struct standby *standby = &t.shim.sandbox.standby;

	begin_vm();
	standby->asked = true;
	ask_rate("io.caisson.disk_iops", "7", NULL);
	while (!standby->orders[STANDBY_RATES].done)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	standby_end(standby);
	expect(&rating, ttrpc_code_from_errno(-ESHUTDOWN), "has ended");
	test_int(t.shim.rates.disk_ops, 0);
	test_shim_end();
}

int main(void)
{
	files_begin();
	test_int(mkfifo(files_path("fifo"), 0600), 0);
	test_run(it_stands_still_until_it_is_resumed);
	test_run(it_runs_for_as_long_as_an_answer_is_awaited);
	test_run(a_client_that_goes_needs_no_answer);
	test_run(it_runs_for_whoever_has_its_address);
	test_run(it_runs_once_something_may_end_in_it);
	test_run(a_kill_while_it_is_being_paused_counts);
	test_run(it_runs_for_who_holds_its_container);
	test_run(a_pause_is_answered_when_the_vm_ends);
	test_run(a_pause_is_answered_when_the_vm_may_not_stand_still);
	test_run(rates_change_while_it_runs);
	test_run(rates_change_while_it_stands_still);
	test_run(wrong_rates);
	test_run(figures_are_asked_for_besides);
	test_run(figures_of_a_vm_that_ends);
	test_run(rates_are_answered_when_the_vm_ends);
	return 0;
}
