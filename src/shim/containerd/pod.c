/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/pod.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "rpc/process.h"
#include "rpc/rpc.h"
#include "sandbox/process-oci.h"
#include "sandbox/rootfs.h"
#include "shim/calls.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/join.h"
#include "shim/containerd/pod-bundle.h"
#include "shim/host-cgroup.h"
#include "shim/keeper.h"

struct waiting {
	struct list link;
	struct ttrpc_call *call;
	enum pod_event event;
	void (*reply)(struct ttrpc_call *call);
};

void pod_init(struct pod *pod, struct shim *shim, struct sandbox_spec *spec)
{
	*pod = (struct pod){.shim = shim, .spec = spec};
	list_init(&pod->waiting);
	loop_timer_init(&pod->patience);
}

static void forget(struct waiting *w)
{
	list_del(&w->link);
	free(w);
}

void pod_done(struct pod *pod)
{
	list_for_each_safe (it, &pod->waiting)
		forget(container_of(it, struct waiting, link));
	loop_timer_stop(&pod->patience);
	pod_config_done(&pod->config);
}

struct pod *pod_of(const struct shim *shim)
{
	return shim->containerd ? shim->containerd->pod : NULL;
}

bool pod_is_own(const struct process *p)
{
	const struct shim *shim = shim_of_process(p);

	return pod_of(shim) && p == shim->first.init;
}

/* What is mounted on is there already where nobody may write. */
static int fill_root(const char *rootfs, const char *program, struct err *err)
{
	_cleanup_close_ int root = open(rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int source = open(program, O_RDONLY | O_CLOEXEC), place = -EBADF;
	_cleanup_free_ char *path = path_join(rootfs, POD_PROGRAM);

	if (source < 0)
		return err_errno(err, -errno, "cannot open %s", program);
	if (root < 0 || mkdirat(root, "proc", 0555) < 0 || mkdirat(root, "dev", 0755) < 0)
		return err_errno(err, -errno, "cannot make folders in %s", rootfs);
	place = openat(root, POD_PROGRAM, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (place < 0)
		return err_errno(err, -errno, "cannot make %s", path);
	return rootfs_bind(source, path, true, false, err);
}

/* In our own mount namespace, with which it goes. */
static int make_root(const char *rootfs, const char *program, struct err *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV;
	int r = rootfs_private_mounts(err);

	if (r == 0 && mount("caisson", rootfs, "tmpfs", flags, "mode=0755,size=64k") < 0)
		r = err_errno(err, -errno, "cannot mount on %s", rootfs);
	if (r == 0)
		r = fill_root(rootfs, program, err);
	if (r == 0 && mount(NULL, rootfs, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0)
		r = err_errno(err, -errno, "cannot protect %s", rootfs);
	return r;
}

/* Whoever has to remove what is left finds in the record what there is. */
static int record(const struct record *record, const struct sandbox_spec *spec,
		  const struct bundle *bundle, struct sandbox_spec *ret, struct err *err)
{
	int r = record_set_spec(record, spec);

	if (r < 0)
		return err_errno(err, r, "cannot write in %s", record->dir_path);
	r = bundle_keep(bundle, record, err);
	return r == 0 ? record_load(record, ret, err) : r;
}

static int make_spec(struct shim *shim,
		     const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request,
		     struct sandbox_spec *ret, struct err *err)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct bundle bundle = BUNDLE_NULL;
	struct pod *pod = pod_of(shim);
	int r;

	pod_config_done(&pod->config);
	spec.id = xstrdup(shim->spec->id);
	r = pod_config_make(spec.id, request, &pod->config, err);
	if (r == 0)
		r = pod_bundle_load(shim->spec->bundle, &pod->config, &spec, &bundle, err);
	if (r == 0)
		r = record(shim->first.record, &spec, &bundle, ret, err);
	bundle_done(&bundle);
	sandbox_spec_done(&spec);
	return r;
}

static int become(const struct shim *shim, const struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *program = paths_program(shim->paths, POD_PROGRAM);
	int r = host_cgroup_enter(spec, err);

	if (r < 0)
		return r;
	pod_of(shim)->entered = true;
	r = network_enter(spec->netns, err);
	return r == 0 ? make_root(spec->rootfs, program, err) : r;
}

int pod_describe(struct shim *shim,
		 const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request,
		 struct err *err)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct pod *pod = pod_of(shim);
	int r = make_spec(shim, request, &spec, err);

	if (r == 0)
		r = become(shim, &spec, err);
	if (r < 0) {
		sandbox_spec_done(&spec);
		return r;
	}
	sandbox_spec_done(pod->spec);
	*pod->spec = spec;
	shim->rates = spec.rates;
	(void)clock_gettime(CLOCK_REALTIME, &pod->created_at);
	pod->described = true;
	return 0;
}

bool pod_is_ready(const struct shim *shim)
{
	const struct process *p = shim->first.init;

	/* While that is paused, all else in the pod goes on. */
	return shim->sandbox.state == SANDBOX_READY && process_is_live(p) &&
	       p->state >= PROCESS_RUNNING;
}

static bool has_happened(const struct shim *shim, enum pod_event event)
{
	if (event == POD_CREATED)
		return shim->first.init && shim->sandbox.state != SANDBOX_ENDED;
	return event == POD_STARTED ? pod_is_ready(shim) : shim->sandbox.state == SANDBOX_ENDED;
}

static void answer(struct shim *shim)
{
	list_for_each_safe (it, &pod_of(shim)->waiting) {
		struct waiting *w = container_of(it, struct waiting, link);

		if (has_happened(shim, w->event))
			w->reply(w->call);
		else if (shim->sandbox.state == SANDBOX_ENDED)
			ttrpc_call_fail(w->call, TTRPC_UNAVAILABLE, "%s", shim_why_ended(shim));
		else
			continue;
		forget(w);
	}
}

static void call_cancelled(struct ttrpc_call *call)
{
	forget(call->userdata);
}

void pod_await(struct ttrpc_call *call, enum pod_event event,
	       void (*reply)(struct ttrpc_call *call))
{
	struct shim *shim = shim_of(call);
	struct waiting *w = xcalloc(1, sizeof(*w));

	*w = (struct waiting){.call = call, .event = event, .reply = reply};
	call->userdata = w;
	call->cancelled = call_cancelled;
	list_append(&pod_of(shim)->waiting, &w->link);
	answer(shim);
}

void pod_followed(struct shim *shim)
{
	static const struct process_stdio none = {.in = "", .out = "", .err = ""};

	if (shim->sandbox.state != SANDBOX_NEW)
		return;
	if (sandbox_start(&shim->sandbox) < 0) {
		pod_ended(shim);
		return;
	}
	process_oci_prepare(&shim->first);
	shim->first.init = process_new(&shim->first, "", &none, NULL);
	answer(shim);
}

static void failed(struct shim *shim, const struct process_result *result)
{
	if (!shim->sandbox.failure.code)
		(void)err_set(&shim->sandbox.failure, -EIO, "%s", result->message);
	calls_fail_waiters(shim, shim->first.init, result->message);
	sandbox_stop(&shim->sandbox, false);
}

static void created(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);

	if (result->code != TTRPC_OK) {
		failed(shim, result);
		return;
	}
	sandbox_phase(&shim->sandbox, SANDBOX_PHASE_CREATED);
	if (shim->ask_view)
		shim->ask_view(shim->keeper);
	else
		pod_seen(shim);
}

