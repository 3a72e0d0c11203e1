/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "guest/mount/mount.h"
#include "guest/oci/bundle.h"
#include "guest/supervisor/supervisor.h"
#include "guest/task/test-session.h"
#include "guest/test-machine.h"
#include "guest/test-request.h"
#include "rpc/task.h"

/*
 * Everything that vminitd allocates fails once, and the processes that it forks; and it has ever so
 * few descriptors. The scenario is every method of every service, on a container with execs, streams
 * and somebody who listens to events. Whatever failed is answered by saying so, or its connection
 * ends; then all goes on, and nothing is left.
 *
 * The linker is told that the functions below are ours. Children count with us.
 */

#define STEPS_MAX  64
#define UNANSWERED (-1)

/* Allocations until one fails. */
static atomic_int *left;
static bool counting, armed;

static bool fails(void)
{
	return armed && counting && atomic_fetch_sub(left, 1) == 0;
}

#define WRAP(type, name, parameters, arguments)         \
	type __real_##name parameters;                  \
	type __wrap_##name parameters;                  \
	type __wrap_##name parameters                   \
	{                                               \
		if (!fails())                           \
			return __real_##name arguments; \
		errno = ENOMEM;                         \
		return NULL;                            \
	}

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, (void *p, size_t size), (p, size))
WRAP(char *, strdup, (const char *s), (s))
WRAP(DIR *, fdopendir, (int fd), (fd))
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode))

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t __wrap_fork(void)
{
	if (!fails())
		return __real_fork();
	errno = EAGAIN;
	return -1;
}

/* Descriptors: those that are open, and so many more. */

static struct rlimit all_files;
static rlim_t few_files; /* 0: as many as there may be */

static void arm(void)
{
	struct rlimit few = {.rlim_cur = few_files, .rlim_max = all_files.rlim_max};

	if (few_files)
		test_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	armed = true;
}

static void disarm(void)
{
	armed = false;
	if (few_files)
		test_int(setrlimit(RLIMIT_NOFILE, &all_files), 0);
}

/* The scenario */

static struct peer peer, subscriber;
static int host_end; /* of the stream */
static bool bundles;
static size_t first_step; /* the first one of the connection */
static struct {
	const char *name;
	int32_t code, good;
	char text[200];
} steps[STEPS_MAX];
static size_t n_steps;
static bool any_failed, learning;

/* What is written and read at this end has its memory already. */
static void connect_peer(struct peer *p)
{
	session_connect(p);
	p->out_size = p->in_size = 1 << 20;
	p->out = malloc(p->out_size);
	p->in = malloc(p->in_size);
	test_true(p->out && p->in);
}

static void take_answers(void)
{
	struct ttrpc_response_envelope response;
	uint32_t id;

	while (session_answer(&peer, &id, &response)) {
		size_t step = first_step + (id - 1) / 2;

		test_true(step < n_steps);
		test_int(steps[step].code, UNANSWERED);
		steps[step].code = response.code;
		(void)snprintf(steps[step].text, sizeof(steps[step].text), "%.*s",
			       (int)response.message.len, response.message.data);
	}
}

static void turn(void)
{
	arm();
	session_pump(&peer);
	session_tell_all();
	session_pump(&peer);
	disarm();
	any_failed |= counting && atomic_load(left) < 0;
	take_answers();
}

/* The rest of what was under way is answered by the end of the connection. */
static void connect_again(void)
{
	if (!peer.eof)
		return;
	test_true(any_failed || few_files);
	peer_done(&peer);
	connect_peer(&peer);
	first_step = n_steps;
}

/* What fails first is answered as it should be; after that much may be otherwise. */
static void check(size_t step, bool failed_before)
{
	int32_t code = steps[step].code, good = steps[step].good;

	if (learning)
		steps[step].good = code;
	if (learning || code == good || peer.eof)
		return;
	if (code == UNANSWERED)
		test_fail("%s has no answer", steps[step].name);
	any_failed |= few_files > 0;
	if (!any_failed)
		test_fail("%s: %d %s, though nothing failed", steps[step].name, code,
			  steps[step].text);
	if (!failed_before && code != TTRPC_RESOURCE_EXHAUSTED)
		test_fail("%s: %d %s, not %d", steps[step].name, code, steps[step].text, good);
}

static void call(const char *service, const char *method, const struct bytes *request)
{
	bool failed_before = any_failed;
	size_t step = n_steps++;

	test_true(n_steps < STEPS_MAX);
	steps[step].name = method;
	steps[step].code = UNANSWERED;
	peer_put_request(&peer, (uint32_t)(2 * (step - first_step) + 1), 0, service, method,
			 request->data, request->len);
	turn();
	check(step, failed_before);
	connect_again();
}

static void call_good(const struct ttrpc_service *service, const struct ttrpc_method *method)
{
	struct bytes request = {.data = NULL};

	request_put(&request, ((const struct rpc_types *)method->data)->request, bundles, NULL,
		    NULL);
	call(service->name, method->name, &request);
	bytes_free(&request);
}

static void call_text(const char *service, const char *method, const void *data, size_t len)
{
	const struct bytes request = {.data = (uint8_t *)data, .len = len};

	call(service, method, &request);
}

