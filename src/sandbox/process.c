/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/mem.h"
#include "rpc/task.h"
#include "sandbox/commons.h"
#include "sandbox/hollow.h"
#include "sandbox/process-adopt.h"
#include "sandbox/process-ask.h"
#include "sandbox/process-oci.h"
#include "sandbox/stages.h"
#include "sandbox/systemd.h"
#include "task.pb-c.h"

static void become_stopped(struct process *p)
{
	loop_timer_stop(&p->deadline);
	p->state = PROCESS_STOPPED;
	stream_deinit(&p->in);
	p->stopped(p);
}

static void check_stopped(struct process *p)
{
	if (!process_is_drained(p))
		return;
	if (p->drained)
		p->drained(p);
	if (p->state == PROCESS_STOPPING)
		become_stopped(p);
}

/* Output that somebody may come for still is delivered all the same, until the process is forgotten. */
static void patience_ends(struct loop_timer *timer)
{
	become_stopped(container_of(timer, struct process, deadline));
}

static void begin_stopping(struct process *p)
{
	p->state = PROCESS_STOPPING;
	if (p->patience > 0)
		loop_timer_start(p->container->sandbox->loop, &p->deadline,
				 loop_now(p->container->sandbox->loop) + p->patience,
				 patience_ends);
}

static void stream_closed(struct stream *s)
{
	check_stopped(s->userdata);
}

static void close_streams(struct process *p)
{
	stream_deinit(&p->in);
	stream_deinit(&p->out);
	stream_deinit(&p->err);
}

static void report(struct process *p,
		   void (*callback)(struct process *process, const struct process_result *result),
		   enum ttrpc_code code, const char *message)
{
	_cleanup_free_ char *named = process_oci_name(p, message);
	const struct process_result result = {.code = code, .message = named ? named : message};

	loop_timer_stop(&p->deadline);
	if (code != TTRPC_OK) {
		p->state = PROCESS_STOPPED;
		close_streams(p);
	}
	if (callback == p->created)
		stage_read(p, &result);
	else if (callback == p->started)
		stage_executed(p, &result);
	callback(p, &result);
}

/* It may run, or be about to: its owner has it killed, and hears of its end as of any other's. */
static void not_told_to_run(struct process *p, const struct process_result *result)
{
	ttrpc_request_cancel(&p->request);
	p->state = PROCESS_RUNNING;
	p->started(p, result);
}

static void no_answer(struct loop_timer *timer)
{
	struct process *p = container_of(timer, struct process, deadline);
	const struct container *c = p->container;
	bool first = !*p->exec_id, creating = p->state == PROCESS_CREATING;
	char message[64];

	(void)snprintf(message, sizeof(message), "the guest did not answer within %u s",
		       c->sandbox->spec->boot_timeout);
	if (first && !creating && c->sandbox->group) {
		not_told_to_run(p, &(struct process_result){.code = TTRPC_DEADLINE_EXCEEDED,
							    .message = message});
		return;
	}
	/* What comes of it then is removed again: created_late(). */
	p->forgetting = first && creating && p->request.client &&
			(sandbox_spec_shares_vm(c->spec) || p == c->hollow.inside);
	if (!p->forgetting)
		ttrpc_request_cancel(&p->request);
	report(p, creating ? p->created : p->started, TTRPC_DEADLINE_EXCEEDED, message);
}

static void start_deadline(struct process *p)
{
	loop_timer_start(p->container->sandbox->loop, &p->deadline,
			 loop_now(p->container->sandbox->loop) +
				 p->container->sandbox->spec->boot_timeout * NSEC_PER_SEC,
			 no_answer);
}

static void forget_exec(struct process *p);

