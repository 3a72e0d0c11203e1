/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"
#include "cmd/client.h"
#include "cmd/metrics-serve.h"
#include "loop/test-clock.h"
#include "rpc/task.h"
#include "shim/lifeline.h"
#include "task.pb-c.h"

static char folder[] = "/tmp/test-metrics-XXXXXX";
static char *text;
static size_t text_len;

/* How often a line, or a part of one, is in the text. */
static unsigned int count(const char *part)
{
	unsigned int n = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		n++;
	return n;
}

static void print(const struct metrics_container *const *vms, size_t n)
{
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	test_true(out != NULL);
	metrics_print(out, vms, n, 0.25);
	(void)fclose(out);
}

/* Whether a sample is of a family: its name, or that and an ending that histograms have. */
static bool is_of(const char *sample, const char *family, size_t len)
{
	static const char *const endings[] = {"{", " ", "_bucket{", "_sum{", "_count{"};

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (strncmp(sample, family, len) == 0 &&
		    strncmp(sample + len, endings[i], strlen(endings[i])) == 0)
			return true;
	return false;
}

/* Each family has its HELP and its TYPE, once, and then its samples; nothing else is there. */
static void check_form(void)
{
	_cleanup_free_ char *copy = xstrdup(text);
	const char *family = "";
	size_t len = 0;
	char *at = copy;

	test_true(text_len > 0 && text[text_len - 1] == '\n');
	copy[text_len - 1] = '\0';
	for (char *line; (line = strsep(&at, "\n"));) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			family = line + 7;
			len = strcspn(family, " ");
			test_true(len > 8 && strncmp(family, "caisson_", 8) == 0);
			line = strsep(&at, "\n");
			test_true(strncmp(line, "# TYPE ", 7) == 0);
			test_true(strncmp(line + 7, family, len) == 0 && line[7 + len] == ' ');
		} else {
			test_true(is_of(line, family, len));
			test_true(strrchr(line, ' ') && *(strrchr(line, ' ') + 1));
		}
	}
}

static void nothing_runs(void)
{
	print(NULL, 0);
	check_form();
	test_true(count("caisson_build_info{version=\"" CAISSON_VERSION "\"} 1\n") == 1);
	test_true(count("\ncaisson_scrape_seconds 0.250000\n") == 1);
	test_int(count("caisson_vm_up{"), 0);
}

static void labels_are_escaped(void)
{
	struct metrics_container vm = {.root = (char *)"/a\\b\"c\nd",
				       .id = (char *)"c1",
				       .vm = (char *)"c1",
				       .hypervisor = (char *)"qemu"};
	const struct metrics_container *vms[] = {&vm};

	print(vms, 1);
	check_form();
	test_int(count("caisson_vm_up{root=\"/a\\\\b\\\"c?d\",vm=\"c1\"} 0\n"), 1);
}

static void who_does_not_answer_is_down(void)
{
	struct metrics_container up = {.root = (char *)"/r",
				       .id = (char *)"up",
				       .vm = (char *)"up",
				       .hypervisor = (char *)"qemu",
				       .state = "running"},
				 down = {.root = (char *)"/r",
					 .id = (char *)"down",
					 .vm = (char *)"down",
					 .hypervisor = (char *)"qemu",
					 .memory = 5},
				 more = up;
	const struct metrics_container *vms[] = {&up, &down, &more};

	more.id = (char *)"more";
	more.vm = (char *)"more";
	up.host.bytes[METRICS_VMM] = 7;
	up.host.processes[METRICS_HELPERS] = 2;
	print(vms, 3);
	check_form();
	test_int(count("caisson_vms{root=\"/r\",hypervisor=\"qemu\",state=\"running\"} 2\n"), 1);
	test_int(count("caisson_vms{root=\"/r\",hypervisor=\"qemu\",state=\"unknown\"} 1\n"), 1);
	test_int(count("caisson_vm_up{root=\"/r\",vm=\"down\"} 0\n"), 1);
	test_int(count("caisson_vm_up{root=\"/r\",vm=\"up\"} 1\n"), 1);
	test_int(count("caisson_vm_memory_bytes{root=\"/r\",vm=\"down\"} 5\n"), 1);
	test_int(count("caisson_vm_host_memory_bytes{root=\"/r\",vm=\"up\",part=\"vmm\"} 7\n"), 1);
	test_int(count("caisson_vm_host_processes{root=\"/r\",vm=\"up\",part=\"helpers\"} 2\n"), 1);
	/* Of what is not known nothing is told: 0 would be a figure. */
	test_int(count("vm=\"down\",part="), 0);
	test_int(count("caisson_container_"), 3 * 2);
}

