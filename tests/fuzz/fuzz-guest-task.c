/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "guest/task/lifecycle.h"
#include "guest/task/test-session.h"
#include "rpc/task.h"

/*
 * The guest's Task service, on an executor that runs nothing. The input is a list of steps, each a
 * byte that says which and some more: requests of a host, sane or not, streams that it opens, what
 * becomes of the processes. In the end all can be deleted, and nothing is left.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAMS 8
#define STEPS	200

static struct input {
	const uint8_t *at;
	size_t left;
} input;

static struct peer peer, subscriber;
static uint32_t next_id;
static size_t n_answers, n_asked;
static int host_ends[STREAMS];

static const char *const methods[] = {
	"State",   "Create", "Start",	"Delete",   "Pids",  "Kill",  "Exec",	"ResizePty",
	"CloseIO", "Wait",   "Connect", "Shutdown", "Pause", "Stats", "Resume", "Update"};
static const char *const execs[] = {"", "e0", "e1", "..", "e2", "/"};
static const char *const outputs[] = {
	"", "stream://s0", "stream://s1", "stream://s2", "stream://s3", "/fifo", "stream://"};

static uint8_t take(void)
{
	if (input.left == 0)
		return 0;
	input.left--;
	return *input.at++;
}

static struct ttrpc_bytes take_bytes(void)
{
	size_t len = take();
	struct ttrpc_bytes bytes = {.data = input.at, .len = MIN(len, input.left)};

	input.at += bytes.len;
	input.left -= bytes.len;
	return bytes;
}

#define TAKE(list) (list)[take() % ARRAY_SIZE(list)]

static void ask(const char *method, const void *payload, size_t len)
{
	peer_put_request(&peer, next_id, 0, RPC_SERVICE_TASK_V2, method, payload, len);
	next_id += 2;
	n_asked++;
}

static void ask_packed(const char *method, const ProtobufCMessage *request)
{
	uint8_t packed[4096];

	test_true(protobuf_c_message_get_packed_size(request) <= sizeof(packed));
	ask(method, packed, protobuf_c_message_pack(request, packed));
}

static void ask_raw(void)
{
	const char *method = TAKE(methods);
	struct ttrpc_bytes payload = take_bytes();

	ask(method, payload.data, payload.len);
}

/* State, Start, Delete and Wait have the same fields; the others begin with the same two. */
static void ask_about_one(void)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
	const char *method = TAKE(methods);

	request.id = rpc_str("c");
	request.exec_id = rpc_str(TAKE(execs));
	request.signal = take();
	request.all = request.signal & 1;
	ask_packed(method, &request.base);
}

static void make_process(Caisson__Guest__V1__Process *process, char **words)
{
	uint8_t odd = take();

	caisson__guest__v1__process__init(process);
	process->args = words;
	process->n_args = (odd & 7) != 7;
	process->terminal = odd & 8;
	process->cwd = rpc_str(odd & 16 ? "relative" : "");
}

static void ask_exec(void)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Caisson__Guest__V1__Process process;
	char *words[] = {rpc_str("cmd")};

	make_process(&process, words);
	request.id = rpc_str("c");
	request.exec_id = rpc_str(TAKE(execs));
	request.stdin_ = rpc_str(TAKE(outputs));
	request.stdout_ = rpc_str(TAKE(outputs));
	request.stderr_ = rpc_str(TAKE(outputs));
	request.spec = &any;
	test_int(rpc_any_pack(&process.base, &any), 0);
	ask_packed("Exec", &request.base);
	rpc_any_done(&any);
}

static void ask_create(void)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Caisson__Guest__V1__Container container = CAISSON__GUEST__V1__CONTAINER__INIT;
	Containerd__Types__Mount mount = CONTAINERD__TYPES__MOUNT__INIT, *mounts[] = {&mount};
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Caisson__Guest__V1__Process process;
	char *words[] = {rpc_str("cmd")};

	make_process(&process, words);
	container.process = &process;
	request.id = rpc_str("c");
	request.stdin_ = rpc_str(TAKE(outputs));
	request.stdout_ = rpc_str(TAKE(outputs));
	request.stderr_ = rpc_str(TAKE(outputs));
	request.rootfs = mounts;
	request.n_rootfs = 1;
	request.options = &any;
	test_int(rpc_any_pack(&container.base, &any), 0);
	ask_packed("Create", &request.base);
	rpc_any_done(&any);
}