static void wait_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, wait);
	ProtobufCMessage *m;

	/* The connection has ended: whoever knows why is about to call process_lost(). */
	if (answer->code == TTRPC_UNAVAILABLE)
		return;
	/* What was asked last, to start or to delete it, is about to be answered, and tells of its end. */
	if (p->state == PROCESS_STARTING || p->state == PROCESS_DELETING)
		return;
	if (answer->code != TTRPC_OK || rpc_unpack(&containerd__task__v2__wait_response__descriptor,
						   answer->payload, answer->payload_len, &m) < 0) {
		process_lost(p);
		return;
	}
	/* What the guest says of a pause from here on is about nothing that runs. */
	process_freeze_lost(p, "the container has ended");
	/* 255 is as far as a status goes on any host. */
	p->status = ((Containerd__Task__V2__WaitResponse *)m)->exit_status & 0xff;
	if (!*p->exec_id)
		p->status = systemd_status(p->container->spec, p->status);
	rpc_free(m);
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
	begin_stopping(p);
	/* Its last output may still be in the guest. */
	standby_forbid(&p->container->sandbox->standby);
	forget_exec(p);
	check_stopped(p);
}

int process_watch(struct process *p)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;

	request.id = p->container->spec->id;
	request.exec_id = p->exec_id;
	return rpc_call(p->container->sandbox->guest, &p->wait, RPC_SERVICE_TASK_V3, "Wait",
			&request.base, 0, wait_answered);
}

static void created_late(struct process *p, enum ttrpc_code code);

static void create_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);
	ProtobufCMessage *m;

	if (p->forgetting) {
		created_late(p, answer->code);
		return;
	}
	rpc_free((ProtobufCMessage *)take_ptr(p->exec_spec));
	if (answer->code == TTRPC_OK) {
		p->state = *p->exec_id ? PROCESS_ADDED : PROCESS_CREATED;
		if (!*p->exec_id &&
		    rpc_unpack(&containerd__task__v2__create_task_response__descriptor,
			       answer->payload, answer->payload_len, &m) == 0) {
			p->pid = ((Containerd__Task__V2__CreateTaskResponse *)m)->pid;
			rpc_free(m);
		}
		if (!p->late_input)
			stream_start(&p->in);
		stream_start(&p->out);
		stream_start(&p->err);
	}
	/* A container can be killed before it is started. Reporting may be the end of @p. */
	if (p->state == PROCESS_CREATED && process_watch(p) < 0)
		report(p, p->created, TTRPC_UNAVAILABLE, "the virtual machine has ended");
	else
		report(p, p->created, answer->code, answer->message);
}

static void create_in_guest(struct process *p);

static void came(struct container *c, const struct err *err, void (*next)(struct process *p))
{
	struct process *p = c->init;

	/* Whoever waited for it may have been told that it took too long. */
	if (p->state != PROCESS_CREATING)
		return;
	if (err)
		report(p, p->created, ttrpc_code_from_errno(err->code), err->text);
	else
		next(p);
}

static void namespace_came(struct container *c, const struct err *err)
{
	came(c, err, create_in_guest);
}

static void prepare_namespace(struct process *p)
{
	if (hollow_awaited(p->container))
		hollow_fill(p->container, namespace_came);
	else
		create_in_guest(p);
}

static void blocks_came(struct container *c, const struct err *err)
{
	came(c, err, prepare_namespace);
}

static void prepare_blocks(struct process *p)
{
	if (blocks_needed(p->container))
		blocks_attach(p->container, blocks_came);
	else
		prepare_namespace(p);
}

static void commons_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);

	if (answer->code != TTRPC_OK) {
		create_answered(req, answer);
		return;
	}
	commons_told(p->container);
	/* It took too long, and nothing of it is in the guest. */
	if (p->forgetting)
		created_late(p, TTRPC_NOT_FOUND);
	else
		prepare_blocks(p);
}

static void prepare_commons(struct process *p)
{
	if (!commons_needed(p->container) || !p->container->sandbox->guest)
		prepare_blocks(p);
	else if (commons_tell(p->container, &p->request, commons_answered) < 0)
		report(p, p->created, TTRPC_INTERNAL, "cannot ask the guest");
}

static void sockets_told(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);

	if (answer->code == TTRPC_OK)
		prepare_commons(p);
	else
		create_answered(req, answer);
}