static void phases_and_execs(void)
{
	Caisson__Sandbox__V1__TimingResponse timing = CAISSON__SANDBOX__V1__TIMING_RESPONSE__INIT;
	Caisson__Sandbox__V1__Histogram h = CAISSON__SANDBOX__V1__HISTOGRAM__INIT;
	Caisson__Sandbox__V1__Phase phases[3], *phase_rows[3];
	Caisson__Sandbox__V1__Histogram__Bucket buckets[3], *bucket_rows[3];
	Caisson__Sandbox__V1__Restarts restarts = CAISSON__SANDBOX__V1__RESTARTS__INIT,
				       *restart_rows[] = {&restarts};
	struct metrics_container vm = {.root = (char *)"/",
				       .id = (char *)"c",
				       .vm = (char *)"c",
				       .hypervisor = (char *)"qemu",
				       .state = "running"};
	const struct metrics_container *vms[] = {&vm};
	static const char *const steps[] = {"begin", "prepare", "boot"};

	for (int i = 0; i < 3; i++) {
		caisson__sandbox__v1__phase__init(&phases[i]);
		caisson__sandbox__v1__histogram__bucket__init(&buckets[i]);
		phases[i].step = (char *)steps[i];
		phases[i].at_ns = 5 * NSEC_PER_SEC + (uint64_t)(i * i) * 250 * NSEC_PER_MSEC;
		buckets[i].count = (uint64_t)i + 1;
		phase_rows[i] = &phases[i];
		bucket_rows[i] = &buckets[i];
	}
	buckets[0].up_to_ns = 5 * NSEC_PER_MSEC;
	buckets[1].up_to_ns = 2500 * NSEC_PER_MSEC;
	h.n_buckets = timing.n_phases = 3;
	h.buckets = bucket_rows;
	h.sum_ns = 1500 * NSEC_PER_MSEC;
	timing.phases = phase_rows;
	timing.exec_starts = &h;
	restarts.name = (char *)"main";
	restarts.count = 4;
	timing.n_restarts = 1;
	timing.restarts = restart_rows;
	metrics_facts_timing(&vm.facts, &timing);
	print(vms, 1);
	check_form();
#define LABELS "{root=\"/\",vm=\"c\""
	test_int(count("caisson_vm_start_phase_seconds" LABELS ",phase=\"prepare\"} 0.250000\n"),
		 1);
	test_int(count("caisson_vm_start_phase_seconds" LABELS ",phase=\"boot\"} 0.750000\n"), 1);
	test_int(count("phase=\"begin\""), 0);
	test_int(count("caisson_vm_exec_start_seconds_bucket" LABELS ",le=\"0.005\"} 1\n"), 1);
	test_int(count("caisson_vm_exec_start_seconds_bucket" LABELS ",le=\"2.5\"} 3\n"), 1);
	test_int(count("caisson_vm_exec_start_seconds_bucket" LABELS ",le=\"+Inf\"} 6\n"), 1);
	test_int(count("caisson_vm_exec_start_seconds_sum" LABELS "} 1.500000\n"), 1);
	test_int(count("caisson_vm_exec_start_seconds_count" LABELS "} 6\n"), 1);
	test_int(count("caisson_vm_container_restarts_total" LABELS ",container=\"main\"} 4\n"), 1);
}

