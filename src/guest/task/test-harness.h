/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/test.h"
#include "guest/task/task.h"
#include "task.pb-c.h"
#include "ttrpc/client.h"

/*
 * The Task service with a client at the other end of a socket, in one loop. Methods are called as
 * a host would; call() waits for the answer.
 */

extern struct loop harness_loop;
extern struct task harness_task;
extern struct stream_table harness_streams;
extern int harness_shutdowns;
extern bool harness_serving; /* a call was made, and none answered since */

/**
 * struct harness_call - one call
 * @response: unpacked, NULL when it failed
 */
struct harness_call {
	struct ttrpc_request request;
	const ProtobufCMessageDescriptor *type;
	bool done;
	enum ttrpc_code code;
	char text[600];
	ProtobufCMessage *response;
};

/** harness_begin() - @executor's ops and events are set */
void harness_begin(struct executor *executor);

/** harness_end() - nothing may be left but what is in use for ever */
void harness_end(void);

/** harness_turn() - dispatch what is ready now */
void harness_turn(void);

/** harness_wait() - wait until something is ready, then as harness_turn() */
void harness_wait(void);

/** harness_until() - run until @flag */
void harness_until(const bool *flag);

/** harness_start() - begin a call of "containerd.task.v2.Task"; @type: of the response */
void harness_start(struct harness_call *call, const char *method, const ProtobufCMessage *request,
		   const ProtobufCMessageDescriptor *type);

/** harness_finish() - wait for the answer. Return: its code. */
enum ttrpc_code harness_finish(struct harness_call *call);

/** harness_call() - both; the response is dropped. Return: code; the text is in harness_text. */
enum ttrpc_code harness_call(const char *method, const ProtobufCMessage *request);
extern char harness_text[600];

/** harness_done() - free what the call has; may be called again */
void harness_done(struct harness_call *call);

/** harness_stream() - open a stream, as the host does. Return: the host's end, non-blocking. */
int harness_stream(const char *id);

/** harness_disconnect() - the client goes; another takes its place */
void harness_disconnect(void);

/* The requests. @exec_id: "" for the container's first process. All on the container "c". */

/** harness_process() - a process with a command, whose words end with NULL */
void harness_process(Caisson__Guest__V1__Process *process, char **words);

enum ttrpc_code harness_exec(const char *exec_id, Caisson__Guest__V1__Process *process,
			     const char *in, const char *out, const char *err);
enum ttrpc_code harness_start_process(const char *exec_id);
enum ttrpc_code harness_delete(const char *exec_id, uint32_t *ret_status);
enum ttrpc_code harness_kill(const char *exec_id, uint32_t signo, bool all);
void harness_start_wait(struct harness_call *call, const char *exec_id);
enum ttrpc_code harness_state(const char *exec_id, Containerd__V1__Types__Status *ret_status);

/** harness_create_request() - "c" with this process; @any, @mount, @container: its parts */
struct harness_create {
	Containerd__Task__V2__CreateTaskRequest request;
	Caisson__Guest__V1__Container container;
	Google__Protobuf__Any any;
	Containerd__Types__Mount mount;
	Containerd__Types__Mount *mounts[1];
};
void harness_create_init(struct harness_create *create, Caisson__Guest__V1__Process *process);
void harness_start_create(struct harness_call *call, struct harness_create *create);
enum ttrpc_code harness_create(struct harness_create *create);