#define CALL(service, method, text) call_text(service, method, text, sizeof(text) - 1)

static void open_stream(const char *id)
{
	uint8_t greeting[4] = {0, 0, 0, (uint8_t)strlen(id)};
	int pair[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	test_int(write(pair[0], greeting, sizeof(greeting)), sizeof(greeting));
	test_int(write(pair[0], id, strlen(id)), (long long)strlen(id));
	arm();
	stream_add(&session_streams, pair[1]);
	disarm();
	turn();
	host_end = pair[0];
}

/* Of those whose names are good for it: an exec "e", and one that has a stream. */
static void add_execs(void)
{
	struct bytes request = {.data = NULL};

	request_put(&request, &containerd__task__v2__exec_process_request__descriptor, bundles,
		    NULL, NULL);
	bytes_put_field(&request, 2, "e", 1);
	call(RPC_SERVICE_TASK_V2, "Exec", &request);
	open_stream("s");
	bytes_put_field(&request, 2, "s", 1);
	bytes_put_field(&request, 5, "stream://s", 10);
	call(RPC_SERVICE_TASK_V2, "Exec", &request);
	bytes_free(&request);
	CALL(RPC_SERVICE_TASK_V2, "Start",
	     "\x0a\x01"
	     "c\x12\x01"
	     "s");
}

static void every_method(void)
{
	for (const struct ttrpc_service *s = session_services; s->name; s++)
		for (const struct ttrpc_method *m = s->methods; m->name; m++)
			if (strcmp(s->name, RPC_SERVICE_TASK_V3) != 0)
				call_good(s, m);
}

static const struct ttrpc_method *create_method(void)
{
	const struct ttrpc_method *m = session_services[0].methods;

	while (strcmp(m->name, "Create") != 0)
		m++;
	return m;
}

static void subscribe(void)
{
	connect_peer(&subscriber);
	peer_put_request(&subscriber, 1, 0, RPC_SERVICE_EVENTS, "Stream", "", 0);
	arm();
	peer_pump(&subscriber);
	disarm();
}

static void end_containers(void)
{
	arm();
	session_reap_all();
	disarm();
	turn();
	CALL(RPC_SERVICE_TASK_V2, "Delete",
	     "\x0a\x01"
	     "c");
}

static void scenario(void)
{
	n_steps = first_step = 0;
	any_failed = false;
	session_begin();
	session_task.bundles = bundles ? &session_bundles.base : NULL;
	connect_peer(&peer);
	subscribe();
	if (bundles)
		CALL(RPC_SERVICE_BUNDLE, "Create",
		     "\x0a\x01"
		     "c\x12\x0d\x0a\x0b"
		     "config.json");
	call_good(&session_services[0], create_method());
	CALL(RPC_SERVICE_TASK_V2, "Start",
	     "\x0a\x01"
	     "c");
	add_execs();
	every_method();
	end_containers();
}

/* Without failures: all is answered, and what the scenario has left on purpose goes. */
static void finish(void)
{
	bool no_failure = !any_failed;

	CALL(RPC_SERVICE_TASK_V2, "Connect",
	     "\x0a\x01"
	     "c");
	test_int(steps[n_steps - 1].code, TTRPC_OK);
	session_forget_all();
	CALL(RPC_SERVICE_MOUNT, "UnmountAll", "");
	CALL(RPC_SERVICE_SOCKETS, "Listen", "");
	test_true(steps[n_steps - 1].code == TTRPC_OK);
	session_reap_children();
	/* A bundle that no container was made of is the host's. */
	test_true(access(BUNDLE_DIR "/c", F_OK) < 0 || !no_failure);
	peer_done(&subscriber);
	peer_done(&peer);
	host_end = fd_close(host_end);
	session_end();
	machine_clean();
	machine_expect_clean();
}

/* Return: whether something failed. */
static bool run(int n)
{
	bool failed;

	counting = true;
	atomic_store(left, n);
	scenario();
	failed = any_failed;
	counting = false;
	finish();
	return failed;
}

static void learn(void)
{
	learning = true;
	test_true(!run(INT32_MAX));
	learning = false;
	for (size_t i = 0; i < 4; i++)
		test_int(steps[i].good, TTRPC_OK);
}

static void every_allocation(void)
{
	int n = 0;

	learn();
	while (run(n))
		n++;
	test_true(n > 20);
}

/* Return: as run(). */
static bool run_with_few_files(rlim_t more)
{
	bool failed;
	int next = dup(STDIN_FILENO);

	fd_close(next);
	/* Those of both connections, and of a stream, are the host's as well. */
	few_files = (rlim_t)next + more;
	scenario();
	failed = any_failed;
	few_files = 0;
	finish();
	return failed;
}

static void few_descriptors(void)
{
	rlim_t more = 0;

	learn();
	while (run_with_few_files(more))
		more++;
	test_true(more > 5);
}

int main(void)
{
	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_true(left != MAP_FAILED);
	test_int(getrlimit(RLIMIT_NOFILE, &all_files), 0);
	machine_begin();
	machine_crun_begins = disarm;
	session_begin();
	session_end();
	machine_remember();
	test_run(every_allocation);
	test_run(few_descriptors);
	bundles = true;
	test_run(every_allocation);
	test_run(few_descriptors);
	return 0;
}