static void what_the_guest_says(void)
{
	Io__Containerd__Cgroups__V2__Metrics figures = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Io__Containerd__Cgroups__V2__MemoryStat memory =
		IO__CONTAINERD__CGROUPS__V2__MEMORY_STAT__INIT;
	Io__Containerd__Cgroups__V2__PidsStat pids = IO__CONTAINERD__CGROUPS__V2__PIDS_STAT__INIT;
	Caisson__Guest__V1__InfoResponse info = CAISSON__GUEST__V1__INFO_RESPONSE__INIT;
	Caisson__Guest__V1__Supervisor supervisor = CAISSON__GUEST__V1__SUPERVISOR__INIT;
	struct metrics_container vm = {.root = (char *)"/",
				       .id = (char *)"c",
				       .vm = (char *)"c",
				       .hypervisor = (char *)"qemu",
				       .state = "running",
				       .memory = 1000};
	const struct metrics_container *vms[] = {&vm};

	memory.usage = 400;
	memory.usage_limit = UINT64_MAX;
	pids.current = 3;
	figures.memory = &memory;
	figures.pids = &pids;
	info.supervisor = &supervisor;
	metrics_facts_info(&vm.facts, &info);
	metrics_facts_figures(&vm.facts, &figures);
	print(vms, 1);
	check_form();
	test_int(count("caisson_container_memory_used_bytes" LABELS ",id=\"c\"} 400\n"), 1);
	test_int(count("caisson_container_memory_limit_bytes" LABELS ",id=\"c\"} 1000\n"), 1);
	test_int(count("caisson_container_processes" LABELS ",id=\"c\"} 3\n"), 1);
	test_int(count("caisson_vm_supervisor_restarts_total{"), 0);
	test_int(count("caisson_vm_supervisor_running{"), 0);
	memory.usage_limit = 500;
	supervisor.state = CAISSON__GUEST__V1__SUPERVISOR__STATE__BACKING_OFF;
	supervisor.restarts = 9;
	metrics_facts_info(&vm.facts, &info);
	metrics_facts_figures(&vm.facts, &figures);
	print(vms, 1);
	test_int(count("caisson_container_memory_limit_bytes" LABELS ",id=\"c\"} 500\n"), 1);
	test_int(count("caisson_vm_supervisor_restarts_total" LABELS "} 9\n"), 1);
	test_int(count("caisson_vm_supervisor_running" LABELS "} 0\n"), 1);
}

/* Of a shim that is not what it was. */
static void what_has_no_end_is_cut(void)
{
	Caisson__Sandbox__V1__TimingResponse timing = CAISSON__SANDBOX__V1__TIMING_RESPONSE__INIT;
	Caisson__Sandbox__V1__Histogram h = CAISSON__SANDBOX__V1__HISTOGRAM__INIT;
	static Caisson__Sandbox__V1__Phase phases[1000], *phase_rows[1000];
	static Caisson__Sandbox__V1__Histogram__Bucket buckets[1000], *bucket_rows[1000];
	static char steps[1000][METRICS_WORD_MAX + 2];
	struct metrics_facts facts = {.n_phases = 0};

	for (size_t i = 0; i < 1000; i++) {
		caisson__sandbox__v1__phase__init(&phases[i]);
		caisson__sandbox__v1__histogram__bucket__init(&buckets[i]);
		(void)snprintf(steps[i], sizeof(steps[i]), "%0*zu",
			       i < 2 ? METRICS_WORD_MAX + 1 : 3, i / 2);
		phases[i].step = steps[i];
		phases[i].at_ns = i;
		buckets[i].up_to_ns = i + 1;
		phase_rows[i] = &phases[i];
		bucket_rows[i] = &buckets[i];
	}
	timing.n_phases = h.n_buckets = 1000;
	timing.phases = phase_rows;
	timing.exec_starts = &h;
	h.buckets = bucket_rows;
	/* Time does not go back. */
	phases[4].at_ns = phases[5].at_ns = 1;
	metrics_facts_timing(&facts, &timing);
	test_int(facts.n_phases, METRICS_PHASES_MAX);
	test_int(facts.n_buckets, METRICS_BUCKETS_MAX);
	test_str(facts.phases[0].name, "001");
	test_str(facts.phases[1].name, "002");
	test_int(facts.phases[1].value, 0);
	test_str(facts.phases[2].name, "003");
	/* Prometheus takes nothing at all where two figures have the same labels. */
	facts = (struct metrics_facts){.n_phases = 0};
	buckets[2].up_to_ns = 0;
	metrics_facts_timing(&facts, &timing);
	test_int(facts.n_buckets, 3);
	facts = (struct metrics_facts){.n_phases = 0};
	buckets[2].up_to_ns = 2;
	metrics_facts_timing(&facts, &timing);
	test_int(facts.n_buckets, 2);
}

