/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/bundle.h"
#include "sandbox/commons.h"
#include "sandbox/hollow.h"
#include "sandbox/oci-adapt.h"
#include "sandbox/process-oci.h"
#include "sandbox/rootfs.h"
#include "sandbox/volume.h"
#include "shim/calls.h"
#include "shim/containerd/mounts.h"
#include "shim/containerd/options.h"
#include "shim/containerd/pod.h"
#include "shim/deputy.h"
#include "shim/hold.h"
#include "shim/keeper.h"
#include "shim/told.h"

/**
 * struct joined - one of them
 * @own: what any shim's has
 * @n_mounts: how many Create has asked for on its root file system
 * @deputy: the process that stands for it; @seen: which sees what it sees
 */
struct joined {
	struct container container;
	struct shim_container own;
	struct record record;
	struct sandbox_spec spec;
	size_t n_mounts;
	struct deputy deputy;
	bool seen;
};

static struct joined *joined_of(struct container *c)
{
	return container_of(c, struct joined, container);
}

static size_t count(const struct sandbox *sb)
{
	size_t n = 0;

	list_for_each (it, &sb->containers)
		n++;
	return n;
}

static bool check_vm(struct ttrpc_call *call,
		     const Containerd__Task__V2__CreateTaskRequest *request)
{
	const struct shim *shim = shim_of(call);
	const struct sandbox *sb = &shim->sandbox;
	const struct {
		bool wrong;
		enum ttrpc_code code;
		const char *text;
	} rules[] = {
		{!sandbox_id_valid(request->id), TTRPC_INVALID_ARGUMENT,
		 "id: not " SANDBOX_ID_RULE},
		{*request->checkpoint || *request->parent_checkpoint, TTRPC_UNIMPLEMENTED,
		 "checkpoint: one is restored by `caisson restore` only"},
		{sb->state != SANDBOX_READY || !process_is_live(shim->first.init),
		 TTRPC_FAILED_PRECONDITION,
		 "the first container of its group is not there, or has ended"},
		{count(sb) >= ABI_CONTAINERS_MAX, TTRPC_RESOURCE_EXHAUSTED,
		 "its VM has as many containers as it can"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!rules[i].wrong)
			continue;
		ttrpc_call_fail(call, rules[i].code, "%s", rules[i].text);
		return false;
	}
	return true;
}

static int check_volumes(const struct sandbox_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->volumes.n; i++) {
		const struct volume volume = volume_of(spec->volumes.v[i]);

		if (volume.kind == VOLUME_SOCKET)
			return err_set(
				err, -ENOTSUP,
				"mounts: %s, for %s, is a socket of the host, which only the "
				"first container of a VM can have",
				volume.source, spec->volume_targets.v[i]);
	}
	return 0;
}

static int check_spec(const struct sandbox_spec *spec, const struct bundle *bundle, struct err *err)
{
	if (bundle->hooks)
		return err_set(err, -ENOTSUP,
			       "hooks: only the first container of a VM can have any");
	if (spec->sysctls.n > 0)
		return err_set(err, -ENOTSUP,
			       "linux.sysctl: %s is about the network, which is that of the first "
			       "container of the VM",
			       spec->sysctls.v[0]);
	return check_volumes(spec, err);
}

/* Nobody else will say it. */
static void tell_notes(const struct sandbox_spec *spec)
{
	for (size_t i = 0; i < spec->notes.n; i++)
		log_warn("container %s: %s", spec->id, spec->notes.v[i]);
}

/* Whose namespaces it may join. The first one is live. */
static size_t find_members(struct shim *shim, struct oci_member ret[ABI_CONTAINERS_MAX])
{
	size_t n = 0;

	list_for_each (it, &shim->sandbox.containers) {
		const struct process *p = container_of(it, struct container, link)->init;

		if (process_is_live(p) && n < ABI_CONTAINERS_MAX)
			ret[n++] = (struct oci_member){.host_pid = shim_container_pid(p->container),
						       .guest_pid = p->pid,
						       .hollow = hollow_is_one(p)};
	}
	return n;
}

static int load(struct shim *shim, const Containerd__Task__V2__CreateTaskRequest *request,
		struct sandbox_spec *spec, struct bundle *bundle, struct err *err)
{
	struct oci_member members[ABI_CONTAINERS_MAX];
	const struct pod *pod = pod_of(shim);
	const struct oci_group group = {
		.members = members,
		.n = find_members(shim, members),
		.shm = shim->first.spec->shm ? shim->first.spec->shm : "",
		.files = pod ? pod->config.files : NULL,
		.n_files = pod ? pod->config.n_files : 0,
	};
	struct containerd_options options = {.config = NULL};
	int r = containerd_options_take(request->options, &options, err);

	spec->id = xstrdup(request->id);
	spec->part = ++shim->sandbox.parts;
	if (r == 0)
		r = bundle_load(request->bundle, BUNDLE_CGROUPS_EITHER, &group, spec, bundle, err);
	if (r == 0)
		r = check_spec(spec, bundle, err);
	if (r == 0)
		r = bundle_join(bundle, spec, shim->first.spec, options.config, err);
	if (r == 0 && spec->terminal != request->terminal)
		r = err_set(err, -EINVAL, "terminal: the bundle says otherwise");
	containerd_options_done(&options);
	/* All processes of the VM are in the first one's. */
	strv_done(&spec->cgroups);
	tell_notes(spec);
	return r;
}

