/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/test-session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/test.h"
#include "guest/reap.h"
#include "guest/task/cgroup.h"
#include "guest/task/lifecycle.h"
#include "guest/task/relay.h"
#include "rpc/task.h"

struct loop session_loop;
struct stream_table session_streams;
struct task session_task;
struct oci session_bundles;
struct ttrpc_service session_services[SERVICES_MAX];
struct cgroups session_cgroups = CGROUPS_NULL;

/* More than any child needs, and less than a test may take. */
#define PATIENCE_NS (20 * NSEC_PER_SEC)

static struct events events;
static struct system system_service;
static struct workers workers;
static struct reaper reaper = REAPER_NULL;
static struct ttrpc_server *server;
static int null_fd;

static void shutdown_asked(struct task *task _unused_, bool now _unused_)
{
}

static void process_ended(struct task *task _unused_)
{
}

static void ended_early(pid_t pid, uint32_t status)
{
	lifecycle_reaped(&session_task, pid, status);
}

static void child_ending(struct reaper *r _unused_, pid_t pid, uint32_t status)
{
	oci_ending(&session_bundles, pid, status);
}

/* As vminitd's. */
static void child_reaped(struct reaper *r _unused_, pid_t pid, uint32_t status)
{
	if (workers_reaped(&workers, pid, status))
		return;
	oci_reaped(&session_bundles, pid);
	lifecycle_reaped(&session_task, pid, status);
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
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	test_int(relay_setup(null_fd), 0);
}

void session_begin(void)
{
	begin_once();
	fake_refuse = 0;
	test_int(loop_init(&session_loop), 0);
	test_int(reaper_start(&reaper, &session_loop, child_reaped), 0);
	workers_init(&workers, &session_loop);
	stream_init(&session_streams, &session_loop);
	oci_init(&session_bundles, &workers, &session_task.processes, &lifecycle_events, null_fd);
	session_bundles.ended = ended_early;
	reaper.ending = child_ending;
	session_task.loop = &session_loop;
	session_task.bundles = NULL;
	session_task.closing = false;
	session_task.streams = &session_streams;
	session_task.cgroups = &session_cgroups;
	session_task.events = &events;
	session_task.executor = &fake_executor;
	session_task.shutdown = shutdown_asked;
	session_task.ended = process_ended;
	task_init(&session_task);
	system_service = (struct system){.loop = &session_loop, .task = &session_task};
	services_init(session_services, &session_task, &events, &system_service, &workers);
	test_int(ttrpc_server_new(&session_loop, session_services, 8, &server), 0);
}

void session_end(void)
{
	ttrpc_server_free(server);
	reaper_stop(&reaper);
	stream_deinit(&session_streams);
	loop_deinit(&session_loop);
}

void session_connect(struct peer *peer)
{
	test_int(ttrpc_server_add(server, peer_init(peer, &session_loop)), 0);
}

static bool is_fake(const struct process *p)
{
	return p->executor == &fake_executor;
}

static bool anything_under_way(void)
{
	if (!list_empty(&workers.running))
		return true;
	for (struct process *p = NULL; (p = process_next(&session_task.processes, p));)
		if (!is_fake(p) && (p->ending || p->state == PROCESS_STARTING))
			return true;
	return false;
}

static _noreturn_ void out_of_patience(struct loop_timer *timer _unused_)
{
	test_fail("nothing happens any more");
}

static void end_turn(struct loop_defer *defer _unused_)
{
	loop_quit(&session_loop, 0);
}

/* Or for a timer; vminitd's are in that loop, too. */
static void wait_for_children(void)
{
	struct pollfd pollfd = {.fd = session_loop.epoll_fd, .events = POLLIN};
	struct loop_defer end = LOOP_DEFER_NULL(end);
	struct loop_timer patience;
	uint64_t first, now = clock_now();

	loop_timer_init(&patience);
	loop_timer_start(&session_loop, &patience, now + PATIENCE_NS, out_of_patience);
	first = list_first(&session_loop.timers, struct loop_timer, link)->deadline;
	(void)poll(&pollfd, 1, first > now ? (int)((first - now) / NSEC_PER_MSEC) + 1 : 0);
	loop_defer_start(&session_loop, &end, end_turn);
	test_int(loop_run(&session_loop), 0);
	loop_timer_stop(&patience);
}

void session_pump(struct peer *peer)
{
	peer_pump(peer);
	while (anything_under_way()) {
		wait_for_children();
		peer_pump(peer);
	}
}

void session_tell_all(void)
{
	for (struct process *p = NULL; (p = process_next(&session_task.processes, p));)
		if (is_fake(p))
			(void)fake_tell(p, FAKE_GOOD);
}

static void end_process(struct process *p)
{
	if (is_fake(p)) {
		lifecycle_reaped(&session_task, p->pid, 0);
		return;
	}
	test_int(kill(p->pid, SIGKILL), 0);
	while (p->pid > 0 && !p->reaped)
		wait_for_children();
}

void session_reap_all(void)
{
	for (struct process *p = NULL; (p = process_next(&session_task.processes, p));)
		if (p->pid > 0 && !p->reaped)
			end_process(p);
}

bool session_answer(struct peer *peer, uint32_t *ret_id, struct ttrpc_response_envelope *ret)
{
	struct peer_frame frame;

	do {
		if (!peer_next(peer, &frame))
			return false;
	} while (frame.head.type == TTRPC_FRAME_DATA);
	test_int(frame.head.type, TTRPC_FRAME_RESPONSE);
	*ret_id = frame.head.stream_id;
	test_int(ttrpc_envelope_parse_response((struct ttrpc_bytes){frame.data, frame.head.len},
					       ret),
		 0);
	return true;
}

void session_reap_children(void)
{
	siginfo_t info;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ||
	       session_bundles.n_busy > 0)
		wait_for_children();
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
	session_pump(&peer);
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
	while ((container = some_container()))
		delete_container(container);
	test_true(!process_next(&session_task.processes, NULL));
}