/* What is in one VM: that counts once. */
static void containers_of_a_vm(void)
{
	Io__Containerd__Cgroups__V2__Metrics figures = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Io__Containerd__Cgroups__V2__PidsStat pids = IO__CONTAINERD__CGROUPS__V2__PIDS_STAT__INIT;
	struct metrics_container joined = {.root = (char *)"/",
					   .id = (char *)"a",
					   .vm = (char *)"c",
					   .hypervisor = (char *)"qemu",
					   .state = "running"},
				 first = joined;
	const struct metrics_container *list[] = {&joined, &first};

	pids.current = 2;
	figures.pids = &pids;
	metrics_facts_figures(&joined.facts, &figures);
	first.id = (char *)"c";
	first.state = "paused";
	print(list, 2);
	check_form();
	test_int(count("caisson_vms{root=\"/\",hypervisor=\"qemu\",state=\"paused\"} 1\n"), 1);
	test_int(count("state=\"running\""), 0);
	test_int(count("caisson_vm_up{"), 1);
	test_int(count("caisson_container_processes" LABELS ",id=\"a\"} 2\n"), 1);
}

static void guest_memory_is_told_apart(void)
{
	char maps[] =
		"7f0000000000-7f0010000000 rw-s 00000000 00:01 1 /memfd:memory-backend (deleted)\n"
		"Size: 262144 kB\nPss: 1000 kB\nPss_Anon: 1 kB\nPrivate_Hugetlb: 24 kB\n"
		"55d000000000-55d000001000 r-xp 00000000 08:01 2 /usr/bin/qemu\n"
		"Pss: 4 kB\nAnonymous: 8 kB\n"
		"7f1000000000-7f1004000000 rwxp 00000000 00:00 0 \nPss: 16 kB\n"
		"7f1000000000-7f1004000000 rw-p 00000000 00:00 0 \nPss: 512 kB\n";
	_cleanup_free_ char *copy = xstrdup(maps);
	uint64_t guest = 0, rest = 0;

	metrics_maps_add(copy, false, &guest, &rest);
	test_int(guest, 1024 << 10);
	test_int(rest, 532 << 10);
	/* One that has no name is known by its size, and that it is not executed. */
	guest = rest = 0;
	metrics_maps_add(maps, true, &guest, &rest);
	test_int(guest, (1024 + 512) << 10);
	test_int(rest, 20 << 10);
}

static void we_are_measured(void)
{
	struct metrics_tree tree;
	struct metrics_host host;

	test_int(metrics_tree_read(&tree), 0);
	metrics_host_measure(&tree, getpid(), &host);
	test_int(host.processes[METRICS_HELPERS], 1);
	test_true(host.bytes[METRICS_HELPERS] > 0);
	test_int(host.bytes[METRICS_GUEST] + host.bytes[METRICS_VMM], 0);
	metrics_host_measure(&tree, -1, &host);
	test_int(host.processes[METRICS_HELPERS], 0);
	free(tree.v);
}

static void only_this_machine_is_listened_to(void)
{
	static const char *const wrong[] = {
		"0.0.0.0:9100",	   "192.0.2.1:80", "[::]:80", ":80",
		"127.0.0.1:65536", "127.0.0.1:",   "80",      "localhost:80",
		"127.0.0.1:80:80", "/run/x",	   "[::1]"};
	struct err err = ERR_NULL;
	const char *path;
	char *name;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		test_int(metrics_listen(wrong[i], &path, &err), -EINVAL);
		test_true(strstr(err.text, "not served beyond this machine"));
	}
	test_int(metrics_listen("unix:", &path, &err), -EINVAL);
	fd = metrics_listen("127.0.0.1:0", &path, &err);
	test_true(fd >= 0 && !path);
	name = metrics_listen_name(fd, NULL);
	test_true(strncmp(name, "127.0.0.1:", 10) == 0 && strcmp(name, "127.0.0.1:0") != 0);
	/* Somebody is there. */
	test_int(metrics_listen(name, &path, &err), -EADDRINUSE);
	free(name);
	(void)fd_close(fd);
}

/* A shim in the test's loop, which answers what is about itself; the guest is mute unless it is told not to be. */
static struct {
	struct loop loop;
	struct paths paths;
	struct record record;
	struct ttrpc_server *shim;
	struct metrics_roots roots;
	bool mute, guest_answers, guest_floods;
	Containerd__V1__Types__Status status;
	struct ttrpc_call *state;
	unsigned int asked, guest_asked;
} t;