/* The VM's first container, and those after it, are to find it where their mounts lead. */
static void prepare_guest(struct process *p)
{
	struct sandbox *sb = p->container->sandbox;

	/* What a container is filled with comes when all of that is there. */
	if (*p->exec_id || p == p->container->hollow.inside)
		create_in_guest(p);
	else if (sandbox_spec_shares_vm(p->container->spec) || sb->sockets.n == 0 || !sb->guest)
		prepare_commons(p);
	else if (sockets_tell(&sb->sockets, &p->request, sockets_told) < 0)
		report(p, p->created, TTRPC_INTERNAL, "cannot ask the guest");
}

static void create_in_guest(struct process *p)
{
	char in[PROCESS_URI_MAX], out[PROCESS_URI_MAX], error[PROCESS_URI_MAX];
	char *const names[] = {in, out, error};
	struct err err = ERR_NULL;
	int r;

	if (!p->container->sandbox->guest) {
		report(p, p->created, TTRPC_UNAVAILABLE, "the virtual machine has ended");
		return;
	}
	if (hollow_is_one(p)) {
		p->state = PROCESS_CREATED;
		report(p, p->created, TTRPC_OK, "");
		return;
	}
	stream_uri(&p->in, in, sizeof(in));
	stream_uri(&p->out, out, sizeof(out));
	stream_uri(&p->err, error, sizeof(error));
	r = process_ask(p, names, create_answered, &err);
	if (r < 0 && err.code)
		report(p, p->created, ttrpc_code_from_errno(r), err.text);
	else if (r == -EMSGSIZE)
		report(p, p->created, TTRPC_RESOURCE_EXHAUSTED,
		       "arguments and environment are larger than 4 MiB");
	else if (r < 0)
		report(p, p->created, ttrpc_code_from_errno(r), "cannot ask the guest");
}

static void stream_opened(struct stream *s, int error)
{
	struct process *p = s->userdata;
	char message[128 + ABI_STREAM_ID_MAX];

	if (p->state != PROCESS_CREATING)
		return;
	if (error < 0) {
		(void)snprintf(message, sizeof(message), "cannot open a stream to the guest: %s",
			       s->greeting.refusal ? s->greeting.refusal : strerror(-error));
		/*
		 * It always listens, so this is how whoever is in between tells that time is up; if not even
		 * that one answers, time is up here.
		 */
		if ((error == -ECONNREFUSED || error == -ETIMEDOUT) && !s->greeting.refusal)
			strcpy(message,
			       "the guest does not answer: `caisson delete -f` ends its VM");
		report(p, p->created, ttrpc_code_from_errno(error), message);
		return;
	}
	if (--p->opening == 0)
		prepare_guest(p);
}

void process_release(struct process **holder, const struct err *err)
{
	struct process *p = *holder;

	if (!p)
		return;
	*holder = NULL;
	p->holder = NULL;
	p->opening--;
	if (p->state == PROCESS_NONE && err) {
		p->held_err = xmalloc(sizeof(*err));
		*p->held_err = *err;
	} else if (p->state == PROCESS_CREATING && err) {
		report(p, p->created, ttrpc_code_from_errno(err->code), err->text);
	} else if (p->state == PROCESS_CREATING && p->opening == 0) {
		prepare_guest(p);
	}
}

static void stream_setup(struct process *p, struct stream *s, enum stream_kind kind,
			 struct iolog *log)
{
	stream_init(s, kind, p->container->sandbox->loop);
	s->log = log;
	s->opened = stream_opened;
	s->closed = stream_closed;
	s->userdata = p;
}

static void adopt(struct process *p, const int fds[3])
{
	p->input |= fds[0] >= 0;
	stream_adopt(&p->in, fds[0]);
	stream_adopt(&p->out, fds[1]);
	stream_adopt(&p->err, fds[2]);
}