static void send_garbage(void)
{
	struct ttrpc_bytes bytes = take_bytes();

	peer_put(&peer, bytes.data, bytes.len);
}

static void open_stream(void)
{
	uint8_t which = take() % STREAMS, greeting[] = {0, 0, 0, 2, 's', (uint8_t)('0' + which)};
	int pair[2];

	fd_close(host_ends[which]);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	stream_add(&session_streams, pair[1]);
	test_int(write(pair[0], greeting, sizeof(greeting)), sizeof(greeting));
	host_ends[which] = pair[0];
}

static void use_stream(void)
{
	uint8_t what = take(), buf[64];
	int which = what % STREAMS, fd = host_ends[which];

	if (fd < 0)
		return;
	if (what & 0x20)
		(void)send(fd, "input", 5, MSG_NOSIGNAL);
	if (what & 0x40)
		(void)recv(fd, buf, sizeof(buf), 0);
	if (what & 0x10)
		(void)shutdown(fd, SHUT_WR);
	if (what & 0x80)
		host_ends[which] = fd_close(fd);
}

static struct process *some_process(uint8_t which)
{
	struct process *p = process_next(&session_task.processes, NULL);

	for (; p && which > 0; which--)
		p = process_next(&session_task.processes, p);
	return p;
}

static void tell(void)
{
	uint8_t what = take();
	struct process *p = some_process(what & 3);

	if (!p)
		return;
	if (what & 0x10)
		(void)fake_write(p, "output", 6);
	(void)fake_tell(p, what >> 5 < FAKE_EVENTS ? what >> 5 : FAKE_GOOD);
}

static void reap_one(void)
{
	uint8_t what = take();
	struct process *p = some_process(what & 3);

	if (p && p->pid > 0 && !p->reaped)
		lifecycle_reaped(&session_task, p->pid, what);
}

static void refuse(void)
{
	static const int errors[] = {0, 0, -ESRCH, -EAGAIN, -ENOMEM, -EPERM};

	fake_refuse = TAKE(errors);
}

static void connect_client(void)
{
	session_connect(&peer);
	next_id = 1;
	n_asked = n_answers = 0;
}

static void reconnect(void)
{
	peer_done(&peer);
	loop_settle(&session_loop);
	connect_client();
}

static void pump(void)
{
	struct ttrpc_response_envelope response;
	uint32_t id;

	peer_pump(&peer);
	while (session_answer(&peer, &id, &response))
		n_answers++;
}

static void (*const steps[])(void) = {ask_about_one, ask_create,  ask_exec,   ask_raw,
				      send_garbage,  open_stream, use_stream, tell,
				      reap_one,	     refuse,	  reconnect,  pump};

static void begin(void)
{
	for (int i = 0; i < STREAMS; i++)
		host_ends[i] = -EBADF;
	session_begin();
	session_connect(&subscriber);
	peer_put_request(&subscriber, 1, 0, RPC_SERVICE_EVENTS, "Stream", "", 0);
	peer_pump(&subscriber);
	connect_client();
}

static void end(void)
{
	static const struct ttrpc_bytes anything = {.data = (const uint8_t *)"\x0a\x01"
									     "c",
						    .len = 3};

	for (int i = 0; i < STREAMS; i++)
		fd_close(host_ends[i]);
	/* Whatever came before, a client that asks sanely is answered. */
	reconnect();
	ask("Connect", anything.data, anything.len);
	pump();
	test_int(n_answers, n_asked);
	session_forget_all();
	peer_pump(&subscriber);
	peer_done(&subscriber);
	peer_done(&peer);
	session_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = (struct input){.at = data, .left = size};
	begin();
	for (int i = 0; i < STEPS && input.left > 0; i++) {
		uint8_t step = take();

		steps[step % 16 % ARRAY_SIZE(steps)]();
		/* Several requests may come at once. */
		if (!(step & 0x80))
			pump();
	}
	end();
	return 0;
}