static void reply_state(void)
{
	Containerd__Task__V2__StateResponse state = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;

	state.status = t.status;
	rpc_reply(t.state, &state.base);
}

/* The state comes last, when all else has been told. */
static void called(struct ttrpc_call *call)
{
	bool is_last = strcmp(call->method->name, "Timing") == 0;

	t.asked += is_last;
	if (t.mute)
		return;
	if (strcmp(call->method->name, "State") == 0)
		t.state = call;
	else
		rpc_reply_empty(call);
	if (is_last)
		reply_state();
}

/* It makes sense, and there is no end to it. */
static void flood(struct ttrpc_call *call)
{
	Caisson__Guest__V1__Supervisor supervisor = CAISSON__GUEST__V1__SUPERVISOR__INIT;
	Caisson__Guest__V1__InfoResponse info = CAISSON__GUEST__V1__INFO_RESPONSE__INIT;
	static char version[METRICS_ANSWER_MAX + 1];

	memset(version, 'a', METRICS_ANSWER_MAX);
	supervisor.state = CAISSON__GUEST__V1__SUPERVISOR__STATE__RUNNING;
	info.version = version;
	info.supervisor = &supervisor;
	rpc_reply(call, &info.base);
}

static void guest_called(struct ttrpc_call *call)
{
	t.guest_asked++;
	if (t.guest_floods)
		flood(call);
	else if (t.guest_answers)
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "no");
}

static const struct ttrpc_method task_methods[] = {{.name = "State", .handler = called},
						   {.name = "Connect", .handler = called},
						   {.name = NULL}};
static const struct ttrpc_method own_methods[] = {{.name = "Timing", .handler = called},
						  {.name = "Stats", .handler = guest_called},
						  {.name = NULL}};
static const struct ttrpc_method system_methods[] = {{.name = "Info", .handler = guest_called},
						     {.name = NULL}};
static const struct ttrpc_service services[] = {
	{.name = RPC_SERVICE_TASK_V3, .methods = task_methods},
	{.name = SHIM_SERVICE, .methods = own_methods},
	{.name = RPC_SERVICE_SYSTEM, .methods = system_methods},
	{.name = NULL},
};

static void begin(void)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	_cleanup_free_ char *path = NULL;
	struct err err = ERR_NULL;
	int fd;

	memset(&t, 0, sizeof(t));
	t.status = CONTAINERD__V1__TYPES__STATUS__RUNNING;
	test_int(loop_init(&t.loop), 0);
	t.loop.now = test_clock;
	t.paths =
		(struct paths){.root = path_join(folder, "root"), .run = path_join(folder, "run")};
	t.roots = (struct metrics_roots){.own = &t.paths};
	spec.id = xstrdup("c1");
	spec.hypervisor = xstrdup("qemu");
	strv_add(&spec.args, "true");
	test_int(path_mkdirs(t.paths.root, 0700), 0);
	test_int(path_mkdirs(t.paths.run, 0700), 0);
	test_int(record_create(&t.paths, &spec, &t.record, &err), 0);
	sandbox_spec_done(&spec);
	path = client_socket_path(&t.record);
	fd = unix_listen(path);
	test_true(fd >= 0);
	test_int(ttrpc_server_new(&t.loop, services, 4, &t.shim), 0);
	test_int(ttrpc_server_listen(t.shim, fd, true), 0);
}

static void end(void)
{
	struct err err = ERR_NULL;

	ttrpc_server_free(t.shim);
	record_remove_run(&t.paths, &t.record);
	test_int(record_remove(&t.paths, &t.record, &err), 0);
	record_done(&t.record);
	free(t.paths.root);
	free(t.paths.run);
	loop_deinit(&t.loop);
}

static void scraped(void *userdata, char *result, size_t len)
{
	free(text);
	text = result;
	text_len = len;
	loop_quit(userdata, 0);
}

/* What is told of the only VM there is. */
static bool is_up(void)
{
	const char *line = strstr(text, "\ncaisson_vm_up{");

	test_true(line && count("caisson_vm_up{") == 1);
	return *(strchr(line + 1, '\n') - 1) == '1';
}