struct process *process_new(struct container *container, const char *exec_id,
			    const struct process_stdio *stdio, struct iolog *log)
{
	struct process *p = xcalloc(1, sizeof(*p));

	list_init(&p->link);
	loop_timer_init(&p->deadline);
	loop_timer_init(&p->killed);
	p->container = container;
	p->exec_id = xstrdup(exec_id);
	p->fifos[0] = xstrdup(stdio->in);
	p->fifos[1] = xstrdup(stdio->out);
	p->fifos[2] = xstrdup(stdio->err);
	p->terminal = stdio->terminal;
	p->late_input = stdio->late_input && *stdio->in;
	ttrpc_request_init(&p->request);
	ttrpc_request_init(&p->wait);
	ttrpc_request_init(&p->forget);
	stream_setup(p, &p->in, STREAM_STDIN, NULL);
	stream_setup(p, &p->out, STREAM_STDOUT, log);
	stream_setup(p, &p->err, STREAM_STDERR, log);
	p->input = *stdio->in != '\0';
	p->holder = stdio->holder;
	if (p->holder) {
		*p->holder = p;
		p->opening++;
	}
	if (stdio->fds)
		adopt(p, stdio->fds);
	return p;
}

static int send_delete(struct process *p, struct ttrpc_request *request, uint64_t timeout,
		       void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	Containerd__Task__V2__DeleteRequest message = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;

	message.id = p->container->spec->id;
	message.exec_id = p->exec_id;
	return rpc_call(p->container->sandbox->guest, request, RPC_SERVICE_TASK_V3, "Delete",
			&message.base, timeout, done);
}

static void forgotten(struct ttrpc_request *req _unused_,
		      const struct ttrpc_answer *answer _unused_)
{
}

/* The guest's memory of an exec that has ended serves nobody: all there is to know is here. */
static void forget_exec(struct process *p)
{
	if (*p->exec_id && p->container->sandbox->guest)
		(void)send_delete(p, &p->forget, 0, forgotten);
}

/* What the guest is told, and nobody hears how it went. */
struct telling {
	struct ttrpc_request request;
	struct sandbox *sandbox;
};

static void told(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct telling *t = container_of(req, struct telling, request);
	struct sandbox *sb = t->sandbox;

	free(t);
	if (answer->code == TTRPC_DEADLINE_EXCEEDED)
		sandbox_give_up(sb);
}

/* @timeout: after which the VM ends; 0: none */
static void tell(struct process *p, const char *method, const ProtobufCMessage *message,
		 uint64_t timeout)
{
	struct sandbox *sb = p->container->sandbox;
	struct telling *t;

	if (!sb->guest)
		return;
	t = xcalloc(1, sizeof(*t));
	t->sandbox = sb;
	ttrpc_request_init(&t->request);
	if (rpc_call(sb->guest, &t->request, RPC_SERVICE_TASK_V3, method, message, timeout, told) <
	    0)
		free(t);
}

void process_signal(struct process *p, int signo)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	standby_forbid(&p->container->sandbox->standby);
	if (hollow_is_one(p)) {
		hollow_signal(p, signo);
		return;
	}
	request.id = p->container->spec->id;
	request.exec_id = p->exec_id;
	request.signal = (uint32_t)signo;
	if (!*p->exec_id)
		request.signal = systemd_signal(p->container->spec, request.signal);
	tell(p, "Kill", &request.base, signo == SIGKILL ? PROCESS_GUEST_ENDS : 0);
	if (signo == SIGKILL && !*p->exec_id && p->container->sandbox->group)
		process_killed(p);
}

void process_resize(struct process *p, uint32_t columns, uint32_t rows)
{
	Containerd__Task__V2__ResizePtyRequest request =
		CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;

	request.id = p->container->spec->id;
	request.exec_id = p->exec_id;
	request.width = columns;
	request.height = rows;
	tell(p, "ResizePty", &request.base, 0);
}

void process_free(struct process *p)
{
	list_del(&p->link);
	if (p->holder)
		*p->holder = NULL;
	loop_timer_stop(&p->deadline);
	loop_timer_stop(&p->killed);
	standby_forget(&p->container->sandbox->standby, p);
	/* Nobody else would ever tell the guest. */
	if (p->state == PROCESS_ADDED)
		forget_exec(p);
	ttrpc_request_cancel(&p->request);
	ttrpc_request_cancel(&p->wait);
	ttrpc_request_cancel(&p->forget);
	close_streams(p);
	rpc_free((ProtobufCMessage *)p->exec_spec);
	for (int i = 0; i < 3; i++)
		free(p->fifos[i]);
	free(p->exec_id);
	free(p->exec_json);
	free(p->held_err);
	free(p->command);
	free(p->checkpoint);
	free(p->was_named);
	free(p);
}

