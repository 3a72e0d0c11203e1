/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/macro.h"
#include "rpc/task.h"
#include "sandbox/hollow.h"
#include "sandbox/process.h"
#include "task.pb-c.h"

static void report_frozen(struct process *p, enum process_state state, enum ttrpc_code code,
			  const char *message)
{
	/* It may have ended meanwhile. */
	if (p->state == PROCESS_PAUSING || p->state == PROCESS_PAUSED)
		p->state = state;
	p->frozen(p, &(struct process_result){.code = code, .message = message});
}

static int send_resume(struct process *p,
		       void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	Containerd__Task__V2__ResumeRequest request = CONTAINERD__TASK__V2__RESUME_REQUEST__INIT;

	request.id = p->container->spec->id;
	return rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_TASK_V3, "Resume",
			&request.base, PROCESS_GUEST_ANSWERS, done);
}

/* Whoever paused it has been told already. */
static void resumed_late(struct ttrpc_request *req _unused_,
			 const struct ttrpc_answer *answer _unused_)
{
}

static void stands_still(void *userdata, int r)
{
	struct process *p = userdata;

	if (r < 0)
		report_frozen(p, PROCESS_RUNNING, TTRPC_UNAVAILABLE,
			      "the virtual machine has ended");
	else
		report_frozen(p, PROCESS_PAUSED, TTRPC_OK, "");
}

static void pause_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);
	bool paused = answer->code == TTRPC_OK;

	/* What cannot be stopped now must not stop later, when nobody expects it any more. */
	if (answer->code == TTRPC_DEADLINE_EXCEEDED && p->container->sandbox->guest)
		(void)send_resume(p, resumed_late);
	if (paused)
		standby_allow(&p->container->sandbox->standby, stands_still, p);
	else
		report_frozen(p, PROCESS_RUNNING, answer->code, answer->message);
}

static void resume_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);
	bool resumed = answer->code == TTRPC_OK;

	report_frozen(p, resumed ? PROCESS_RUNNING : PROCESS_PAUSED, answer->code, answer->message);
}

void process_pause(struct process *p, bool standby)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
	int r = -ENOTCONN;

	p->state = PROCESS_PAUSING;
	if (standby)
		standby_expect(&p->container->sandbox->standby);
	else
		standby_forbid(&p->container->sandbox->standby);
	if (!hollow_stop(p)) {
		standby_allow(&p->container->sandbox->standby, stands_still, p);
		return;
	}
	request.id = p->container->spec->id;
	ttrpc_request_cancel(&p->request);
	if (p->container->sandbox->guest)
		r = rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_TASK_V3,
			     "Pause", &request.base, PROCESS_GUEST_ANSWERS, pause_answered);
	if (r < 0)
		report_frozen(p, PROCESS_RUNNING, TTRPC_UNAVAILABLE,
			      "the virtual machine has ended");
}

void process_resume(struct process *p)
{
	enum process_state before = p->state;

	ttrpc_request_cancel(&p->request);
	/* Whoever paused it hears of this, not of that. */
	standby_forget(&p->container->sandbox->standby, p);
	standby_forbid(&p->container->sandbox->standby);
	if (!hollow_go_on(p))
		report_frozen(p, PROCESS_RUNNING, TTRPC_OK, "");
	else if (!p->container->sandbox->guest || send_resume(p, resume_answered) < 0)
		report_frozen(p, before, TTRPC_UNAVAILABLE, "the virtual machine has ended");
}

void process_freeze_lost(struct process *p, const char *message)
{
	if (p->state != PROCESS_PAUSING && p->state != PROCESS_PAUSED)
		return;
	ttrpc_request_cancel(&p->request);
	standby_forget(&p->container->sandbox->standby, p);
	report_frozen(p, PROCESS_RUNNING, TTRPC_UNAVAILABLE, message);
}