static void all_are_asked(void)
{
	begin();
	t.guest_answers = true;
	(void)metrics_scrape(&t.loop, &t.roots, scraped, &t.loop);
	test_int(loop_run(&t.loop), 0);
	check_form();
	test_true(is_up());
	test_int(count("state=\"running\"} 1\n"), 1);
	test_int(t.guest_asked, 2);
	end();
}

/* An answer that is too large is none, and all others count. */
static void guests_fill_nothing(void)
{
	begin();
	t.guest_floods = true;
	(void)metrics_scrape(&t.loop, &t.roots, scraped, &t.loop);
	test_int(loop_run(&t.loop), 0);
	check_form();
	test_true(is_up());
	test_int(t.guest_asked, 2);
	test_int(count("caisson_vm_supervisor_running{"), 0);
	end();
}

/* A paused VM would be woken. */
static void paused_guests_are_left_alone(void)
{
	begin();
	t.status = CONTAINERD__V1__TYPES__STATUS__PAUSED;
	(void)metrics_scrape(&t.loop, &t.roots, scraped, &t.loop);
	test_int(loop_run(&t.loop), 0);
	test_int(count("state=\"paused\"} 1\n"), 1);
	test_int(t.guest_asked, 0);
	end();
}

static void nobody_is_waited_for_longer(void)
{
	begin();
	t.mute = true;
	(void)metrics_scrape(&t.loop, &t.roots, scraped, &t.loop);
	test_true(!test_turn(&t.loop));
	test_true(!test_pass(&t.loop, METRICS_PATIENCE_NS - 1));
	test_true(test_pass(&t.loop, 1));
	test_true(!is_up());
	/* A guest that is mute is not its shim. */
	t.mute = false;
	(void)metrics_scrape(&t.loop, &t.roots, scraped, &t.loop);
	while (t.guest_asked < 2)
		test_true(!test_turn(&t.loop));
	test_true(test_pass(&t.loop, METRICS_PATIENCE_NS));
	test_true(is_up());
	end();
}

/* Whatever it is called, a container that came later is none that its VM goes by. */
static void those_that_came_later_are_of_another(void)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record later = RECORD_NULL;
	struct err err = ERR_NULL;

	begin();
	spec.id = xstrdup("a1");
	spec.part = 1;
	spec.vm = xstrdup("c1");
	strv_add(&spec.args, "true");
	test_int(record_create(&t.paths, &spec, &later, &err), 0);
	t.mute = true;
	(void)metrics_scrape(&t.loop, &t.roots, scraped, &t.loop);
	test_true(!test_turn(&t.loop));
	test_true(test_pass(&t.loop, METRICS_PATIENCE_NS));
	test_true(!is_up());
	test_true(strstr(text, ",vm=\"c1\"} 0\n"));
	test_int(count("state=\"unknown\"} 1\n"), 1);
	record_remove_run(&t.paths, &later);
	test_int(record_remove(&t.paths, &later, &err), 0);
	record_done(&later);
	sandbox_spec_done(&spec);
	end();
}

static int dial(int listener)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
	} address;
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	test_int(getsockname(listener, &address.any, &len), 0);
	test_int(connect(fd, &address.any, len), 0);
	test_int(fd_nonblock(fd, true), 0);
	return fd;
}

static void send_text(int fd, const char *request)
{
	test_int(write(fd, request, strlen(request)), strlen(request));
}

/* Return: what came first; "": nothing yet; NULL: the connection has ended. */
static const char *received(int fd)
{
	static char answer[1 << 16];
	ssize_t n;

	(void)test_turn(&t.loop);
	n = read(fd, answer, sizeof(answer) - 1);
	if (n < 0 && errno == EAGAIN)
		n = 0;
	else if (n <= 0)
		return NULL;
	answer[n] = '\0';
	return answer;
}

/* What comes next, whatever that takes of the loop. Return: NULL: the end */
static const char *next(int fd)
{
	const char *answer = "";

	while (answer && !*answer)
		answer = received(fd);
	return answer;
}

static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";

/* Return: where it listens. */
static int begin_serving(struct metrics_server *server)
{
	struct err err = ERR_NULL;
	const char *path;
	int listener = metrics_listen("127.0.0.1:0", &path, &err);

	begin();
	test_int(metrics_serve_start(server, &t.loop, listener, &t.roots), 0);
	return listener;
}

