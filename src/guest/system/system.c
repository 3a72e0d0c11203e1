/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/system/system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "guest/early.h"
#include "guest/procfs.h"
#include "guest/system/freeze.h"
#include "guest/system/processes.h"
#include "rpc/task.h"

/* Disks may be slow, and file systems broken. */
#define WORK_TIME	(60 * NSEC_PER_SEC)
#define PATHS_BYTES_MAX 4096
#define MOUNTS_MAX	128
#define CONTROLLERS_MAX 16
#define SEED_MIN	32
#define SEED_MAX	512

/* Words are added, and never change their meaning. The last ones are for VMs that have crun. */
static const char *const features[] = {
	"direct", "events", "stats",	  "pause",   "update",	"freeze", "set-time",
	"reseed", "mount",  "supervisor", "network", "sockets", "bundle", "oci",
};
#define FEATURES_OF_CRUN 2

static struct system *system_of(const struct ttrpc_call *call)
{
	return call->service->userdata;
}

/* Kilobytes; not of the page tables' shared counters, which lag behind. */
static uint64_t resident(void)
{
	char *text, *rss;
	int proc = procfs_get();
	uint64_t kb = 0;

	if (proc < 0 || file_slurp_at(proc, "self/smaps_rollup", 4096, &text, NULL) < 0)
		return 0;
	rss = strstr(text, "\nRss:");
	if (rss)
		kb = strtoull(rss + strlen("\nRss:"), NULL, 10);
	free(text);
	return kb;
}

static uint64_t context_switches(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return 0;
	return (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
}

/* Into words, in place. Return: how many. */
static size_t split(char *text, char **words, size_t max)
{
	size_t n = 0;
	char *word;

	while (n < max && (word = strsep(&text, " ")))
		if (*word)
			words[n++] = word;
	return n;
}

static void info(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	Caisson__Guest__V1__InfoResponse response = CAISSON__GUEST__V1__INFO_RESPONSE__INIT;
	Caisson__Guest__V1__Supervisor supervisor = CAISSON__GUEST__V1__SUPERVISOR__INIT;
	struct system *system = system_of(call);
	char controllers[CGROUP_CONTROLLERS_MAX], *words[CONTROLLERS_MAX];
	struct utsname name;

	(void)uname(&name);
	(void)snprintf(controllers, sizeof(controllers), "%s", system->task->cgroups->controllers);
	if (system->describe_supervisor)
		system->describe_supervisor(&supervisor);
	response.version = rpc_str(CAISSON_VERSION);
	response.kernel_version = name.release;
	response.n_cgroup_controllers = split(controllers, words, CONTROLLERS_MAX);
	response.cgroup_controllers = words;
	response.n_features = ARRAY_SIZE(features) - (system->task->bundles ? 0 : FEATURES_OF_CRUN);
	response.features = (char **)features;
	response.init_rss_kb = resident();
	response.init_context_switches = context_switches();
	response.supervisor = &supervisor;
	rpc_reply(call, &response.base);
}

/* What takes its time. */

static void work_over(struct system *system)
{
	loop_timer_stop(&system->deadline);
	worker_stop(&system->worker);
}

static struct ttrpc_call *take_call(struct system *system)
{
	struct ttrpc_call *call = take_ptr(system->call);

	if (call)
		call->cancelled = NULL;
	return call;
}

static void cancelled(struct ttrpc_call *call)
{
	system_of(call)->call = NULL;
}

static void undone(struct worker *worker _unused_, uint32_t status _unused_)
{
}

/* What fails must not leave writers waiting for a thaw that nobody will ask for. */
static void undo(struct system *system)
{
	int (*run)(void *arg, int out) = take_ptr(system->undo);
	int r = run ? worker_start(system->workers, &system->worker, run, system, undone) : 0;

	if (r < 0)
		log_warn("file systems stay frozen: %s", strerror(-r));
}

static void too_slow(struct loop_timer *timer)
{
	struct system *system = container_of(timer, struct system, deadline);
	struct ttrpc_call *call = take_call(system);

	work_over(system);
	undo(system);
	if (call)
		ttrpc_call_fail(call, TTRPC_DEADLINE_EXCEEDED,
				"the disks have not answered in time");
}

/* Return: false: @call was answered. */
static bool begin(struct ttrpc_call *call, int (*run)(void *arg, int out),
		  void (*done)(struct worker *worker, uint32_t status))
{
	struct system *system = system_of(call);
	int r;

	if (worker_busy(&system->worker)) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"freezing, thawing or writing back is under way already");
		return false;
	}
	r = worker_start(system->workers, &system->worker, run, system, done);
	if (r < 0) {
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "cannot start a process: %s",
				strerror(-r));
		return false;
	}
	system->call = call;
	system->undo = NULL;
	call->cancelled = cancelled;
	loop_timer_start(system->loop, &system->deadline, loop_now(system->loop) + WORK_TIME,
			 too_slow);
	return true;
}

static void was_killed(struct ttrpc_call *call)
{
	ttrpc_call_fail(call, TTRPC_INTERNAL, "the process that does this was killed");
}

static void nothing_to_tell(struct worker *worker, uint32_t status)
{
	struct system *system = container_of(worker, struct system, worker);
	struct ttrpc_call *call = take_call(system);

	work_over(system);
	if (call && status == 0)
		rpc_reply_empty(call);
	else if (call)
		was_killed(call);
}

/* What vminitd itself has mounted, and what is mounted in containers. */
static void each_view(const struct system *system, void (*one)(pid_t pid, int out), int out)
{
	one(0, out);
	for (struct process *p = NULL; (p = process_next(&system->task->processes, p));)
		if (!process_is_exec(p) && p->pid > 0 && !p->reaped)
			one(p->pid, out);
}

