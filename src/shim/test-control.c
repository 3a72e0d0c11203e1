/* SPDX-License-Identifier: Apache-2.0 */
/* Pause, Resume, Update, Stats: what the shim makes of them. */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "guest.pb-c.h"
#include "loop/test-clock.h"
#include "metrics_v1.pb-c.h"
#include "metrics_v2.pb-c.h"
#include "shim/lifeline.h"
#include "shim/stats.h"
#include "shim/test-shim.h"

#define RESOURCES "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

static struct asked pausing, resuming, asked;

static void guest_agrees(const char *method)
{
	rpc_free(asked_of_guest(method, &containerd__task__v2__pause_request__descriptor));
	guest_replies(EMPTY);
}

static void begin_paused(void)
{
	begin_running(false);
	ask_id(&pausing, "Pause", "");
	guest_agrees("Pause");
	expect(&pausing, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
}

static void a_container_is_paused_and_resumed(void)
{
	begin_paused();
	ask_id(&resuming, "Resume", "");
	guest_agrees("Resume");
	expect(&resuming, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_shim_end();
}

static void a_pause_may_fail(void)
{
	begin_running(false);
	ask_id(&pausing, "Pause", "");
	rpc_free(asked_of_guest("Pause", &containerd__task__v2__pause_request__descriptor));
	guest_fails(TTRPC_UNAVAILABLE, "no control groups");
	expect(&pausing, TTRPC_UNAVAILABLE, "no control groups");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_shim_end();
}

/* Nobody may be surprised later by what has taken too long: it is taken back. */
static void a_pause_that_hangs_is_undone(void)
{
	begin_running(false);
	ask_id(&pausing, "Pause", "");
	rpc_free(asked_of_guest("Pause", &containerd__task__v2__pause_request__descriptor));
	guest_fails(TTRPC_DEADLINE_EXCEEDED, "");
	guest_agrees("Resume");
	expect(&pausing, TTRPC_DEADLINE_EXCEEDED, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_shim_end();
}

static void a_pause_may_be_overtaken(void)
{
	begin_running(false);
	ask_id(&pausing, "Pause", "");
	run_until(&t.loop, guest_was_asked("Pause"));
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSING);
	ask_id(&resuming, "Resume", "");
	guest_agrees("Resume");
	expect(&pausing, TTRPC_ABORTED, "resumed meanwhile");
	expect(&resuming, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_shim_end();
}

static struct ttrpc_client *hold(struct asked *a)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
	struct ttrpc_client *holder = test_client();

	request.id = (char *)"c1";
	ask_over(holder, a, SHIM_SERVICE, "Hold", &request.base);
	return holder;
}

static struct ttrpc_client *begin_held(void)
{
	struct ttrpc_client *holder;

	begin_running(false);
	holder = hold(&pausing);
	guest_agrees("Pause");
	expect(&pausing, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	return holder;
}

/* Killed, for instance. */
static void a_held_container_goes_on_when_its_holder_goes(void)
{
	ttrpc_client_free(begin_held());
	guest_agrees("Resume");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_shim_end();
}

static void whoever_pauses_it_meanwhile_keeps_it_so(void)
{
	struct ttrpc_client *holder = begin_held();

	ask_id(&resuming, "Resume", "");
	guest_agrees("Resume");
	expect(&resuming, TTRPC_OK, "");
	ask_id(&pausing, "Pause", "");
	guest_agrees("Pause");
	expect(&pausing, TTRPC_OK, "");
	ttrpc_client_free(holder);
	run_until(&t.loop, t.n_closed == 1);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	test_shim_end();
}

static void the_last_of_several_holders_lets_it_go_on(void)
{
	struct asked second = {.done = false}, third = {.done = false};
	struct ttrpc_client *holders[3];

	begin_running(false);
	holders[0] = hold(&pausing);
	run_until(&t.loop, guest_was_asked("Pause"));
	holders[1] = hold(&second);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSING);
	guest_agrees("Pause");
	expect(&pausing, TTRPC_OK, "");
	expect(&second, TTRPC_OK, "");
	holders[2] = hold(&third);
	expect(&third, TTRPC_OK, "");
	for (int i = 0; i < 2; i++) {
		ttrpc_client_free(holders[i]);
		run_until(&t.loop, t.n_closed == i + 1);
		expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
		test_true(!guest_was_asked("Resume"));
	}
	ttrpc_client_free(holders[2]);
	guest_agrees("Resume");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_shim_end();
}

static void who_comes_while_it_is_let_go_holds_it_again(void)
{
	struct ttrpc_client *holder;

	ttrpc_client_free(begin_held());
	run_until(&t.loop, guest_was_asked("Resume"));
	holder = hold(&asked);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	test_true(!asked.done);
	guest_agrees("Resume");
	guest_agrees("Pause");
	expect(&asked, TTRPC_OK, "");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	ttrpc_client_free(holder);
	guest_agrees("Resume");
	test_shim_end();
}

static void a_paused_container_is_not_resumed_by_who_held_it(void)
{
	struct ttrpc_client *holder;

	begin_paused();
	holder = hold(&asked);
	expect(&asked, TTRPC_OK, "");
	ttrpc_client_free(holder);
	run_until(&t.loop, t.n_closed == 1);
	expect_state("", CONTAINERD__V1__TYPES__STATUS__PAUSED);
	test_shim_end();
}

static void a_paused_container_may_end(void)
{
	begin_paused();
	guest_ends(137);
	close_outputs();
	until_state(PROCESS_STOPPED);
	test_int(t.shim.first.init->status, 137);
	test_shim_end();
}

/* Engines wait for the answer before they look how it ended. */
static void who_waits_hears_that_the_vm_has_ended(void)
{
	struct ttrpc_client *holder;

	begin_running(false);
	ask_id(&pausing, "Pause", "");
	run_until(&t.loop, guest_was_asked("Pause"));
	sandbox_stop(&t.shim.sandbox, false);
	expect(&pausing, TTRPC_UNAVAILABLE, "has ended");
	close_outputs();
	test_shim_end();

	begin_paused();
	ask_id(&resuming, "Resume", "");
	run_until(&t.loop, guest_was_asked("Resume"));
	sandbox_stop(&t.shim.sandbox, false);
	expect(&resuming, TTRPC_UNAVAILABLE, "has ended");
	close_outputs();
	test_shim_end();

	begin_running(false);
	holder = hold(&pausing);
	run_until(&t.loop, guest_was_asked("Pause"));
	sandbox_stop(&t.shim.sandbox, false);
	expect(&pausing, TTRPC_UNAVAILABLE, "has ended");
	close_outputs();
	ttrpc_client_free(holder);
	test_shim_end();
}

/* The guest has said that it ended, and no more after that. */
static void who_waits_hears_that_the_container_has_ended(void)
{
	begin_running(false);
	ask_id(&pausing, "Pause", "");
	run_until(&t.loop, guest_was_asked("Pause"));
	guest_ends(137);
	expect(&pausing, TTRPC_UNAVAILABLE, "the container has ended");
	close_outputs();
	until_state(PROCESS_STOPPED);
	test_int(t.shim.first.init->status, 137);
	test_shim_end();
}

/* A client's death undoes nothing. */
static void a_paused_container_outlives_its_client(void)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
	struct ttrpc_client *other;

	begin_running(false);
	other = test_client();
	request.id = (char *)"c1";
	ask_over(other, &pausing, RPC_SERVICE_TASK_V2, "Pause", &request.base);
	run_until(&t.loop, guest_was_asked("Pause"));
	ttrpc_client_free(other);
	run_until(&t.loop, t.n_closed > 0);
	guest_agrees("Pause");
	until_state(PROCESS_PAUSED);
	test_shim_end();
}

static void ask_update(const char *type, const char *json)
{
	Containerd__Task__V2__UpdateTaskRequest request =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.type_url = (char *)type;
	any.value.data = (uint8_t *)json;
	any.value.len = strlen(json);
	request.id = (char *)"c1";
	request.resources = &any;
	ask(&asked, "Update", &request.base);
}

static void limits_are_passed_on(void)
{
	Containerd__Task__V2__UpdateTaskRequest *request;
	Caisson__Guest__V1__Resources *resources;
	ProtobufCMessage *m;

	begin_running(false);
	ask_update(RESOURCES, "{\"memory\":{\"limit\":4096},\"pids\":{\"limit\":7}}");
	request = (Containerd__Task__V2__UpdateTaskRequest *)asked_of_guest(
		"Update", &containerd__task__v2__update_task_request__descriptor);
	test_str(request->id, "c1");
	test_int(rpc_any_unpack(request->resources, &caisson__guest__v1__resources__descriptor, &m),
		 0);
	resources = (Caisson__Guest__V1__Resources *)m;
	test_int(resources->n_settings, 2);
	test_str(resources->settings[0]->file, "memory.max");
	test_str(resources->settings[0]->value, "4096");
	test_str(resources->settings[1]->file, "pids.max");
	rpc_free(m);
	rpc_free(&request->base);
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_shim_end();
}

static const char *place_file(const char *name)
{
	static char text[64];
	_cleanup_free_ char *path = path_join(t.spec.cgroups.v[0], name), *data = NULL;

	test_int(file_slurp_at(AT_FDCWD, path, sizeof(text) - 1, &data, NULL), 0);
	strcpy(text, data);
	return text;
}

static void put_files(const char *dir)
{
	static const char *const names[] = {"memory.max", "cpuset.cpus", "cgroup.controllers"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(dir, names[i]);

		fd_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
}

/* A folder takes the place of a control group. */
static void the_host_has_its_part(void)
{
	begin_running(false);
	strv_addf(&t.spec.cgroups, "%s/./", t.record.dir_path);
	put_files(t.record.dir_path);
	ask_update(RESOURCES, "{\"cpu\":{\"cpus\":\"0-1\"},\"memory\":{\"limit\":0}}");
	expect(&asked, TTRPC_OK, "");
	/* The host's CPUs have other numbers than the guest's. */
	test_true(!guest_was_asked("Update"));
	test_str(place_file("cpuset.cpus"), "0-1");
	test_str(place_file("memory.max"), "536870912");
	/* What the host refuses the guest does not hear of. */
	ask_update(RESOURCES, "{\"cpu\":{\"shares\":7},\"pids\":{\"limit\":7}}");
	expect(&asked, TTRPC_NOT_FOUND, "cannot limit cpu.weight");
	test_true(!guest_was_asked("Update"));
	strv_done(&t.spec.cgroups);
	test_shim_end();
}

static void wrong_limits_are_not(void)
{
	begin_running(false);
	ask_update("caisson.guest.v1.Resources", "{}");
	expect(&asked, TTRPC_INVALID_ARGUMENT, "LinuxResources");
	ask_update(RESOURCES, "{\"blockIO\":{\"weight\":10}}");
	expect(&asked, TTRPC_UNIMPLEMENTED, "blockIO");
	ask_update(RESOURCES, "{");
	expect(&asked, TTRPC_INVALID_ARGUMENT, "JSON");
	/* The default size, and a byte more. */
	ask_update(RESOURCES, "{\"memory\":{\"limit\":268435457}}");
	expect(&asked, TTRPC_INVALID_ARGUMENT, "the virtual machine's memory, 256 MiB");
	ask_update(RESOURCES, "{\"cpu\":{\"shares\":0}}");
	expect(&asked, TTRPC_OK, "");
	test_true(!guest_was_asked("Update"));
	test_shim_end();
}

static void figures_become_those_of_version_1(void)
{
	Io__Containerd__Cgroups__V2__Metrics v2 = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Io__Containerd__Cgroups__V2__CPUStat cpu = IO__CONTAINERD__CGROUPS__V2__CPUSTAT__INIT;
	Io__Containerd__Cgroups__V2__MemoryStat memory =
		IO__CONTAINERD__CGROUPS__V2__MEMORY_STAT__INIT;
	Io__Containerd__Cgroups__V2__MemoryEvents events =
		IO__CONTAINERD__CGROUPS__V2__MEMORY_EVENTS__INIT;
	Io__Containerd__Cgroups__V2__PidsStat pids = IO__CONTAINERD__CGROUPS__V2__PIDS_STAT__INIT;
	Io__Containerd__Cgroups__V2__IOStat io = IO__CONTAINERD__CGROUPS__V2__IOSTAT__INIT;
	Io__Containerd__Cgroups__V2__IOEntry entry = IO__CONTAINERD__CGROUPS__V2__IOENTRY__INIT,
					     *entries[] = {&entry};
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, ret = GOOGLE__PROTOBUF__ANY__INIT;
	Io__Containerd__Cgroups__V1__Metrics *v1;
	ProtobufCMessage *m;

	cpu.usage_usec = 7;
	memory.usage = 100;
	memory.swap_usage = 20;
	memory.inactive_file = 30;
	memory.usage_limit = UINT64_MAX;
	events.oom_kill = 2;
	pids.current = 4;
	pids.limit = UINT64_MAX;
	entry.major = 254;
	entry.wbytes = 512;
	io.usage = entries;
	io.n_usage = 1;
	v2.cpu = &cpu;
	v2.memory = &memory;
	v2.memory_events = &events;
	v2.pids = &pids;
	v2.io = &io;
	test_int(rpc_any_pack(&v2.base, &any), 0);
	test_int(stats_to_v1(&any, &ret), 0);
	test_int(rpc_any_unpack(&ret, &io__containerd__cgroups__v1__metrics__descriptor, &m), 0);
	v1 = (Io__Containerd__Cgroups__V1__Metrics *)m;
	test_int(v1->cpu->usage->total, 7000);
	test_int(v1->memory->usage->usage, 100);
	test_int(v1->memory->swap->usage, 120);
	test_int(v1->memory->total_inactive_file, 30);
	test_int(v1->memory_oom_control->oom_kill, 2);
	test_int(v1->pids->current, 4);
	test_int(v1->pids->limit, 0);
	test_int(v1->blkio->n_io_service_bytes_recursive, 2);
	test_str(v1->blkio->io_service_bytes_recursive[1]->op, "Write");
	test_int(v1->blkio->io_service_bytes_recursive[1]->major, 254);
	test_int(v1->blkio->io_service_bytes_recursive[1]->value, 512);
	rpc_free(m);
	rpc_any_done(&ret);
	any.type_url = (char *)"something.Else";
	test_true(stats_to_v1(&any, &ret) < 0);
	any.type_url = NULL;
	rpc_any_done(&any);
}

/* Of whoever asks over the shim's own service: there they are version 2's, whatever the host has. */
static void ask_figures(struct asked *a)
{
	Containerd__Task__V2__StatsRequest request = CONTAINERD__TASK__V2__STATS_REQUEST__INIT;

	request.id = (char *)"c1";
	ask_over(t.client, a, SHIM_SERVICE, "Stats", &request.base);
	rpc_free(asked_of_guest("Stats", &containerd__task__v2__stats_request__descriptor));
}

static void guest_has_figures(Google__Protobuf__Any *any)
{
	Containerd__Task__V2__StatsResponse response = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;

	response.stats = any;
	guest_replies(&response.base);
}

static void ask_of_task(void)
{
	ask_id(&asked, "Stats", "");
	rpc_free(asked_of_guest("Stats", &containerd__task__v2__stats_request__descriptor));
}

/* Also as containerd asks for it, which would fall over what is not there. */
static void refuse_figures(Google__Protobuf__Any *any)
{
	ask_figures(&asked);
	guest_has_figures(any);
	expect(&asked, TTRPC_INTERNAL, "make no sense");
	ask_of_task();
	guest_has_figures(any);
	expect(&asked, TTRPC_INTERNAL, "make no sense");
}

static void figures_that_make_no_sense(void)
{
	static uint8_t much[STATS_MAX + 1];
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	begin_running(false);
	refuse_figures(NULL);
	refuse_figures(&any);
	any.type_url = (char *)"something.Else";
	refuse_figures(&any);
	any.type_url = (char *)"io.containerd.cgroups.v2.Metrics";
	any.value.data = much;
	any.value.len = 1;
	refuse_figures(&any);
	/* A field that nobody knows. */
	memcpy(much, "\x9a\x06\xfc\xff\x03", 5);
	any.value.len = sizeof(much);
	refuse_figures(&any);
	test_shim_end();
}

#define MANY_DISKS 1000

/* Its type is told in our words, with no more disks than anybody has. */
static void figures_are_made_anew(void)
{
	Io__Containerd__Cgroups__V2__Metrics v2 = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Io__Containerd__Cgroups__V2__IOStat io = IO__CONTAINERD__CGROUPS__V2__IOSTAT__INIT;
	Io__Containerd__Cgroups__V2__IOEntry entry = IO__CONTAINERD__CGROUPS__V2__IOENTRY__INIT,
					     *entries[MANY_DISKS];
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, v1 = GOOGLE__PROTOBUF__ANY__INIT;
	Containerd__Task__V2__StatsResponse *response;
	ProtobufCMessage *m;

	for (size_t i = 0; i < MANY_DISKS; i++)
		entries[i] = &entry;
	io.usage = entries;
	io.n_usage = MANY_DISKS;
	v2.io = &io;
	begin_running(false);
	test_int(rpc_any_pack(&v2.base, &any), 0);
	any.type_url = (char *)"elsewhere/io.containerd.cgroups.v2.Metrics";
	ask_figures(&asked);
	guest_has_figures(&any);
	response = (Containerd__Task__V2__StatsResponse *)expect_ok(
		&asked, &containerd__task__v2__stats_response__descriptor);
	test_str(response->stats->type_url, "io.containerd.cgroups.v2.Metrics");
	test_int(rpc_any_unpack(response->stats, &io__containerd__cgroups__v2__metrics__descriptor,
				&m),
		 0);
	test_int(((Io__Containerd__Cgroups__V2__Metrics *)m)->io->n_usage, 256);
	rpc_free(m);
	rpc_free(&response->base);
	test_int(stats_to_v1(&any, &v1), 0);
	test_int(rpc_any_unpack(&v1, &io__containerd__cgroups__v1__metrics__descriptor, &m), 0);
	test_int(((Io__Containerd__Cgroups__V1__Metrics *)m)->blkio->n_io_serviced_recursive, 512);
	rpc_free(m);
	rpc_any_done(&v1);
	any.type_url = NULL;
	rpc_any_done(&any);
	test_shim_end();
}

/* containerd asks for all containers' figures one after the other. */
static void figures_of_a_silent_guest(void)
{
	begin_running(false);
	t.loop.now = test_clock;
	ask_of_task();
	test_pass(&t.loop, 2 * NSEC_PER_SEC - 1);
	test_true(!asked.done);
	test_pass(&t.loop, 1);
	expect(&asked, TTRPC_DEADLINE_EXCEEDED, "does not answer");
	ask_id(&asked, "Stats", "");
	expect(&asked, TTRPC_UNAVAILABLE, "does not answer");
	/* It is well again. */
	guest_has_figures(NULL);
	ask_id(&asked, "Pids", "");
	rpc_free(asked_of_guest("Pids", &containerd__task__v2__pids_request__descriptor));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	refuse_figures(NULL);
	/* Or its VM ends. */
	ask_of_task();
	test_pass(&t.loop, 2 * NSEC_PER_SEC);
	expect(&asked, TTRPC_DEADLINE_EXCEEDED, "does not answer");
	sandbox_deinit(&t.shim.sandbox);
	shim_task_lost(&t.shim);
	test_true(list_empty(&t.shim.forwards));
	test_shim_end();
}

int main(void)
{
	test_run(a_container_is_paused_and_resumed);
	test_run(a_pause_may_fail);
	test_run(a_pause_that_hangs_is_undone);
	test_run(a_pause_may_be_overtaken);
	test_run(a_held_container_goes_on_when_its_holder_goes);
	test_run(the_last_of_several_holders_lets_it_go_on);
	test_run(who_comes_while_it_is_let_go_holds_it_again);
	test_run(whoever_pauses_it_meanwhile_keeps_it_so);
	test_run(a_paused_container_is_not_resumed_by_who_held_it);
	test_run(a_paused_container_may_end);
	test_run(who_waits_hears_that_the_vm_has_ended);
	test_run(who_waits_hears_that_the_container_has_ended);
	test_run(a_paused_container_outlives_its_client);
	test_run(limits_are_passed_on);
	test_run(the_host_has_its_part);
	test_run(wrong_limits_are_not);
	test_run(figures_become_those_of_version_1);
	test_run(figures_that_make_no_sense);
	test_run(figures_are_made_anew);
	test_run(figures_of_a_silent_guest);
	return 0;
}