static void clients_share_a_scrape(void)
{
	struct metrics_server server;
	int listener = begin_serving(&server), one, other;

	t.mute = true;
	one = dial(listener);
	other = dial(listener);
	send_text(one, request);
	test_str(received(one), "");
	send_text(other, request);
	test_str(received(other), "");
	while (server.n < 2)
		(void)test_turn(&t.loop);
	(void)test_pass(&t.loop, METRICS_PATIENCE_NS);
	test_true(strstr(next(one), "caisson_vm_up{"));
	test_true(strstr(next(other), "caisson_vm_up{"));
	test_true(!next(one) && !next(other));
	test_int(t.asked, 1);
	test_int(server.n, 0);
	(void)fd_close(one);
	one = dial(listener);
	send_text(one, "GET / HTTP/1.1\r\n\r\n");
	test_true(strstr(next(one), "404 Not Found"));
	/* One that goes while it waits, and the end meanwhile. */
	(void)fd_close(one);
	(void)test_pass(&t.loop, METRICS_FRESH_NS);
	one = dial(listener);
	send_text(one, request);
	test_str(received(one), "");
	metrics_serve_stop(&server);
	(void)fd_close(one);
	(void)fd_close(other);
	(void)fd_close(listener);
	end();
}

/* Who asks without a pause costs no more than others. */
static void an_answer_is_good_for_a_second(void)
{
	struct metrics_server server;
	int listener = begin_serving(&server), asked = 0, fd;

	t.guest_answers = true;
	for (int i = 0; i < 4; i++) {
		fd = dial(listener);
		send_text(fd, request);
		test_true(strstr(next(fd), "caisson_vm_up{"));
		test_true(i % 2 == 0 ? (int)t.asked > asked : (int)t.asked == asked);
		asked = (int)t.asked;
		(void)fd_close(fd);
		(void)test_pass(&t.loop, i % 2 == 0 ? METRICS_FRESH_NS - 1 : 1);
	}
	metrics_serve_stop(&server);
	(void)fd_close(listener);
	end();
}

static void heads_are_served(void)
{
	struct metrics_server server;
	int listener = begin_serving(&server), fd = dial(listener);
	const char *head;

	t.guest_answers = true;
	send_text(fd, "HEAD /metrics HTTP/1.1\r\n\r\n");
	head = next(fd);
	test_true(strstr(head, "200 OK"));
	test_str(strstr(head, "\r\n\r\n"), "\r\n\r\n");
	test_true(!next(fd));
	metrics_serve_stop(&server);
	(void)fd_close(fd);
	(void)fd_close(listener);
	end();
}

/* Who says nothing holds a place, and only for so long. */
static void silent_clients_make_room(void)
{
	struct metrics_server server;
	int listener = begin_serving(&server), fds[METRICS_CLIENTS_MAX + 1];

	t.guest_answers = true;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = dial(listener);
	send_text(fds[METRICS_CLIENTS_MAX], request);
	while (server.n < METRICS_CLIENTS_MAX)
		(void)test_turn(&t.loop);
	for (int i = 0; i < 4; i++)
		test_str(received(fds[METRICS_CLIENTS_MAX]), "");
	test_int(server.n, METRICS_CLIENTS_MAX);
	(void)test_pass(&t.loop, METRICS_CLIENT_NS);
	test_true(strstr(next(fds[METRICS_CLIENTS_MAX]), "200 OK"));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)fd_close(fds[i]);
	metrics_serve_stop(&server);
	(void)fd_close(listener);
	end();
}

int main(void)
{
	test_true(mkdtemp(folder) != NULL);
	test_run(nothing_runs);
	test_run(labels_are_escaped);
	test_run(who_does_not_answer_is_down);
	test_run(phases_and_execs);
	test_run(what_the_guest_says);
	test_run(what_has_no_end_is_cut);
	test_run(containers_of_a_vm);
	test_run(guest_memory_is_told_apart);
	test_run(we_are_measured);
	test_run(only_this_machine_is_listened_to);
	test_run(all_are_asked);
	test_run(guests_fill_nothing);
	test_run(paused_guests_are_left_alone);
	test_run(nobody_is_waited_for_longer);
	test_run(those_that_came_later_are_of_another);
	test_run(clients_share_a_scrape);
	test_run(an_answer_is_good_for_a_second);
	test_run(heads_are_served);
	test_run(silent_clients_make_room);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	free(text);
	return 0;
}
