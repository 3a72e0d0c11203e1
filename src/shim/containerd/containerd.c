/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/containerd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "rpc/task.h"
#include "runc_options.pb-c.h"
#include "sandbox/process-oci.h"
#include "sandbox/rootfs.h"
#include "shim/calls.h"
#include "shim/containerd/events.h"
#include "shim/containerd/logger.h"
#include "shim/containerd/mounts.h"
#include "shim/containerd/options.h"
#include "shim/told.h"
#include "task_types.pb-c.h"

static void published(void *userdata)
{
	shim_quit_when_told(userdata);
}

void containerd_init(struct containerd *c, struct shim *shim, const char *namespace,
		     const char *address, int netns)
{
	*c = (struct containerd){.namespace = namespace, .netns = netns};
	list_init(&c->loggers);
	publisher_init(&c->publisher, shim->loop, address, namespace);
	c->publisher.idle = published;
	c->publisher.userdata = shim;
	ttrpc_request_init(&c->guest_events);
}

void containerd_done(struct containerd *c)
{
	loggers_end(&c->loggers);
	publisher_stop(&c->publisher);
	c->netns = fd_close(c->netns);
}

static int check_options(const Google__Protobuf__Any *any, struct err *err)
{
	struct containerd_options options = {.config = NULL};
	int r = containerd_options_take(any, &options, err);

	containerd_options_done(&options);
	return r;
}

/* containerd may name it by a symbolic link. */
int containerd_check_bundle(const struct sandbox_spec *spec, const char *bundle, struct err *err)
{
	_cleanup_free_ char *path = realpath(bundle, NULL);

	if (path && strcmp(path, spec->bundle) == 0)
		return 0;
	return err_set(err, -EINVAL, "bundle: %s is not this container's, which is %s", bundle,
		       spec->bundle);
}

static int prepare(struct shim *shim, const Containerd__Task__V2__CreateTaskRequest *request,
		   struct err *err)
{
	int r = containerd_check_bundle(shim->spec, request->bundle, err);

	if (r == 0)
		r = check_options(request->options, err);
	if (r == 0)
		r = mounts_check(request->rootfs, request->n_rootfs, err);
	if (r == 0)
		r = rootfs_private_mounts(err);
	return r == 0 ? mounts_make(request->rootfs, request->n_rootfs, shim->spec->rootfs, err)
		      : r;
}

bool containerd_create(struct ttrpc_call *call,
		       const Containerd__Task__V2__CreateTaskRequest *request)
{
	struct shim *shim = shim_of(call);
	struct err err = ERR_NULL;

	if (shim->sandbox.state != SANDBOX_NEW)
		return true;
	if (prepare(shim, request, &err) < 0) {
		ttrpc_call_fail(call, ttrpc_code_from_errno(err.code), "%s", err.text);
		return false;
	}
	events_creating(&shim->first, request);
	/* Why it failed is the answer to Create. */
	if (sandbox_start(&shim->sandbox) == 0)
		process_oci_prepare(&shim->first);
	return true;
}

struct pids {
	Containerd__V1__Types__ProcessInfo info[ABI_EXECS_MAX + 1], *list[ABI_EXECS_MAX + 1];
	Google__Protobuf__Any any[ABI_EXECS_MAX + 1];
	size_t n;
};

static void add_pid(struct pids *pids, const struct process *p)
{
	Containerd__Runc__V1__ProcessDetails details = CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;
	size_t i = pids->n++;

	containerd__v1__types__process_info__init(&pids->info[i]);
	google__protobuf__any__init(&pids->any[i]);
	details.exec_id = p->exec_id;
	if (*p->exec_id && rpc_any_pack(&details.base, &pids->any[i]) == 0)
		pids->info[i].info = &pids->any[i];
	pids->info[i].pid = told_pid(p);
	pids->list[i] = &pids->info[i];
}

/* Of one that has ended, too: a restarted containerd takes a shim without any for one that was forgotten. */
void containerd_pids(struct ttrpc_call *call, const struct process *init)
{
	Containerd__Task__V2__PidsResponse response = CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
	static struct pids pids;

	pids.n = 0;
	add_pid(&pids, init);
	list_for_each (it, &init->container->execs) {
		const struct process *p = container_of(it, struct process, link);

		if (p->state == PROCESS_RUNNING && pids.n <= ABI_EXECS_MAX)
			add_pid(&pids, p);
	}
	response.n_processes = pids.n;
	response.processes = pids.list;
	rpc_reply(call, &response.base);
	for (size_t i = 0; i < pids.n; i++)
		rpc_any_done(&pids.any[i]);
}

/* A VM that has never been, or is gone, does not end any more: that has to be said for it. */
void containerd_shutdown(struct shim *shim)
{
	static const struct err none = {.code = -ECANCELED, .text = "the shim was shut down"};

	shim->containerd->shut = true;
	shim->told_enough = false;
	if (shim->sandbox.state == SANDBOX_NEW)
		sandbox_fail(&shim->sandbox, &none);
	if (shim->sandbox.state == SANDBOX_ENDED)
		shim->sandbox.ended(&shim->sandbox);
	else
		sandbox_stop(&shim->sandbox, shim_has_disks(shim));
}

bool containerd_is_over(const struct shim *shim)
{
	const struct containerd *c = shim->containerd;

	return c->shut && shim->sandbox.state == SANDBOX_ENDED &&
	       (shim->told_enough || (ttrpc_server_idle(shim->server) &&
				      publisher_idle(&c->publisher) && list_empty(&c->loggers)));
}

void containerd_unlisten(int listener)
{
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);

	if (getsockname(listener, (struct sockaddr *)&sun, &len) == 0 &&
	    sun.sun_family == AF_UNIX && sun.sun_path[0])
		(void)unlink(sun.sun_path);
}