static int freeze_all(void *arg, int out)
{
	each_view(arg, freeze_mounts, out);
	return 0;
}

static void thaw_view(pid_t pid, int out _unused_)
{
	thaw_mounts(pid);
}

static int thaw_all(void *arg, int out)
{
	each_view(arg, thaw_view, out);
	return 0;
}

static int sync_all(void *arg _unused_, int out _unused_)
{
	sync();
	return 0;
}

/* Cuts the words apart. Return: is that all of them? */
static bool take_paths(char *at, const char *end,
		       Caisson__Guest__V1__FreezeFilesystemsResponse *response)
{
	while (at < end && response->n_frozen < MOUNTS_MAX) {
		response->frozen[response->n_frozen++] = at;
		at += strlen(at) + 1;
	}
	return at >= end;
}

static void frozen(struct worker *worker, uint32_t status)
{
	Caisson__Guest__V1__FreezeFilesystemsResponse response =
		CAISSON__GUEST__V1__FREEZE_FILESYSTEMS_RESPONSE__INIT;
	struct system *system = container_of(worker, struct system, worker);
	struct ttrpc_call *call = take_call(system);
	char output[PATHS_BYTES_MAX + 1], *paths[MOUNTS_MAX];
	size_t len = worker_output(worker, output, PATHS_BYTES_MAX);
	bool all;

	work_over(system);
	output[len] = '\0';
	response.frozen = paths;
	all = take_paths(output, output + len, &response) && len < PATHS_BYTES_MAX;
	if (status != 0 || !all)
		undo(system);
	if (!call)
		return;
	if (status != 0)
		was_killed(call);
	else if (!all)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				"more than %d file systems would have to be frozen, or their paths "
				"are longer than %d bytes",
				MOUNTS_MAX, PATHS_BYTES_MAX);
	else
		rpc_reply(call, &response.base);
}

static void freeze_filesystems(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	struct system *system = system_of(call);

	if (!begin(call, freeze_all, frozen))
		return;
	system->undo = thaw_all;
	system->frozen = true;
}

static void thaw_filesystems(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	struct system *system = system_of(call);

	if (begin(call, thaw_all, nothing_to_tell))
		system->frozen = false;
}

/* Nothing new begins, and what was written is on the disks: the VM may be ended at any time. */
static void prepare_shutdown(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	struct task *task = system_of(call)->task;

	task->closing |= begin(call, sync_all, nothing_to_tell);
}

static void set_time(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__SetTimeRequest *request = (const void *)message;
	struct timespec now;

	if (!request->now) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "now: no time was given");
		return;
	}
	now = (struct timespec){.tv_sec = request->now->seconds, .tv_nsec = request->now->nanos};
	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		ttrpc_call_fail(call, ttrpc_code_from_errno(-errno),
				"now: cannot set the clock: %s", strerror(errno));
	else
		rpc_reply_empty(call);
}

/* Credited, since the host is trusted; and used at once, not when the next reseeding is due. */
static int reseed_kernel(const void *seed, size_t len)
{
	union {
		struct rand_pool_info info;
		char bytes[sizeof(struct rand_pool_info) + SEED_MAX];
	} pool;
	_cleanup_close_ int fd = early_urandom();

	if (fd < 0)
		return fd;
	pool.info.entropy_count = (int)len * 8;
	pool.info.buf_size = (int)len;
	memcpy(pool.bytes + sizeof(pool.info), seed, len);
	if (ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return -errno;
	return 0;
}

static void reseed(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__ReseedRequest *request = (const void *)message;
	int r;

	if (request->seed.len < SEED_MIN || request->seed.len > SEED_MAX) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
				"seed: it has %zu bytes, not %d to %d", request->seed.len, SEED_MIN,
				SEED_MAX);
		return;
	}
	r = reseed_kernel(request->seed.data, request->seed.len);
	if (r < 0)
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "cannot seed the kernel: %s",
				strerror(-r));
	else
		rpc_reply_empty(call);
}

static void processes(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	processes_tell(call, system_of(call)->task, message);
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("Info", google__protobuf__empty, caisson__guest__v1__info_response, info),
	RPC_METHOD("FreezeFilesystems", google__protobuf__empty,
		   caisson__guest__v1__freeze_filesystems_response, freeze_filesystems),
	RPC_METHOD("ThawFilesystems", google__protobuf__empty, google__protobuf__empty,
		   thaw_filesystems),
	RPC_METHOD("PrepareShutdown", google__protobuf__empty, google__protobuf__empty,
		   prepare_shutdown),
	RPC_METHOD("SetTime", caisson__guest__v1__set_time_request, google__protobuf__empty,
		   set_time),
	RPC_METHOD("Reseed", caisson__guest__v1__reseed_request, google__protobuf__empty, reseed),
	RPC_METHOD("Processes", caisson__guest__v1__processes_request, google__protobuf__empty,
		   processes),
	{.name = NULL},
};

void system_thaw(struct system *system)
{
	struct ttrpc_call *call;

	if (!system->frozen)
		return;
	call = take_call(system);
	work_over(system);
	if (call)
		ttrpc_call_fail(call, TTRPC_ABORTED, "the virtual machine is being shut down");
	(void)worker_start(system->workers, &system->worker, thaw_all, system, undone);
}

struct ttrpc_service system_init(struct system *system, struct workers *workers)
{
	system->call = NULL;
	system->workers = workers;
	system->worker.pid = 0;
	loop_timer_init(&system->deadline);
	return (struct ttrpc_service){
		.name = RPC_SERVICE_SYSTEM, .methods = methods, .userdata = system};
}
