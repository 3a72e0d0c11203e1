/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/standby.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "rpc/task.h"
#include "sandbox/sandbox.h"
#include "system.pb-c.h"

void standby_init(struct standby *s, struct sandbox *sandbox)
{
	*s = (struct standby){.sandbox = sandbox};
	ttrpc_request_init(&s->clock);
}

static void tell(struct standby *s, int r)
{
	void (*done)(void *userdata, int r) = s->done;

	s->done = NULL;
	if (done)
		done(s->userdata, r);
}

/* It goes on with the wrong time, which some guests can do without. */
static void time_told(struct ttrpc_request *req _unused_,
		      const struct ttrpc_answer *answer _unused_)
{
}

/* Its clock stood still, too. This is read before whatever it is asked for next. */
static void tell_time(struct standby *s)
{
	Caisson__Guest__V1__SetTimeRequest request = CAISSON__GUEST__V1__SET_TIME_REQUEST__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct timespec now;

	ttrpc_request_cancel(&s->clock);
	if (!s->sandbox->guest || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return;
	rpc_timestamp(&now, &at);
	request.now = &at;
	(void)rpc_call(s->sandbox->guest, &s->clock, RPC_SERVICE_SYSTEM, "SetTime", &request.base,
		       0, time_told);
}

void standby_forget(struct standby *s, const void *userdata)
{
	if (s->userdata == userdata)
		s->done = NULL;
}

static void settle(struct standby *s);

/* It may be what others have waited for. */
static void vmm_has_answered(struct standby *s)
{
	settle(s);
	slots_go_on(&s->sandbox->slots);
}

static void replied(void *data, int r, const char *message)
{
	struct standby *s = data;

	s->asked = false;
	if (r < 0) {
		log_warn("the VM cannot be %s: %s", s->stopped ? "stopped" : "let go on", message);
		s->state = STANDBY_NEVER;
		s->stopped = false;
	}
	vmm_has_answered(s);
}

static void tell_ordered(struct standby *s, enum standby_order order, int r, const char *message)
{
	struct standby_ordered *o = &s->orders[order];
	void (*done)(void *userdata, int r, const char *message) = o->done;

	o->done = NULL;
	if (done)
		done(o->userdata, r, message);
}

static void order_done(void *data, int r, const char *message)
{
	struct standby *s = data;

	s->asked = false;
	tell_ordered(s, s->giving, r, message);
	vmm_has_answered(s);
}

static void give(struct standby *s, enum standby_order order)
{
	const struct vmm_reply reply = {.done = order_done, .data = s};
	struct vmm *vmm = s->sandbox->vmm;
	struct err err = ERR_NULL;
	int r;

	s->orders[order].due = false;
	if (!vmm)
		r = err_set(&err, -ESHUTDOWN, "there is no virtual machine");
	else if (order == STANDBY_RATES)
		r = vmm_set_rates(vmm, &s->rates, &reply, &err);
	else
		r = vmm_flush_metrics(vmm, &reply);
	s->giving = order;
	s->asked = r == 0;
	if (r < 0)
		tell_ordered(s, order, r, err.text);
}

int standby_order(struct standby *s, enum standby_order order, const struct vmm_rates *rates,
		  void (*done)(void *userdata, int r, const char *message), void *userdata)
{
	if (s->orders[order].done)
		return -EBUSY;
	s->orders[order] =
		(struct standby_ordered){.due = true, .done = done, .userdata = userdata};
	if (rates)
		s->rates = *rates;
	settle(s);
	return 0;
}

static void settle(struct standby *s)
{
	const struct vmm_reply reply = {.done = replied, .data = s};
	bool stop =
		s->state == STANDBY_ALLOWED && s->users == 0 && s->sandbox->state == SANDBOX_READY;
	struct vmm *vmm = s->sandbox->vmm;

	/* The reply comes here again. */
	for (enum standby_order i = 0; i < STANDBY_ORDERS && !s->asked; i++)
		if (s->orders[i].due)
			give(s, i);
	if (s->asked)
		return;
	if (vmm && stop != s->stopped)
		s->asked = (stop ? vmm_pause(vmm, &reply) : vmm_resume(vmm, &reply)) == 0;
	if (!s->asked) {
		tell(s, 0);
		return;
	}
	s->stopped = stop;
	if (!stop)
		tell_time(s);
}

void standby_expect(struct standby *s)
{
	s->state = STANDBY_SOON;
}

void standby_allow(struct standby *s, void (*done)(void *userdata, int r), void *userdata)
{
	if (s->state == STANDBY_SOON)
		s->state = STANDBY_ALLOWED;
	s->done = done;
	s->userdata = userdata;
	settle(s);
}

void standby_forbid(struct standby *s)
{
	s->state = STANDBY_NEVER;
	settle(s);
}

void standby_use(struct standby *s)
{
	s->users++;
	settle(s);
}

void standby_leave(struct standby *s)
{
	s->users--;
	settle(s);
}

void standby_end(struct standby *s)
{
	ttrpc_request_cancel(&s->clock);
	for (enum standby_order i = 0; i < STANDBY_ORDERS; i++) {
		s->orders[i].due = false;
		tell_ordered(s, i, -ESHUTDOWN, "the virtual machine has ended");
	}
	tell(s, -ESHUTDOWN);
}