static int open_stream(struct process *p, struct stream *s, const char *fifo, bool wanted)
{
	int r;

	if (!wanted)
		return 0;
	r = stream_open(s, &p->container->sandbox->address, fifo);
	if (r == 0)
		p->opening++;
	return r;
}

static void restored(struct process *p, const struct process_result *result)
{
	enum ttrpc_code code = result->code;

	if (code == TTRPC_OK)
		p->state = PROCESS_CREATED;
	if (code == TTRPC_OK && process_watch(p) < 0)
		code = TTRPC_UNAVAILABLE;
	report(p, p->created, code, result->message);
}

static void restored_started(struct process *p, const struct process_result *result)
{
	if (result->code == TTRPC_OK)
		p->state = PROCESS_RUNNING;
	report(p, p->started, result->code, result->message);
}

/* The first process' output is logged, whether anybody looks at it or not. */
static int open_streams(struct process *p)
{
	const char *in = p->fifos[0], *out = p->fifos[1], *err = p->fifos[2];
	bool first = !*p->exec_id;
	int r = open_stream(p, &p->in, p->late_input ? "" : in, p->input);

	if (r == 0)
		r = open_stream(p, &p->out, out, first || *out);
	return r == 0 ? open_stream(p, &p->err, err, !p->terminal && (first || *err)) : r;
}

void process_create(struct process *p, Caisson__Guest__V1__Process *exec, char *json)
{
	char message[128];
	int r = 0;

	p->state = PROCESS_CREATING;
	p->exec_spec = exec;
	p->exec_json = json;
	if (exec && exec->n_args > 0)
		p->command = xstrdup(exec->args[0]);
	start_deadline(p);
	stage_captured(p);
	if (p->checkpoint) {
		process_adopt(p, p->checkpoint, restored);
		return;
	}
	if (p->held_err) {
		report(p, p->created, ttrpc_code_from_errno(p->held_err->code), p->held_err->text);
		return;
	}
	/* Of what is hollow nothing is read, and nothing comes. */
	if (hollow_is_one(p))
		close_streams(p);
	else
		r = open_streams(p);
	if (r < 0) {
		(void)snprintf(message, sizeof(message), "cannot open the standard streams: %s",
			       strerror(-r));
		report(p, p->created, ttrpc_code_from_errno(r), message);
	} else if (p->opening == 0) {
		prepare_guest(p);
	}
}

static void start_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);
	ProtobufCMessage *m;

	if (answer->code != TTRPC_OK) {
		forget_exec(p);
		report(p, p->started, answer->code, answer->message);
		return;
	}
	if (rpc_unpack(&containerd__task__v2__start_response__descriptor, answer->payload,
		       answer->payload_len, &m) == 0) {
		p->pid = ((Containerd__Task__V2__StartResponse *)m)->pid;
		rpc_free(m);
	}
	p->state = PROCESS_RUNNING;
	report(p, p->started, TTRPC_OK, "");
	if (*p->exec_id && process_watch(p) < 0)
		process_lost(p);
}

void process_starting(struct process *p)
{
	p->state = PROCESS_STARTING;
	start_deadline(p);
}

static int open_late_input(struct process *p)
{
	struct err err = ERR_NULL;
	int r = p->late_input ? stream_start_with(&p->in, p->fifos[0]) : 0;

	p->late_input = false;
	if (r < 0) {
		(void)err_errno(&err, r, "cannot open %s", p->fifos[0]);
		process_not_started(p, &err);
	}
	return r;
}

void process_not_started(struct process *p, const struct err *err)
{
	forget_exec(p);
	report(p, p->started, ttrpc_code_from_errno(err->code), err->text);
}

void process_start(struct process *p)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	int r = -ENOTCONN;

	if (p->checkpoint) {
		process_start_adopted(p, restored_started);
		return;
	}
	if (hollow_is_one(p)) {
		p->state = PROCESS_RUNNING;
		report(p, p->started, TTRPC_OK, "");
		hollow_started(p);
		return;
	}
	if (open_late_input(p) < 0)
		return;
	request.id = p->container->spec->id;
	request.exec_id = p->exec_id;
	if (p->container->sandbox->guest)
		r = rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_TASK_V3,
			     "Start", &request.base, 0, start_answered);
	if (r < 0)
		report(p, p->started, TTRPC_UNAVAILABLE, "the virtual machine has ended");
}

