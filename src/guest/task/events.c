/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/events.h"

#include <errno.h>
#include <time.h>

#include "base/macro.h"
#include "forward.pb-c.h"
#include "rpc/task.h"
#include "vmevents.pb-c.h"

#define TOPIC_LOST "/caisson/events/lost"

/* Return: 0, or negative errno when it was not sent. */
static int send_event(struct ttrpc_call *call, const char *topic, const ProtobufCMessage *event)
{
	Containerd__Services__Events__Ttrpc__V1__Envelope envelope =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct timespec now;
	int r = rpc_any_pack(event, &any);

	if (r < 0)
		return r;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	rpc_timestamp(&now, &timestamp);
	envelope.timestamp = &timestamp;
	envelope.topic = rpc_str(topic);
	envelope.event = &any;
	r = rpc_send(call, &envelope.base);
	rpc_any_done(&any);
	return r;
}

/* Return: true when it knows of all that it has missed. */
static bool confess(struct events_subscriber *s)
{
	Caisson__Guest__V1__EventsLost lost = CAISSON__GUEST__V1__EVENTS_LOST__INIT;

	lost.count = s->lost;
	if (s->lost > 0 && send_event(s->call, TOPIC_LOST, &lost.base) == 0)
		s->lost = 0;
	return s->lost == 0;
}

static void writable(struct ttrpc_call *call)
{
	(void)confess(call->userdata);
}

static void cancelled(struct ttrpc_call *call)
{
	struct events_subscriber *s = call->userdata;

	s->call = NULL;
}

static struct events_subscriber *find_place(struct events *events)
{
	for (size_t i = 0; i < ARRAY_SIZE(events->subscribers); i++)
		if (!events->subscribers[i].call)
			return &events->subscribers[i];
	return NULL;
}

static void stream(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	struct events_subscriber *s = find_place(call->service->userdata);

	if (!s) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				"there are %d subscribers to events: no more at the same time",
				EVENTS_SUBSCRIBERS_MAX);
		return;
	}
	s->call = call;
	s->lost = 0;
	call->userdata = s;
	call->writable = writable;
	call->cancelled = cancelled;
}

void events_publish(struct events *events, const char *topic, const ProtobufCMessage *event)
{
	for (size_t i = 0; i < ARRAY_SIZE(events->subscribers); i++) {
		struct events_subscriber *s = &events->subscribers[i];

		/* In order: nothing overtakes the news of a gap. */
		if (s->call && (!confess(s) || send_event(s->call, topic, event) < 0))
			s->lost++;
	}
}

static const struct ttrpc_method methods[] = {
	RPC_STREAM("Stream", google__protobuf__empty,
		   containerd__services__events__ttrpc__v1__envelope, stream),
	{.name = NULL},
};

struct ttrpc_service events_init(struct events *events)
{
	*events = (struct events){0};
	return (struct ttrpc_service){
		.name = RPC_SERVICE_EVENTS, .methods = methods, .userdata = events};
}
