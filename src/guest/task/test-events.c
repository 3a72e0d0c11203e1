/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>

#include "base/test.h"
#include "events.pb-c.h"
#include "forward.pb-c.h"
#include "guest/task/events.h"
#include "rpc/task.h"
#include "ttrpc/client.h"
#include "vmevents.pb-c.h"

#define COUNT (EVENTS_SUBSCRIBERS_MAX + 1)

/* A subscriber, on a connection of its own. */
struct reader {
	struct ttrpc_client *client;
	struct ttrpc_request request;
	size_t seen, lost;
	unsigned int last; /* pid of the last event */
	enum ttrpc_code code;
	bool done;
};

static struct loop loop;
static struct events events;
static struct ttrpc_service services[2];
static struct ttrpc_server *server;
static struct reader readers[COUNT];

static void received(struct ttrpc_request *request, const uint8_t *data, size_t len)
{
	struct reader *r = container_of(request, struct reader, request);
	Containerd__Services__Events__Ttrpc__V1__Envelope *envelope;
	ProtobufCMessage *m, *event;

	test_int(rpc_unpack(&containerd__services__events__ttrpc__v1__envelope__descriptor, data,
			    len, &m),
		 0);
	envelope = (Containerd__Services__Events__Ttrpc__V1__Envelope *)m;
	test_true(envelope->timestamp && envelope->timestamp->seconds > 0);
	if (rpc_any_unpack(envelope->event, &caisson__guest__v1__events_lost__descriptor, &event) ==
	    0) {
		test_str(envelope->topic, "/caisson/events/lost");
		r->lost += ((Caisson__Guest__V1__EventsLost *)event)->count;
		r->last += ((Caisson__Guest__V1__EventsLost *)event)->count;
	} else {
		test_str(envelope->topic, "/tasks/start");
		test_int(rpc_any_unpack(envelope->event,
					&containerd__events__task_start__descriptor, &event),
			 0);
		/* In order, and none is missing that was not told of. */
		test_int(((Containerd__Events__TaskStart *)event)->pid, ++r->last);
		r->seen++;
	}
	rpc_free(event);
	rpc_free(m);
}

static void done(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct reader *r = container_of(request, struct reader, request);

	r->code = answer->code;
	r->done = true;
}

static void subscribe(struct reader *r)
{
	int pair[2];

	*r = (struct reader){.done = false};
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	test_int(ttrpc_server_add(server, pair[0]), 0);
	test_int(ttrpc_client_new(&loop, pair[1], NULL, NULL, &r->client), 0);
	ttrpc_request_init(&r->request);
	test_int(ttrpc_client_stream(r->client, &r->request, RPC_SERVICE_EVENTS, "Stream", "", 0,
				     false, received, done),
		 0);
}

static void over(struct loop_defer *defer)
{
	(void)defer;
	loop_quit(&loop, 0);
}

static void turn(void)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);

	for (int i = 0; i < 4; i++) {
		loop_defer_start(&loop, &defer, over);
		test_int(loop_run(&loop), 0);
	}
}

static size_t subscribers(void)
{
	size_t n = 0;

	for (size_t i = 0; i < EVENTS_SUBSCRIBERS_MAX; i++)
		n += events.subscribers[i].call != NULL;
	return n;
}

static void publish(unsigned int number)
{
	Containerd__Events__TaskStart event = CONTAINERD__EVENTS__TASK_START__INIT;

	event.container_id = (char *)"c";
	event.pid = number;
	events_publish(&events, "/tasks/start", &event.base);
}

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	services[0] = events_init(&events);
	test_int(ttrpc_server_new(&loop, services, 16, &server), 0);
}

static void end(void)
{
	ttrpc_server_free(server);
	loop_deinit(&loop);
}

static void all_subscribers_hear_all(void)
{
	begin();
	publish(0);
	subscribe(&readers[0]);
	subscribe(&readers[1]);
	while (subscribers() < 2)
		turn();
	for (unsigned int i = 1; i <= 100; i++)
		publish(i);
	while (readers[0].seen < 100 || readers[1].seen < 100)
		turn();
	test_int(readers[0].lost + readers[1].lost, 0);
	ttrpc_client_free(readers[0].client);
	while (subscribers() > 1)
		turn();
	publish(101);
	while (readers[1].seen < 101)
		turn();
	ttrpc_client_free(readers[1].client);
	end();
}

/* One that does not read misses some and is told how many; the other misses none. */
static void who_lags_is_told(void)
{
	static const unsigned int count = 20000;

	begin();
	subscribe(&readers[0]);
	subscribe(&readers[1]);
	while (subscribers() < 2)
		turn();
	/* Both clients live in this loop: nobody reads while it does not run. */
	for (unsigned int i = 1; i <= count; i++)
		publish(i);
	while (readers[0].last < count || readers[1].last < count)
		turn();
	test_true(readers[0].lost > 0 && readers[0].seen > 0);
	test_int(readers[0].seen + readers[0].lost, count);
	/* And from then on all is well again. */
	publish(count + 1);
	while (readers[0].last < count + 1)
		turn();
	test_int(readers[0].seen + readers[0].lost, count + 1);
	ttrpc_client_free(readers[0].client);
	ttrpc_client_free(readers[1].client);
	end();
}

static void there_are_so_many_places(void)
{
	begin();
	for (size_t i = 0; i < COUNT; i++)
		subscribe(&readers[i]);
	while (!readers[COUNT - 1].done)
		turn();
	test_int(readers[COUNT - 1].code, TTRPC_RESOURCE_EXHAUSTED);
	test_int(subscribers(), EVENTS_SUBSCRIBERS_MAX);
	for (size_t i = 0; i < COUNT; i++)
		ttrpc_client_free(readers[i].client);
	while (subscribers() > 0)
		turn();
	end();
}

int main(void)
{
	test_run(all_subscribers_hear_all);
	test_run(who_lags_is_told);
	test_run(there_are_so_many_places);
	return 0;
}