static void end_unstarted(struct process *p, uint32_t status)
{
	p->status = status & 0xff;
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
	p->state = PROCESS_STOPPED;
	close_streams(p);
	report(p, p->deleted, TTRPC_OK, "");
}

static void delete_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, request);
	ProtobufCMessage *m;
	uint32_t status = PROCESS_STATUS_LOST;

	if (answer->code != TTRPC_OK) {
		report(p, p->deleted, answer->code, answer->message);
		return;
	}
	if (rpc_unpack(&containerd__task__v2__delete_response__descriptor, answer->payload,
		       answer->payload_len, &m) == 0) {
		status = ((Containerd__Task__V2__DeleteResponse *)m)->exit_status;
		rpc_free(m);
	}
	end_unstarted(p, status);
}

void process_delete(struct process *p)
{
	p->state = PROCESS_DELETING;
	if (hollow_is_one(p) || !p->container->sandbox->guest ||
	    send_delete(p, &p->request, PROCESS_GUEST_ENDS, delete_answered) < 0)
		end_unstarted(p, PROCESS_STATUS_LOST);
}

static void report_forgotten(struct process *p, enum ttrpc_code code, const char *message)
{
	p->forgetting = false;
	p->deleted(p, &(struct process_result){.code = code, .message = message});
}

static void forget_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct process *p = container_of(req, struct process, forget);

	/* The connection has ended: whoever knows why is about to call process_lost(). */
	if (answer->code == TTRPC_UNAVAILABLE)
		return;
	/* It took too long when it was tried before. */
	if (answer->code == TTRPC_NOT_FOUND)
		report_forgotten(p, TTRPC_OK, "");
	else
		report_forgotten(p, answer->code, answer->message);
}

static void forget(struct process *p, uint64_t timeout)
{
	p->forgetting = true;
	if (!p->container->sandbox->guest ||
	    send_delete(p, &p->forget, timeout, forget_answered) < 0)
		report_forgotten(p, TTRPC_OK, "");
}

void process_forget(struct process *p)
{
	forget(p, PROCESS_GUEST_FORGETS);
}

/* As long as it takes: nobody waits. */
static void created_late(struct process *p, enum ttrpc_code code)
{
	if (code == TTRPC_OK)
		forget(p, 0);
	else if (code != TTRPC_UNAVAILABLE)
		report_forgotten(p, TTRPC_OK, "");
}

void process_end(struct process *p, uint32_t status)
{
	p->status = status;
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
	become_stopped(p);
}

void process_lost(struct process *p)
{
	const struct err *why = &p->container->sandbox->failure;
	const char *message = why->code ? why->text : "the virtual machine has ended";

	switch (p->state) {
	case PROCESS_CREATING:
		report(p, p->created, TTRPC_UNAVAILABLE, message);
		break;
	case PROCESS_STARTING:
		report(p, p->started, TTRPC_UNAVAILABLE, message);
		break;
	case PROCESS_DELETING:
		ttrpc_request_cancel(&p->request);
		end_unstarted(p, PROCESS_STATUS_LOST);
		break;
	case PROCESS_ADDED:
	case PROCESS_CREATED:
	case PROCESS_RUNNING:
	case PROCESS_PAUSING:
	case PROCESS_PAUSED:
		process_freeze_lost(p, message);
		ttrpc_request_cancel(&p->wait);
		p->status = PROCESS_STATUS_LOST;
		p->lost = true;
		(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
		begin_stopping(p);
		check_stopped(p);
		break;
	case PROCESS_STOPPED:
		ttrpc_request_cancel(&p->forget);
		if (p->forgetting)
			report_forgotten(p, TTRPC_OK, "");
		break;
	case PROCESS_NONE:
	case PROCESS_STOPPING:
	case PROCESS_STATE_MAX_:
		break;
	}
}

void process_close_input(struct process *p)
{
	stream_close_input(&p->in);
}
