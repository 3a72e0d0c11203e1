/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/test-session.h"

#include <fcntl.h>
#include <signal.h>

#include "base/test.h"
#include "guest/task/cgroup.h"
#include "guest/task/lifecycle.h"
#include "guest/task/relay.h"
#include "rpc/task.h"

struct loop session_loop;
struct stream_table session_streams;
struct task session_task;

static struct cgroups cgroups = CGROUPS_NULL;
static struct events events;
static struct ttrpc_service services[4];
static struct ttrpc_server *server;

static void shutdown_asked(struct task *task _unused_, bool now _unused_)
{
}

static void process_ended(struct task *task _unused_)
{
}

static void begin_once(void)
{
	static bool done;
	sigset_t set;

	if (done)
		return;
	done = true;
	/* As vminitd does. */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	test_int(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	test_int(relay_setup(open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
}

void session_begin(void)
{
	begin_once();
	fake_refuse = 0;
	test_int(loop_init(&session_loop), 0);
	stream_init(&session_streams, &session_loop);
	session_task.loop = &session_loop;
	session_task.streams = &session_streams;
	session_task.cgroups = &cgroups;
	session_task.events = &events;
	session_task.executor = &fake_executor;
	session_task.shutdown = shutdown_asked;
	session_task.ended = process_ended;
	task_init(&session_task);
	memcpy(services, session_task.services, sizeof(session_task.services));
	services[2] = events_init(&events);
	test_int(ttrpc_server_new(&session_loop, services, 8, &server), 0);
}

void session_end(void)
{
	ttrpc_server_free(server);
	stream_deinit(&session_streams);
	loop_deinit(&session_loop);
}

void session_connect(struct peer *peer)
{
	test_int(ttrpc_server_add(server, peer_init(peer, &session_loop)), 0);
}

void session_tell_all(void)
{
	for (struct process *p = NULL; (p = process_next(&session_task.processes, p));)
		(void)fake_tell(p, FAKE_GOOD);
}

void session_reap_all(void)
{
	for (struct process *p = NULL; (p = process_next(&session_task.processes, p));)
		if (p->pid > 0 && !p->reaped)
			lifecycle_reaped(&session_task, p->pid, 0);
}

bool session_answer(struct peer *peer, uint32_t *ret_id, struct ttrpc_response_envelope *ret)
{
	struct peer_frame frame;

	if (!peer_next(peer, &frame))
		return false;
	test_int(frame.head.type, TTRPC_FRAME_RESPONSE);
	*ret_id = frame.head.stream_id;
	test_int(ttrpc_envelope_parse_response((struct ttrpc_bytes){frame.data, frame.head.len},
					       ret),
		 0);
	return true;
}

static struct process *some_container(void)
{
	for (struct process *p = NULL; (p = process_next(&session_task.processes, p));)
		if (!p->deleted && !process_is_exec(p))
			return p;
	return NULL;
}

static void delete_container(const struct process *container)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	struct ttrpc_response_envelope response;
	uint8_t packed[2 + ABI_ID_MAX];
	struct peer peer;
	uint32_t id;
	size_t len;

	request.id = rpc_str(container->id);
	len = protobuf_c_message_pack(&request.base, packed);
	session_connect(&peer);
	peer_put_request(&peer, 1, 0, RPC_SERVICE_TASK_V2, "Delete", packed, len);
	peer_pump(&peer);
	test_true(session_answer(&peer, &id, &response));
	test_int(response.code, TTRPC_OK);
	peer_done(&peer);
	loop_settle(&session_loop);
}

void session_forget_all(void)
{
	const struct process *container;

	fake_refuse = 0;
	session_reap_all();
	loop_settle(&session_loop);
	container = some_container();
	if (container)
		delete_container(container);
	test_true(!process_next(&session_task.processes, NULL));
}
