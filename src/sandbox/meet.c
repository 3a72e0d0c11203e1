/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/meet.h"

#include <errno.h>
#include <time.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "rpc/task.h"
#include "sandbox/process.h"
#include "system.pb-c.h"

/* Its connections are reset once. */
#define TRIES 5

void meet_init(struct meet *m, struct sandbox *sandbox)
{
	*m = (struct meet){.sandbox = sandbox, .dial = DIAL_NULL};
	ttrpc_request_init(&m->request);
}

static void tell(struct meet *m, int r)
{
	void (*met)(struct sandbox * sandbox, int r) = m->met;

	m->met = NULL;
	met(m->sandbox, r);
}

/* Of one whose connection has ended, meet_closed() comes. */
static void time_told(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct meet *m = container_of(req, struct meet, request);

	if (answer->code != TTRPC_UNAVAILABLE)
		tell(m, answer->code == TTRPC_OK ? 0 : ttrpc_code_to_errno(answer->code));
}

static int tell_time(struct meet *m)
{
	Caisson__Guest__V1__SetTimeRequest request = CAISSON__GUEST__V1__SET_TIME_REQUEST__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	rpc_timestamp(&now, &at);
	request.now = &at;
	return rpc_call(m->sandbox->guest, &m->request, RPC_SERVICE_SYSTEM, "SetTime",
			&request.base, PROCESS_GUEST_ANSWERS, time_told);
}

static void dialled(struct dial *dial, int fd);

static int try(struct meet *m)
{
	if (m->tries == 0)
		return -ECONNRESET;
	m->tries--;
	return dial_start(&m->dial, m->sandbox->loop, &m->sandbox->address, ABI_PORT_RPC, dialled);
}

static void dialled(struct dial *dial, int fd)
{
	struct meet *m = container_of(dial, struct meet, dial);
	int r = fd < 0 ? fd : sandbox_serve_guest(m->sandbox, fd);

	if (r < 0 && fd >= 0)
		fd_close(fd);
	if (r == -ECONNREFUSED || r == -ECONNRESET)
		r = try(m);
	else if (r == 0)
		r = tell_time(m);
	if (r < 0)
		tell(m, r);
}

int meet_start(struct meet *m, void (*met)(struct sandbox *sandbox, int r))
{
	int r;

	m->tries = TRIES;
	m->met = met;
	r = try(m);
	if (r < 0)
		m->met = NULL;
	return r;
}

bool meet_closed(struct meet *m)
{
	int r;

	if (!m->met)
		return false;
	r = try(m);
	if (r < 0)
		tell(m, r);
	return true;
}

void meet_stop(struct meet *m)
{
	ttrpc_request_cancel(&m->request);
	dial_stop(&m->dial);
	m->met = NULL;
}
