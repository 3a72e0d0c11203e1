/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/publish.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/unix.h"
#include "forward.pb-c.h"
#include "rpc/task.h"

#define SERVICE	 "containerd.services.events.ttrpc.v1.Events"
#define PATIENCE (5 * NSEC_PER_SEC)

struct entry {
	struct list link;
	size_t len;
	uint8_t request[];
};

void publisher_init(struct publisher *p, struct loop *loop, const char *address,
		    const char *namespace)
{
	*p = (struct publisher){
		.loop = loop,
		.address = address,
		.namespace = namespace,
		.appeared = LOOP_IO_NULL,
		.watch = -EBADF,
	};
	list_init(&p->queue);
	ttrpc_request_init(&p->request);
	loop_defer_init(&p->defer);
	loop_timer_init(&p->later);
}

static void drop(struct publisher *p, struct entry *e)
{
	list_del(&e->link);
	free(e);
	p->n--;
}

static void drop_first(struct publisher *p)
{
	drop(p, list_first(&p->queue, struct entry, link));
	p->again = false;
}

/* But for one that is on its way. */
static void make_room(struct publisher *p)
{
	struct list *oldest = p->sending ? p->queue.next->next : p->queue.next;

	log_warn("containerd has been away for too long: an event is lost");
	drop(p, container_of(oldest, struct entry, link));
}

static void watch_no_more(struct publisher *p)
{
	loop_timer_stop(&p->later);
	loop_io_stop(&p->appeared);
	p->watch = fd_close(p->watch);
}

static void proceed(struct loop_defer *defer);

/* Whoever it is about: to try is cheap, and there are few others in that folder. */
static void appeared(struct loop_io *io, uint32_t revents _unused_)
{
	struct publisher *p = container_of(io, struct publisher, appeared);
	char events[sizeof(struct inotify_event) + NAME_MAX + 1];

	while (read(io->fd, events, sizeof(events)) > 0)
		;
	loop_defer_start(p->loop, &p->defer, proceed);
}

static void try_again(struct loop_timer *timer)
{
	struct publisher *p = container_of(timer, struct publisher, later);

	loop_defer_start(p->loop, &p->defer, proceed);
}

/* It listens before it changes the owner of the socket. */
static void watch(struct publisher *p)
{
	_cleanup_free_ char *folder = xstrdup(p->address);
	char *slash = strrchr(folder, '/');

	loop_timer_start(p->loop, &p->later, loop_now(p->loop) + PUBLISH_AGAIN, try_again);
	if (p->watch >= 0 || !slash)
		return;
	*slash = '\0';
	p->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (p->watch >= 0 &&
	    (inotify_add_watch(p->watch, *folder ? folder : "/",
			       IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0 ||
	     loop_io_start(p->loop, &p->appeared, p->watch, EPOLLIN, appeared) < 0))
		p->watch = fd_close(p->watch);
}

static void closed(struct ttrpc_client *client _unused_, void *userdata)
{
	struct publisher *p = userdata;

	p->broken = true;
	loop_defer_start(p->loop, &p->defer, proceed);
}

static bool connect_to(struct publisher *p)
{
	int fd = p->client ? -EISCONN : unix_connect_now(p->address);

	if (fd >= 0 && ttrpc_client_new(p->loop, fd, closed, p, &p->client) < 0)
		fd_close(fd);
	return p->client != NULL;
}

/* What it does not take at all it will not take later. */
static void answered(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct publisher *p = container_of(request, struct publisher, request);

	p->sending = false;
	p->broken = answer->code == TTRPC_DEADLINE_EXCEEDED ||
		    (answer->code == TTRPC_UNAVAILABLE &&
		     strcmp(answer->message, TTRPC_CLIENT_CLOSED) == 0);
	if (!p->broken) {
		if (answer->code != TTRPC_OK)
			log_warn("containerd takes no event: %s", answer->message);
		drop_first(p);
	}
	loop_defer_start(p->loop, &p->defer, proceed);
}

static int send_first(struct publisher *p)
{
	const struct entry *e = list_first(&p->queue, struct entry, link);

	return ttrpc_client_call(p->client, &p->request, SERVICE, "Forward", e->request, e->len,
				 PATIENCE, answered);
}

static void go_on(struct publisher *p)
{
	bool waits = false;

	if (p->broken) {
		ttrpc_client_free(take_ptr(p->client));
		/* The second time it is not by chance. */
		waits = p->again;
		p->again = !p->again && p->n > 0;
		p->sending = p->broken = false;
	}
	if (p->n == 0 || p->sending)
		return;
	if (waits || !connect_to(p))
		watch(p);
	/* It may have come before it was watched for. */
	if (waits || !connect_to(p))
		return;
	watch_no_more(p);
	p->sending = send_first(p) == 0;
	if (!p->sending)
		drop_first(p);
}

static void proceed(struct loop_defer *defer)
{
	struct publisher *p = container_of(defer, struct publisher, defer);

	go_on(p);
	if (p->idle && publisher_idle(p))
		p->idle(p->userdata);
}

static struct entry *pack(const struct publisher *p, const char *topic,
			  Google__Protobuf__Any *event)
{
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest request =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	Containerd__Services__Events__Ttrpc__V1__Envelope envelope =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct timespec now;
	struct entry *e;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	rpc_timestamp(&now, &at);
	envelope.timestamp = &at;
	envelope.namespace_ = rpc_str(p->namespace);
	envelope.topic = rpc_str(topic);
	envelope.event = event;
	request.envelope = &envelope;
	e = xmalloc(sizeof(*e) + protobuf_c_message_get_packed_size(&request.base));
	list_init(&e->link);
	e->len = protobuf_c_message_pack(&request.base, e->request);
	return e;
}

void publisher_put(struct publisher *p, const char *topic, const ProtobufCMessage *event)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	if (rpc_any_pack(event, &any) < 0)
		return;
	if (p->n == PUBLISH_QUEUE_MAX)
		make_room(p);
	list_append(&p->queue, &pack(p, topic, &any)->link);
	p->n++;
	rpc_any_done(&any);
	loop_defer_start(p->loop, &p->defer, proceed);
}

bool publisher_idle(const struct publisher *p)
{
	return p->n == 0 || p->watch >= 0;
}

void publisher_stop(struct publisher *p)
{
	ttrpc_request_cancel(&p->request);
	ttrpc_client_free(take_ptr(p->client));
	loop_defer_stop(&p->defer);
	watch_no_more(p);
	while (p->n > 0)
		drop_first(p);
}