/* It is found as the first one is, by whoever looks for it in the folder of records. */
static int make_record(struct shim *shim, struct joined *j, const struct sandbox_spec *spec,
		       const struct bundle *bundle, struct err *err)
{
	_cleanup_free_ char *theirs = path_join(shim->first.record->run_path, RECORD_SHIM_SOCKET);
	_cleanup_free_ char *ours = NULL;
	int r = bundle_record_anew(bundle, shim->paths, spec, &j->record, err);

	if (r < 0)
		return r;
	ours = path_join(j->record.run_path, RECORD_SHIM_SOCKET);
	r = record_set_keeper(&j->record, shim->keeper);
	if (r == 0 && symlink(theirs, ours) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot write in %s", j->record.run_path);
	return record_load(&j->record, &j->spec, err);
}

static int mount_all(struct shim *shim, struct joined *j,
		     const Containerd__Task__V2__CreateTaskRequest *request,
		     struct source_uses *uses, struct err *err)
{
	int r = mounts_check(request->rootfs, request->n_rootfs, err);

	if (r < 0)
		return r;
	j->n_mounts = request->n_rootfs;
	r = mounts_make(request->rootfs, request->n_rootfs, j->spec.rootfs, err);
	return r == 0 ? share_add(shim->sandbox.record, &j->record, &j->spec, uses, err) : r;
}

/* What is mounted stays as long as the guest has something of it open: nobody else sees it. */
static void leave(struct shim *shim, struct joined *j, enum leaving leaving)
{
	deputy_end(&j->deputy);
	share_remove(shim->sandbox.record, &j->spec, &shim->sandbox.sources);
	for (size_t i = 0; i < j->n_mounts; i++)
		rootfs_unmount(j->spec.rootfs);
	j->n_mounts = 0;
	if (j->record.lock >= 0)
		keeper_settle(shim->paths, &j->record, leaving, shim_why_ended(shim));
	j->record.lock = fd_close(j->record.lock);
}

static void free_joined(struct joined *j)
{
	record_done(&j->record);
	sandbox_spec_done(&j->spec);
	free(j);
}

static int make(struct shim *shim, const Containerd__Task__V2__CreateTaskRequest *request,
		struct joined *j, struct source_uses *uses, struct err *err)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct bundle bundle = BUNDLE_NULL;
	int r = load(shim, request, &spec, &bundle, err);

	if (r == 0)
		r = make_record(shim, j, &spec, &bundle, err);
	if (r == 0)
		r = mount_all(shim, j, request, uses, err);
	if (r < 0)
		leave(shim, j, LEAVE_NOTHING);
	bundle_done(&bundle);
	sandbox_spec_done(&spec);
	return r;
}

struct container *join_create(struct ttrpc_call *call,
			      const Containerd__Task__V2__CreateTaskRequest *request)
{
	struct shim *shim = shim_of(call);
	struct source_uses uses = {.sources = &shim->sandbox.sources};
	struct err err = ERR_NULL;
	struct joined *j;

	if (!check_vm(call, request))
		return NULL;
	j = xcalloc(1, sizeof(*j));
	j->record = (struct record)RECORD_NULL;
	j->spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	j->deputy = (struct deputy)DEPUTY_NULL;
	if (make(shim, request, j, &uses, &err) < 0) {
		ttrpc_call_fail(call, ttrpc_code_from_errno(err.code), "%s", err.text);
		free_joined(j);
		return NULL;
	}
	container_init(&j->container, &shim->sandbox, &j->record, &j->spec);
	j->container.uses = uses;
	shim_container_init(&j->own, &j->container);
	process_oci_prepare(&j->container);
	/* That of a group of one may have been standing still. */
	standby_forbid(&shim->sandbox.standby);
	return &j->container;
}

static void deputy_said(struct deputy *d, int what)
{
	struct joined *j = container_of(d, struct joined, deputy);
	struct process *p = j->container.init;

	if (what == KEEPER_SEES) {
		j->seen = true;
		told_joined_seen(p);
		if (p->state == PROCESS_STOPPED)
			deputy_end(d);
	} else if (!j->seen) {
		told_joined_unseen(p);
	} else {
		shim_task_signal(p, what == DEPUTY_GONE ? SIGKILL : what);
	}
}

int join_stand(struct container *c)
{
	struct joined *j = joined_of(c);
	int r = deputy_start(&j->deputy, c->sandbox->loop, c->sandbox->record, c->spec,
			     deputy_said);

	j->own.pid = j->deputy.pid;
	return r == 0 ? record_set_keeper(c->record, j->deputy.pid) : r;
}

void join_ended(struct container *c)
{
	struct joined *j = joined_of(c);

	/* Or that is still to be answered. */
	if (j->seen)
		deputy_end(&j->deputy);
}

void join_leave(struct container *c)
{
	leave(c->sandbox->userdata, joined_of(c), LEAVE_NOTHING);
	sources_leave(&c->uses);
	commons_forget(c->sandbox);
	blocks_leave(c);
}

void join_lost(struct container *c)
{
	bool known = c->init && !c->deleted;

	leave(c->sandbox->userdata, joined_of(c), known ? LEAVE_STATUS : LEAVE_NOTHING);
	join_free(c);
}

/* Nobody will answer any more what is asked of it. */
static void fail_calls(struct shim *shim, struct process *p)
{
	static const char deleted[] = "the container was deleted";
	struct ttrpc_call *call = calls_kept(p);

	if (call)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "%s", deleted);
	calls_fail_waiters(shim, p, deleted);
}

void join_free(struct container *c)
{
	struct shim *shim = c->sandbox->userdata;

	list_for_each (it, &c->execs)
		fail_calls(shim, container_of(it, struct process, link));
	if (c->init)
		fail_calls(shim, c->init);
	hold_deleted(c);
	shim_container_deinit(c);
	free_joined(joined_of(c));
}
