/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/timing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "empty.pb-c.h"
#include "sandbox.pb-c.h"
#include "shim/lifeline.h"

static void add(struct timing *t, const char *name, uint64_t at)
{
	if (t->n == TIMING_MAX)
		return;
	(void)snprintf(t->notes[t->n].name, sizeof(t->notes[t->n].name), "%s", name);
	t->notes[t->n++].at = at;
}

void timing_note(struct timing *t, const char *name)
{
	add(t, name, clock_now());
}

void timing_fetch(struct timing *t, struct client *client)
{
	Google__Protobuf__Empty request = GOOGLE__PROTOBUF__EMPTY__INIT;
	const Caisson__Sandbox__V1__TimingResponse *response;
	ProtobufCMessage *m = NULL;

	if (client_call_service(client, SHIM_SERVICE, "Timing", &request.base,
				&caisson__sandbox__v1__timing_response__descriptor, &m, NULL) < 0)
		return;
	response = (const Caisson__Sandbox__V1__TimingResponse *)m;
	for (size_t i = 0; i < response->n_phases; i++)
		add(t, response->phases[i]->name, response->phases[i]->at_ns);
	rpc_free(m);
}

static int earlier(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void timing_print(struct timing *t)
{
	uint64_t order[TIMING_MAX][2], previous;

	/* Both sides noted what they saw; time puts it in order. */
	for (size_t i = 0; i < t->n; i++) {
		order[i][0] = t->notes[i].at;
		order[i][1] = i;
	}
	qsort(order, t->n, sizeof(order[0]), earlier);
	previous = t->n > 0 ? order[0][0] : 0;
	fprintf(stderr, "%10s %10s\n", "took", "at");
	for (size_t i = 0; i < t->n; i++) {
		fprintf(stderr, "%7.1f ms %7.1f ms  %s\n",
			(double)(order[i][0] - previous) / (double)NSEC_PER_MSEC,
			(double)(order[i][0] - order[0][0]) / (double)NSEC_PER_MSEC,
			t->notes[order[i][1]].name);
		previous = order[i][0];
	}
}