void pod_seen(struct shim *shim)
{
	struct process *p = shim->first.init;

	/* It may have ended meanwhile. */
	if (p && p->state == PROCESS_CREATED)
		shim_start(p);
}

static void started(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);

	if (result->code != TTRPC_OK) {
		failed(shim, result);
		return;
	}
	shim->first.started = true;
	sandbox_phase(&shim->sandbox, SANDBOX_PHASE_STARTED);
	answer(shim);
}

/* Without it there is no pod: what is in it ends, too. */
static void stopped(struct process *p)
{
	struct shim *shim = shim_of_process(p);

	calls_answer_waiters(shim, p);
	sandbox_stop(&shim->sandbox, shim_has_disks(shim));
}

/* Nobody asks for that. */
static void unexpected(struct process *p, const struct process_result *result _unused_)
{
	stopped(p);
}

void pod_hear(struct process *p)
{
	p->created = created;
	p->started = started;
	p->stopped = stopped;
	p->deleted = unexpected;
}

static bool is_live(const struct container *c)
{
	const char *why;

	return shim_container_joined(c) && c->init &&
	       process_allows(c->init->state, PROCESS_OP_KILL, &why) == TTRPC_OK;
}

static size_t count_live(const struct shim *shim)
{
	size_t n = 0;

	list_for_each (it, &shim->sandbox.containers)
		n += is_live(container_of(it, struct container, link));
	return n;
}

static void end(struct shim *shim)
{
	loop_timer_stop(&pod_of(shim)->patience);
	sandbox_stop(&shim->sandbox, shim_has_disks(shim));
}

static void patience_ends(struct loop_timer *timer)
{
	const struct pod *pod = container_of(timer, struct pod, patience);

	end(pod->shim);
}

static void ask_to_end(const struct shim *shim)
{
	list_for_each (it, &shim->sandbox.containers)
		if (is_live(container_of(it, struct container, link)))
			process_signal(container_of(it, struct container, link)->init, SIGTERM);
}

/* Who asks again may have less patience, but not more: else it would never end for who asks often enough. */
static void wait_patiently(struct shim *shim, bool again, uint32_t seconds)
{
	struct loop_timer *timer = &pod_of(shim)->patience;
	uint64_t deadline = loop_now(shim->loop) + seconds * NSEC_PER_SEC;

	if (!again)
		ask_to_end(shim);
	if (!again || deadline < timer->deadline)
		loop_timer_start(shim->loop, timer, deadline, patience_ends);
}

void pod_stop(struct shim *shim, uint32_t seconds)
{
	static const struct err none = {.code = -ECANCELED, .text = "the sandbox was stopped"};
	struct pod *pod = pod_of(shim);
	bool again = pod->stopping;

	pod->stopping = true;
	if (shim->sandbox.state == SANDBOX_NEW) {
		sandbox_fail(&shim->sandbox, &none);
		pod_ended(shim);
	} else if (seconds == 0 || count_live(shim) == 0) {
		end(shim);
	} else {
		wait_patiently(shim, again, seconds);
	}
}

void pod_left(struct shim *shim)
{
	const struct pod *pod = pod_of(shim);

	if (pod && pod->stopping && count_live(shim) == 0)
		end(shim);
}

void pod_ended(struct shim *shim)
{
	struct pod *pod = pod_of(shim);

	if (!pod)
		return;
	loop_timer_stop(&pod->patience);
	(void)clock_gettime(CLOCK_REALTIME, &pod->exited_at);
	answer(shim);
}
