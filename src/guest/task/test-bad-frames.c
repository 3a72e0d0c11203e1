/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/test.h"
#include "guest/task/test-session.h"
#include "rpc/task.h"

/*
 * What carries the requests of the Task service: frames that are cut anywhere, are too large, or
 * come from clients that go in the middle of a call. Another client is served all the while.
 */

#define STEPS_MAX 32

/* A session that touches every method, as bytes; and where each of its frames ends. */
static struct peer script;
static size_t ends[STEPS_MAX], n_frames;

static struct peer peer, other;
static uint32_t other_id;

static void write_frame(const char *method, const ProtobufCMessage *request)
{
	static uint8_t packed[512];
	size_t len = protobuf_c_message_get_packed_size(request);

	test_true(len <= sizeof(packed) && n_frames < STEPS_MAX);
	test_int(protobuf_c_message_pack(request, packed), len);
	peer_put_request(&script, (uint32_t)(2 * n_frames + 1), 0, RPC_SERVICE_TASK_V2, method,
			 packed, len);
	ends[n_frames++] = script.out_len;
}

/* The two ids are the first two fields of every request; unknown ones are skipped. */
static void write_about(const char *method, const char *exec_id)
{
	Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;

	request.id = rpc_str("c");
	request.exec_id = rpc_str(exec_id);
	write_frame(method, &request.base);
}

static void write_create(const Caisson__Guest__V1__Process *process)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Caisson__Guest__V1__Container container = CAISSON__GUEST__V1__CONTAINER__INIT;
	Containerd__Types__Mount mount = CONTAINERD__TYPES__MOUNT__INIT, *mounts[] = {&mount};
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	container.process = (Caisson__Guest__V1__Process *)process;
	request.id = rpc_str("c");
	request.rootfs = mounts;
	request.n_rootfs = 1;
	request.options = &any;
	test_int(rpc_any_pack(&container.base, &any), 0);
	write_frame("Create", &request.base);
	rpc_any_done(&any);
}

static void write_exec(const char *exec_id, const Caisson__Guest__V1__Process *process)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	request.id = rpc_str("c");
	request.exec_id = rpc_str(exec_id);
	request.spec = &any;
	test_int(rpc_any_pack(&process->base, &any), 0);
	write_frame("Exec", &request.base);
	rpc_any_done(&any);
}

static void write_script(void)
{
	static const char *const asked[] = {"State",   "Pids", "ResizePty", "CloseIO",
					    "Connect", "Kill", "Wait"};
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	char *words[] = {rpc_str("cmd"), rpc_str("word")};

	process.args = words;
	process.n_args = 2;
	write_create(&process);
	write_about("Start", "");
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		write_about(asked[i], "");
	write_exec("e", &process);
	write_about("Wait", "e");
	write_about("Start", "e");
	write_exec("f", &process);
	write_about("Delete", "f");
	write_about("Delete", "");
}

static void begin(void)
{
	session_begin();
	session_connect(&peer);
	session_connect(&other);
	other_id = 1;
}

static void expect_served(void)
{
	struct ttrpc_response_envelope response;
	uint32_t id;

	peer_put_request(&other, other_id, 0, RPC_SERVICE_TASK_V2, "Connect", "", 0);
	peer_pump(&other);
	test_true(session_answer(&other, &id, &response));
	test_int(id, other_id);
	test_int(response.code, TTRPC_OK);
	other_id += 2;
}

static void end(void)
{
	expect_served();
	session_forget_all();
	peer_done(&peer);
	peer_done(&other);
	session_end();
}

static size_t count_answers(void)
{
	struct ttrpc_response_envelope response;
	uint32_t id;
	size_t n = 0;

	while (session_answer(&peer, &id, &response)) {
		test_true(id % 2 == 1 && id < 2 * n_frames);
		n++;
	}
	return n;
}

/* Send what is there of each frame, as it would come; what was asked for succeeds meanwhile. */
static size_t send_first(size_t len)
{
	size_t answers = 0, at = 0;

	for (size_t i = 0; i < n_frames && at < len; i++) {
		size_t part = MIN(ends[i], len) - at;

		peer_put(&peer, script.out + at, part);
		peer_pump(&peer);
		session_tell_all();
		peer_pump(&peer);
		answers += count_answers();
		at += part;
	}
	return answers;
}

static size_t frames_in(size_t len)
{
	size_t n = 0;

	while (n < n_frames && ends[n] <= len)
		n++;
	return n;
}

