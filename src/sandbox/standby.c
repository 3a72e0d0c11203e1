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

static void settle(struct standby *s);

static void replied(void *data, int r, const char *message)
{
	struct standby *s = data;

	s->asked = false;
	if (r < 0) {
		log_warn("the VM cannot be %s: %s", s->stopped ? "stopped" : "let go on", message);
		s->state = STANDBY_NEVER;
		s->stopped = false;
	}
	settle(s);
}

static void tell_rates(struct standby *s, int r, const char *message)
{
	void (*done)(void *userdata, int r, const char *message) = s->rates.done;

	s->rates.done = NULL;
	if (done)
		done(s->rates.userdata, r, message);
}

static void rates_told(void *data, int r, const char *message)
{
	struct standby *s = data;

	s->asked = false;
	tell_rates(s, r, message);
	settle(s);
}

static void begin_rates(struct standby *s)
{
	const struct vmm_reply reply = {.done = rates_told, .data = s};
	struct err err = ERR_NULL;
	int r;

	s->rates.due = false;
	r = s->sandbox->vmm ? vmm_set_rates(s->sandbox->vmm, &s->rates.rates, &reply, &err)
			    : err_set(&err, -ESHUTDOWN, "there is no virtual machine");
	s->asked = r == 0;
	if (r < 0)
		tell_rates(s, r, err.text);
}

int standby_set_rates(struct standby *s, const struct vmm_rates *rates,
		      void (*done)(void *userdata, int r, const char *message), void *userdata)
{
	if (s->rates.done)
		return -EBUSY;
	s->rates = (struct standby_rates){
		.due = true, .rates = *rates, .done = done, .userdata = userdata};
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
	if (!s->asked && s->rates.due)
		begin_rates(s);
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
	s->done = NULL;
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
	s->rates.due = false;
	tell_rates(s, -ESHUTDOWN, "the virtual machine has ended");
	tell(s, -ESHUTDOWN);
}
