/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process-adopt.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "rpc/task.h"
#include "system.pb-c.h"
#include "task.pb-c.h"

#define SEED_BYTES 64

static void tell(struct process *p, enum ttrpc_code code, const char *message)
{
	void (*adopted)(struct process * p, const struct process_result *result) = p->adopted;

	p->adopted = NULL;
	free(take_ptr(p->was_named));
	if (adopted)
		adopted(p, &(struct process_result){.code = code, .message = message});
}

static void ask(struct process *p, const char *service, const char *method,
		const ProtobufCMessage *message,
		void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	struct ttrpc_client *guest = p->container->sandbox->guest;

	if (!guest || rpc_call(guest, &p->request, service, method, message, PROCESS_GUEST_ANSWERS,
			       answered) < 0)
		tell(p, TTRPC_UNAVAILABLE, "the virtual machine has ended");
}

static bool failed(struct process *p, const struct ttrpc_answer *answer)
{
	if (answer->code == TTRPC_OK)
		return false;
	tell(p, answer->code, answer->message);
	return true;
}

static void adopted(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);
	ProtobufCMessage *m;

	if (failed(p, answer))
		return;
	if (rpc_unpack(&containerd__task__v2__create_task_response__descriptor, answer->payload,
		       answer->payload_len, &m) == 0) {
		p->pid = ((Containerd__Task__V2__CreateTaskResponse *)m)->pid;
		rpc_free(m);
	}
	stream_start(&p->out);
	stream_start(&p->err);
	tell(p, TTRPC_OK, "");
}

static void name_it(struct process *p)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	char out[PROCESS_URI_MAX], error[PROCESS_URI_MAX];

	stream_uri(&p->out, out, sizeof(out));
	stream_uri(&p->err, error, sizeof(error));
	request.id = p->container->spec->id;
	request.checkpoint = p->was_named;
	request.stdout_ = out;
	request.stderr_ = error;
	ask(p, RPC_SERVICE_TASK_V3, "Create", &request.base, adopted);
}

static void stream_opened(struct stream *s, int error)
{
	struct process *p = s->userdata;

	if (!p->adopted)
		return;
	if (error < 0)
		tell(p, ttrpc_code_from_errno(error), "cannot open a stream to the guest");
	else if (--p->opening == 0)
		name_it(p);
}

/* As it was before it was opened for the first time. */
static int open_again(struct process *p, struct stream *s)
{
	struct stream before = *s;
	int r;

	stream_deinit(s);
	stream_init(s, before.kind, before.loop);
	s->log = before.log;
	s->opened = stream_opened;
	s->closed = before.closed;
	s->userdata = p;
	r = stream_open(s, &p->container->sandbox->address, "");
	p->opening += r == 0;
	return r;
}

static void reseeded(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);
	int r;

	if (failed(p, answer))
		return;
	p->opening = 0;
	r = open_again(p, &p->out);
	if (r == 0)
		r = open_again(p, &p->err);
	if (r < 0)
		tell(p, ttrpc_code_from_errno(r), "cannot open a stream to the guest");
}

void process_adopt(struct process *p, const char *was,
		   void (*done)(struct process *p, const struct process_result *result))
{
	Caisson__Guest__V1__ReseedRequest request = CAISSON__GUEST__V1__RESEED_REQUEST__INIT;
	uint8_t seed[SEED_BYTES];

	p->adopted = done;
	free(p->was_named);
	p->was_named = xstrdup(was);
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed)) {
		tell(p, TTRPC_INTERNAL, "the host has no random numbers");
		return;
	}
	request.seed = (ProtobufCBinaryData){.data = seed, .len = sizeof(seed)};
	ask(p, RPC_SERVICE_SYSTEM, "Reseed", &request.base, reseeded);
}

static void settled(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	tell(container_of(req, struct process, request), answer->code, answer->message);
}

static void thaw(struct process *p,
		 void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;

	ask(p, RPC_SERVICE_SYSTEM, "ThawFilesystems", &nothing.base, answered);
}

void process_thaw(struct process *p,
		  void (*done)(struct process *p, const struct process_result *result))
{
	p->adopted = done;
	thaw(p, settled);
}

static void thawed(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	Containerd__Task__V2__ResumeRequest request = CONTAINERD__TASK__V2__RESUME_REQUEST__INIT;
	struct process *p = container_of(req, struct process, request);

	if (failed(p, answer))
		return;
	request.id = p->container->spec->id;
	ask(p, RPC_SERVICE_TASK_V3, "Resume", &request.base, settled);
}

void process_start_adopted(struct process *p,
			   void (*done)(struct process *p, const struct process_result *result))
{
	p->adopted = done;
	thaw(p, thawed);
}