/* Then the client is gone, or it stays and never sends the rest. */
static void cut_at(size_t len, bool vanish)
{
	size_t answers, frames = frames_in(len);

	begin();
	answers = send_first(len);
	/* Each whole frame is answered at once, but Wait. */
	test_true(answers <= frames && answers + 2 >= frames);
	if (vanish) {
		peer_close(&peer);
		loop_settle(&session_loop);
	}
	end();
}

static void sessions_are_cut_at_every_byte(void)
{
	for (size_t len = 0; len <= script.out_len; len++) {
		cut_at(len, true);
		cut_at(len, false);
	}
}

/* All of them at once: what is asked meanwhile is refused, but answered. */
static void clients_vanish_before_their_answers(void)
{
	for (size_t frames = 1; frames <= n_frames; frames++) {
		begin();
		peer_put(&peer, script.out, ends[frames - 1]);
		peer.deaf = true;
		peer_pump(&peer);
		peer_close(&peer);
		loop_settle(&session_loop);
		session_tell_all();
		end();
	}
}

/* A byte of the session is another one. */
static void sessions_with_a_wrong_byte(void)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};

	for (size_t at = 0; at < script.out_len; at++)
		for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
			begin();
			script.out[at] ^= flips[i];
			for (size_t f = 0, from = 0; f < n_frames; from = ends[f++]) {
				peer_put(&peer, script.out + from, ends[f] - from);
				peer_pump(&peer);
				session_tell_all();
			}
			script.out[at] ^= flips[i];
			end();
		}
}

static void put_header(uint32_t len, uint32_t id)
{
	struct ttrpc_frame frame = {.len = len, .stream_id = id, .type = TTRPC_FRAME_REQUEST};
	uint8_t header[TTRPC_FRAME_HEADER_LEN];

	ttrpc_frame_encode(&frame, header);
	peer_put(&peer, header, sizeof(header));
}

static int32_t code_of(uint32_t id)
{
	struct ttrpc_response_envelope response;
	uint32_t got;

	test_true(session_answer(&peer, &got, &response));
	test_int(got, id);
	return response.code;
}

static void large_frames(void)
{
	static uint8_t id[TTRPC_FRAME_DATA_MAX];
	/* Names, the timeout, and the head of the payload. */
	size_t envelope = 2 + strlen(RPC_SERVICE_TASK_V2) + 2 + strlen("State") + 3 + 5;
	size_t len = sizeof(id) - envelope;

	begin();
	/* The largest that there may be: an id as long as it can be is one that nobody has. */
	memset(id, 'x', sizeof(id));
	id[0] = 0x0a;
	for (size_t i = 0, left = len - 5; i < 4; i++, left >>= 7)
		id[1 + i] = (uint8_t)((left & 0x7f) | (i < 3 ? 0x80 : 0));
	peer_put_request(&peer, 1, 0, RPC_SERVICE_TASK_V2, "State", id, len);
	test_true(peer.out_len <= TTRPC_FRAME_HEADER_LEN + TTRPC_FRAME_DATA_MAX &&
		  peer.out_len + 16 > TTRPC_FRAME_HEADER_LEN + TTRPC_FRAME_DATA_MAX);
	peer_pump(&peer);
	test_int(code_of(1), TTRPC_NOT_FOUND);
	/* Exactly as many bytes as a frame may have, and one more. */
	put_header(TTRPC_FRAME_DATA_MAX, 3);
	peer_put(&peer, NULL, TTRPC_FRAME_DATA_MAX);
	put_header(TTRPC_FRAME_DATA_MAX + 1, 5);
	peer_put(&peer, NULL, TTRPC_FRAME_DATA_MAX + 1);
	peer_pump(&peer);
	test_int(code_of(3), TTRPC_INVALID_ARGUMENT);
	test_int(code_of(5), TTRPC_RESOURCE_EXHAUSTED);
	/* One that will never end: nobody else waits for it. */
	put_header(UINT32_MAX, 7);
	peer_put(&peer, NULL, 1 << 20);
	peer_pump(&peer);
	peer_expect_nothing(&peer);
	end();
}

int main(void)
{
	write_script();
	test_run(sessions_are_cut_at_every_byte);
	test_run(clients_vanish_before_their_answers);
	test_run(sessions_with_a_wrong_byte);
	test_run(large_frames);
	peer_done(&script);
	return 0;
}
