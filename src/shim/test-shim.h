/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/test.h"
#include "empty.pb-c.h"
#include "rpc/task.h"
#include "sandbox/test-guest.h"
#include "shim/shim.h"
#include "task.pb-c.h"

/*
 * For tests: a shim without a VM, between a client and a guest that both live in the test's loop.
 * The guest keeps each call until the test answers it.
 */

#define GUEST_CALLS_MAX 32

/**
 * struct asked - a call of the client's
 * @message: the status' text
 */
struct asked {
	struct ttrpc_request request;
	bool done;
	enum ttrpc_code code;
	char message[512];
	uint8_t payload[4096];
	size_t payload_len;
};

/**
 * struct test_shim - everything there is
 * @told: how often shim_quit_when_told() was called
 * @n_closed: how many connections have ended
 * @calls: what the guest was asked and has not answered yet
 */
struct test_shim {
	struct loop loop;
	struct paths paths;
	struct sandbox_spec spec;
	struct record record;
	struct shim shim;
	struct ttrpc_server *guest_server;
	struct ttrpc_client *client;
	struct test_guest guest;
	struct ttrpc_call *calls[GUEST_CALLS_MAX];
	struct {
		uint8_t data[4096];
		size_t len;
	} payloads[GUEST_CALLS_MAX];
	size_t n_calls;
	int told, n_closed;
};

extern struct test_shim t;

/** test_shim_begin() - a VM that boots, a shim that serves, and a client */
void test_shim_begin(bool remove);

/**
 * test_shim_hollow() - after test_shim_begin(): containerd's, for a pod's pause container of which nothing is in the guest
 * (sandbox/hollow.h); end it with test_shim_hollow_end()
 */
void test_shim_hollow(void);
void test_shim_hollow_end(void);

/** test_shim_boot() - the guest is up */
void test_shim_boot(void);

void test_shim_end(void);

/** test_client() - one more connection to the shim */
struct ttrpc_client *test_client(void);

/** ask() - call; over another connection, or with other bytes than a message's */
void ask_over(struct ttrpc_client *client, struct asked *a, const char *service, const char *method,
	      const ProtobufCMessage *request);
void ask(struct asked *a, const char *method, const ProtobufCMessage *request);
void ask_bytes(struct asked *a, const char *method, const void *data, size_t len);

/** expect() - wait for the answer: its status, and a part of its text */
void expect(struct asked *a, enum ttrpc_code code, const char *part);

/** expect_ok() - wait for the answer and unpack it; rpc_free() it */
ProtobufCMessage *expect_ok(struct asked *a, const ProtobufCMessageDescriptor *type);

/** asked_of_guest() - wait until the guest is asked this; its request; rpc_free() it */
ProtobufCMessage *asked_of_guest(const char *method, const ProtobufCMessageDescriptor *type);

/** guest_replies(), guest_fails() - answer what asked_of_guest() was last called for */
void guest_replies(const ProtobufCMessage *response);
void guest_fails(enum ttrpc_code code, const char *message);

/** guest_sends() - the same, one message of a stream */
void guest_sends(const void *data, size_t len);

/** guest_was_asked() - does a call of @method wait in the guest? */
bool guest_was_asked(const char *method);

/* The same for one kind of call each; all about the container "c1". */

#define EMPTY ((const ProtobufCMessage *)&(Google__Protobuf__Empty)GOOGLE__PROTOBUF__EMPTY__INIT)

/* For what has only the two ids, or is asked with only these. */
#define ASK(a, method, type, init, exec)                      \
	do {                                                  \
		Containerd__Task__V2__##type _request = init; \
		_request.id = (char *)"c1";                   \
		_request.exec_id = (char *)(exec);            \
		ask(a, method, &_request.base);               \
	} while (0)

#define ask_start(a, exec) \
	ASK(a, "Start", StartRequest, CONTAINERD__TASK__V2__START_REQUEST__INIT, exec)
#define ask_wait(a, exec) \
	ASK(a, "Wait", WaitRequest, CONTAINERD__TASK__V2__WAIT_REQUEST__INIT, exec)
#define ask_state(a, exec) \
	ASK(a, "State", StateRequest, CONTAINERD__TASK__V2__STATE_REQUEST__INIT, exec)
#define ask_delete(a, exec) \
	ASK(a, "Delete", DeleteRequest, CONTAINERD__TASK__V2__DELETE_REQUEST__INIT, exec)
#define ask_kill(a, exec) \
	ASK(a, "Kill", KillRequest, CONTAINERD__TASK__V2__KILL_REQUEST__INIT, exec)

/** ask_id() - any method: the two ids are the first two fields of its request */
void ask_id(struct asked *a, const char *method, const char *exec_id);

void ask_create(struct asked *a, const char *id);

/** ask_exec_over() - over the given connection; @out, @err: its FIFOs, or "" */
void ask_exec_with(struct ttrpc_client *client, struct asked *a, const char *exec_id,
		   const char *out, const char *err);
void ask_exec_over(struct ttrpc_client *client, struct asked *a, const char *exec_id);

/** guest_mounts_all() - what the containers of a group have in common */
void guest_mounts_all(void);

void guest_creates(void);
void guest_starts(void);
void guest_execs(void);

/** guest_ends() - answer a Wait; of two, the older one */
void guest_ends(uint32_t status);
void close_outputs(void);

/** begin_running() - test_shim_begin(), and a container that runs */
void begin_running(bool remove);

/** expect_state() - ask for the State of a process */
void expect_state(const char *exec_id, Containerd__V1__Types__Status status);

/** expect_waited() - await the answer to a Wait of Task's */
void expect_waited(struct asked *a, uint32_t status);

/** until_state() - run until the container's process is in this state */
void until_state(enum process_state state);
