/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/disks.h"

#include "base/mem.h"
#include "rpc/rpc.h"
#include "sandbox.pb-c.h"
#include "sandbox/disk.h"
#include "shim/calls.h"

/* @call: NULL: its client has gone, and what was begun goes on */
struct waiting {
	struct ttrpc_call *call;
};

static void cancelled(struct ttrpc_call *call)
{
	((struct waiting *)call->userdata)->call = NULL;
}

static void done(void *userdata, const struct err *err)
{
	struct waiting *w = userdata;

	if (w->call && err)
		ttrpc_call_fail(w->call, ttrpc_code_from_errno(err->code), "%s", err->text);
	else if (w->call)
		rpc_reply_empty(w->call);
	free(w);
}

static struct waiting *wait_for(struct ttrpc_call *call)
{
	struct waiting *w = xcalloc(1, sizeof(*w));

	w->call = call;
	call->userdata = w;
	call->cancelled = cancelled;
	return w;
}

static void begun(struct ttrpc_call *call, struct waiting *w, int r, const struct err *err)
{
	if (r == 0)
		return;
	call->cancelled = NULL;
	free(w);
	ttrpc_call_fail(call, ttrpc_code_from_errno(r), "%s", err->text);
}

bool disks_check_call(struct ttrpc_call *call)
{
	bool busy = shim_of(call)->sandbox.slots.busy;

	if (busy)
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE,
				"a disk is just coming or going: try again");
	return !busy;
}

static bool check(struct ttrpc_call *call, const char *id, const char *target)
{
	const struct process *p = shim_find(call, id, "");

	if (!p)
		return false;
	if (p->state == PROCESS_RUNNING && *target == '/')
		return true;
	if (*target != '/')
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "target: no absolute path");
	else
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				p->state == PROCESS_PAUSED || p->state == PROCESS_PAUSING
					? "container %s is paused"
					: "container %s is not running",
				id);
	return false;
}

void disks_attach(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Sandbox__V1__AttachDiskRequest *request = (const void *)message;
	const struct disk disk = {
		.source = request->source,
		.target = request->target,
		.size = request->size,
		.readonly = request->readonly,
	};
	struct err err = ERR_NULL;
	struct waiting *w;

	if (!check(call, request->id, request->target))
		return;
	w = wait_for(call);
	begun(call, w,
	      slots_attach(&shim_of(call)->sandbox.slots, request->id, &disk, done, w, &err), &err);
}

void disks_detach(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Sandbox__V1__DetachDiskRequest *request = (const void *)message;
	struct err err = ERR_NULL;
	struct waiting *w;

	if (!check(call, request->id, request->target))
		return;
	w = wait_for(call);
	begun(call, w,
	      slots_detach(&shim_of(call)->sandbox.slots, request->id, request->target, done, w,
			   &err),
	      &err);
}
