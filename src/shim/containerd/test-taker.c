/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/test-taker.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "base/unix.h"
#include "events.pb-c.h"
#include "forward.pb-c.h"
#include "rpc/task.h"

struct taker taker;

static const ProtobufCMessageDescriptor *const types[] = {
	&containerd__events__task_create__descriptor,
	&containerd__events__task_start__descriptor,
	&containerd__events__task_exit__descriptor,
	&containerd__events__task_delete__descriptor,
	&containerd__events__task_oom__descriptor,
	&containerd__events__task_exec_added__descriptor,
	&containerd__events__task_exec_started__descriptor,
	&containerd__events__task_paused__descriptor,
	&containerd__events__task_resumed__descriptor,
};

static void add(const char *text)
{
	size_t len = strlen(taker.text);

	(void)snprintf(taker.text + len, sizeof(taker.text) - len, "%s", text);
}

static void add_texts(const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &m->descriptor->fields[i];
		char *const *text = (char *const *)((const char *)m + field->offset);

		if (field->type != PROTOBUF_C_TYPE_STRING || !**text)
			continue;
		add(" ");
		add(*text);
	}
}

static void take(const Google__Protobuf__Any *event)
{
	ProtobufCMessage *m;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		/* containerd 1.6 knows no prefix. */
		if (strcmp(event->type_url, types[i]->name) != 0)
			continue;
		test_int(rpc_any_unpack(event, types[i], &m), 0);
		add_texts(m);
		rpc_free(m);
		return;
	}
	test_fail("an event of the type %s", event->type_url);
}

static void forward(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *request =
		(const void *)message;
	const Containerd__Services__Events__Ttrpc__V1__Envelope *envelope = request->envelope;

	test_str(envelope->namespace_, "ns");
	test_true(envelope->timestamp && envelope->timestamp->seconds > 0);
	add(envelope->topic);
	take(envelope->event);
	add("\n");
	taker.n++;
	taker.kept = taker.keeps ? call : NULL;
	if (!taker.keeps)
		rpc_reply_empty(call);
	loop_quit(taker.loop, 0);
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("Forward", containerd__services__events__ttrpc__v1__forward_request,
		   google__protobuf__empty, forward),
	{.name = NULL},
};

static const struct ttrpc_service services[] = {
	{.name = "containerd.services.events.ttrpc.v1.Events", .methods = methods},
	{.name = NULL},
};

static void conn_closed(void *userdata _unused_, uint64_t conn _unused_, size_t left _unused_)
{
	loop_quit(taker.loop, 0);
}

void taker_begin(struct loop *loop, const char *address)
{
	int fd = unix_listen(address);

	test_true(fd >= 0);
	taker.loop = loop;
	taker.address = address;
	test_int(ttrpc_server_new(loop, services, 4, &taker.server), 0);
	ttrpc_server_on_conn_closed(taker.server, conn_closed, NULL);
	test_int(ttrpc_server_listen(taker.server, fd, true), 0);
	/* As containerd does once it listens. */
	test_int(chmod(address, 0600), 0);
}

void taker_end(void)
{
	if (!taker.server)
		return;
	ttrpc_server_free(take_ptr(taker.server));
	test_int(unlink(taker.address), 0);
}
