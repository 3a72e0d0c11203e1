/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "rpc/task.h"
#include "sandbox/process-adopt.h"
#include "sandbox/sandbox.h"
#include "system.pb-c.h"
#include "task.pb-c.h"

void snapshot_init(struct snapshot *s, struct sandbox *sandbox)
{
	*s = (struct snapshot){.sandbox = sandbox};
	ttrpc_request_init(&s->request);
}

/* Nobody takes half of it for the whole, and nobody pays for it. */
static void remove_files(const struct snapshot *s)
{
	static const char *const names[] = {RECORD_SNAPSHOT "/" VMM_SNAPSHOT_STATE,
					    RECORD_SNAPSHOT "/" VMM_SNAPSHOT_MEMORY};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlinkat(s->sandbox->record->dir, names[i], 0);
}

static void over(struct snapshot *s)
{
	struct err why = s->why;

	remove_files(s);
	s->state = SNAPSHOT_IDLE;
	s->left = s->back = false;
	s->why = (struct err)ERR_NULL;
	s->process->drained = NULL;
	if (why.code < 0)
		s->saved(s, &why);
	s->gone_on(s);
}

/* What cannot be let go on is of no use any more. */
static void give_up(struct snapshot *s, const char *message)
{
	struct sandbox *sb = s->sandbox;

	if (sb->failure.code == 0)
		(void)err_set(&sb->failure, -EIO, "the VM that was saved does not go on: %s",
			      message);
	sandbox_stop(sb, false);
}

static void thawed(struct process *p, const struct process_result *result)
{
	struct snapshot *s = &p->container->sandbox->snapshot;

	if (result->code == TTRPC_OK)
		over(s);
	else
		give_up(s, result->message);
}

static void adopted(struct process *p, const struct process_result *result)
{
	if (result->code == TTRPC_OK && process_watch(p) == 0)
		process_thaw(p, thawed);
	else
		give_up(&p->container->sandbox->snapshot, result->message);
}

static void met(struct sandbox *sb, int r)
{
	struct snapshot *s = &sb->snapshot;

	if (r < 0)
		give_up(s, "its guest does not answer");
	else
		process_adopt(s->process, sb->spec->id, adopted);
}

static void hang_up(struct snapshot *s)
{
	s->deaf(s);
	ttrpc_request_cancel(&s->process->wait);
	ttrpc_client_free(take_ptr(s->sandbox->guest));
}

static void meet(struct snapshot *s)
{
	struct sandbox *sb = s->sandbox;

	hang_up(s);
	if (meet_start(&sb->meet, met) < 0)
		give_up(s, "its guest cannot be reached");
}

static void resumed(void *data, int r, const char *message)
{
	struct snapshot *s = data;

	s->stopped = false;
	if (r < 0)
		give_up(s, message);
	else
		meet(s);
}

static void go_on(struct snapshot *s)
{
	const struct vmm_reply reply = {.done = resumed, .data = s};

	s->state = SNAPSHOT_GOING_ON;
	if (s->stopped) {
		if (vmm_resume(s->sandbox->vmm, &reply) < 0)
			give_up(s, "its VMM takes no orders");
	} else if (s->left) {
		meet(s);
	} else {
		process_thaw(s->process, thawed);
	}
}

void snapshot_go_on(struct snapshot *s)
{
	s->back = true;
	if (s->state == SNAPSHOT_SAVED || s->state == SNAPSHOT_DRAINING)
		go_on(s);
}

static void fail(struct snapshot *s, int code, const char *what, const char *message)
{
	(void)err_set(&s->why, code, "container %s cannot be saved: %s%s", s->sandbox->spec->id,
		      what, message);
	go_on(s);
}

static bool refused(struct snapshot *s, const char *what, const struct ttrpc_answer *answer)
{
	if (answer->code == TTRPC_OK)
		return false;
	fail(s, ttrpc_code_to_errno(answer->code), what, answer->message);
	return true;
}

/* Return: true: there is nothing more to be done. */
static bool turned_back(struct snapshot *s)
{
	if (s->back)
		go_on(s);
	return s->back;
}

static void saved(void *data, int r, const char *message)
{
	struct snapshot *s = data;

	if (r < 0) {
		fail(s, r, "", message);
		return;
	}
	if (turned_back(s))
		return;
	s->state = SNAPSHOT_SAVED;
	s->saved(s, &s->why);
}

static void stopped(void *data, int r, const char *message)
{
	struct snapshot *s = data;
	const struct vmm_reply reply = {.done = saved, .data = s};

	if (r < 0) {
		fail(s, r, "its VM cannot be stopped: ", message);
		return;
	}
	s->stopped = true;
	if (turned_back(s))
		return;
	s->state = SNAPSHOT_SAVING;
	r = vmm_snapshot(s->sandbox->vmm, &reply);
	if (r < 0)
		fail(s, r, "its VMM saves nothing", "");
}

static void stop(struct snapshot *s)
{
	const struct vmm_reply reply = {.done = stopped, .data = s};
	int r;

	/* Nothing is on its way to the guest, or from it. */
	s->process->drained = NULL;
	hang_up(s);
	s->state = SNAPSHOT_STOPPING;
	r = vmm_pause(s->sandbox->vmm, &reply);
	if (r < 0)
		fail(s, r, "its VM cannot be stopped", "");
}

static void drained(struct process *p)
{
	struct snapshot *s = &p->container->sandbox->snapshot;

	if (s->state == SNAPSHOT_DRAINING)
		stop(s);
}

static void left(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct snapshot *s = container_of(req, struct snapshot, request);

	if (refused(s, "", answer))
		return;
	s->left = true;
	if (turned_back(s))
		return;
	s->state = SNAPSHOT_DRAINING;
	s->process->drained = drained;
	if (process_is_drained(s->process))
		stop(s);
}

static void frozen(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct snapshot *s = container_of(req, struct snapshot, request);
	Containerd__Task__V2__CheckpointTaskRequest request =
		CONTAINERD__TASK__V2__CHECKPOINT_TASK_REQUEST__INIT;
	int r;

	if (refused(s, "its file systems cannot be frozen: ", answer) || turned_back(s))
		return;
	s->state = SNAPSHOT_LEAVING;
	request.id = s->sandbox->spec->id;
	r = rpc_call(s->sandbox->guest, &s->request, RPC_SERVICE_TASK_V3, "Checkpoint",
		     &request.base, PROCESS_GUEST_ANSWERS, left);
	if (r < 0)
		fail(s, r, "its guest cannot be asked", "");
}

void snapshot_save(struct snapshot *s, struct process *p)
{
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;
	int r;

	s->process = p;
	s->state = SNAPSHOT_FREEZING;
	/* Who has no place for what is to be written is told by the guest. */
	r = rpc_call(s->sandbox->guest, &s->request, RPC_SERVICE_SYSTEM, "FreezeFilesystems",
		     &nothing.base, 0, frozen);
	if (r < 0)
		fail(s, r, "its guest cannot be asked", "");
}

void snapshot_end(struct snapshot *s)
{
	ttrpc_request_cancel(&s->request);
	if (s->state != SNAPSHOT_IDLE)
		remove_files(s);
	s->state = SNAPSHOT_IDLE;
}
