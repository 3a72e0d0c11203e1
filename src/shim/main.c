/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: two processes. The keeper (keeper.h) waits for the other one, which does everything
 * else, and passes signals on to it; should that be killed, the keeper writes or removes the record. Should
 * the keeper be killed, the other one gets SIGTERM and ends the container. Both hold the claim on the
 * record and the lock of the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/hooks.h"
#include "sandbox/network.h"
#include "sandbox/process-oci.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/events.h"
#include "shim/containerd/pod.h"
#include "shim/host-cgroup.h"
#include "shim/keeper.h"
#include "shim/lifeline.h"
#include "shim/save.h"
#include "shim/shim.h"
#include "shim/terminal.h"
#include "shim/told.h"

/* A client that reads nothing may hold up the end of the shim, and so `delete -f`, this long. */
#define TELLING_TIME (10 * NSEC_PER_SEC)

static void sandbox_ready(struct sandbox *sb)
{
	events_follow_guest(sb->userdata);
	shim_task_ready(sb->userdata);
}

/*
 * The VM has gone; what is left is to tell it. Whoever holds the lifeline will ask for the exit
 * status, or has still to call Create and hear the reason: that may take any time. Whoever else
 * asked has a while to read the last output and the answer.
 */
static bool has_told(const struct shim *shim)
{
	bool asked = shim->waited || !loop_io_active(&shim->lifeline);
	bool told = !shim_task_telling(shim) && ttrpc_server_idle(shim->server);

	return shim->sandbox.state == SANDBOX_ENDED && asked && (told || shim->told_enough);
}

void shim_quit_when_told(struct shim *shim)
{
	if (shim->containerd ? containerd_is_over(shim) : has_told(shim))
		loop_quit(shim->loop, 0);
}

static void tell_no_more(struct loop_timer *timer)
{
	struct shim *shim = container_of(timer, struct shim, telling);

	shim->told_enough = true;
	shim_quit_when_told(shim);
}

static void conn_closed(void *userdata, uint64_t conn, size_t left _unused_)
{
	shim_task_conn_closed(userdata, conn);
	shim_quit_when_told(userdata);
}

static void flushed(void *userdata)
{
	shim_quit_when_told(userdata);
}

static void sandbox_ended(struct sandbox *sb)
{
	struct shim *shim = sb->userdata;

	shim_task_lost(shim);
	pod_ended(shim);
	loop_timer_start(shim->loop, &shim->telling, loop_now(shim->loop) + TELLING_TIME,
			 tell_no_more);
	shim_quit_when_told(shim);
}

static void signalled(struct loop_signal *source, int signo _unused_)
{
	struct shim *shim = container_of(source, struct shim, signals);

	if (!shim->sandbox.failure.code)
		(void)err_set(&shim->sandbox.failure, -ECANCELED,
			      "its caisson-shim was told to end, or lost its keeper");
	loop_io_stop(&shim->lifeline);
	sandbox_stop(&shim->sandbox, false);
	if (shim->containerd)
		containerd_shutdown(shim);
	shim_quit_when_told(shim);
}

/* The starter's end of the pipe: a byte lets us go, an end of file takes us along. */
static void lifeline_moved(struct loop_io *io, uint32_t revents _unused_)
{
	struct shim *shim = container_of(io, struct shim, lifeline);
	char byte;
	ssize_t n = read(io->fd, &byte, 1);

	if (n < 0)
		return;
	loop_io_stop(io);
	shim->let_go = n == 1 && byte == LIFELINE_LET_GO;
	/* Of a visit there is something to write back, and of disks that stay. */
	if (!shim->let_go)
		sandbox_stop(&shim->sandbox, shim->visit || shim_has_disks(shim));
	shim_quit_when_told(shim);
}

/* The number of a signal that the keeper got: it is for the container. */
static void signal_passed(struct loop_io *io, uint32_t revents _unused_)
{
	struct shim *shim = container_of(io, struct shim, passed);
	unsigned char signo;

	if (read(io->fd, &signo, 1) != 1)
		loop_io_stop(io);
	else if (signo == KEEPER_SEES)
		told_seen(shim);
	else if (signo == KEEPER_FOLLOWS)
		pod_followed(shim);
	else
		shim_task_signal(shim->first.init, signo);
}

static int serve(struct shim *shim, const struct err *failure)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	/* Who made the socket listened on it; clients are to see this process there (SO_PEERCRED). */
	(void)listen(SHIM_FD_LISTEN, SOMAXCONN);
	r = loop_signal_start(shim->loop, &shim->signals, &signals, signalled);
	if (r == 0)
		r = ttrpc_server_new(shim->loop, shim_services(shim), SHIM_CONNS_MAX,
				     &shim->server);
	if (r == 0)
		r = ttrpc_server_listen(shim->server, SHIM_FD_LISTEN, true);
	if (r == 0)
		r = loop_io_start(shim->loop, &shim->lifeline, SHIM_FD_LIFELINE, EPOLLIN,
				  lifeline_moved);
	if (r < 0)
		return r;
	ttrpc_server_on_conn_closed(shim->server, conn_closed, shim);
	ttrpc_server_on_flushed(shim->server, flushed, shim);
	/* A failure is told to Create, so we serve all the same. */
	if (failure->code)
		sandbox_fail(&shim->sandbox, failure);
	else if (!shim->containerd && sandbox_start(&shim->sandbox) == 0 && !shim->visit)
		process_oci_prepare(&shim->first);
	return loop_run(shim->loop);
}

static enum leaving leaving_of(const struct shim *shim)
{
	if (shim->visit)
		return LEAVE_AS_IT_WAS;
	/* What comes after a hook has run is for who asks to have the rest removed. */
	if (shim->containerd)
		return hooks_are_kept(shim->first.record) ||
				       (shim->first.init && !shim->first.deleted)
			       ? LEAVE_STATUS
			       : LEAVE_NOTHING;
	return shim->first.started && !shim->spec->remove ? LEAVE_STATUS : LEAVE_NOTHING;
}

/*
 * struct start - what the command line says; @passed: where the keeper passes signals on; @failure: what
 * went wrong already, to be told to Create; @namespace: containerd's, whose events go to @events; NULL: another one
 * has started us; @netns: the network namespace that that one is in; @pod: it is to say what the VM is (shim/containerd/pod.h)
 */
struct start {
	const struct paths *paths;
	struct record *record;
	struct sandbox_spec *spec;
	const char *namespace, *events;
	bool visit, stdio, pod;
	int passed, netns;
	struct err failure;
};

static void release(struct shim *shim)
{
	ttrpc_server_free(shim->server);
	shim_task_deinit(shim);
	if (shim->containerd)
		containerd_done(shim->containerd);
	loop_timer_stop(&shim->telling);
	loop_io_stop(&shim->lifeline);
	loop_io_stop(&shim->passed);
	terminal_end(shim);
	loop_signal_stop(&shim->signals);
}

/* All of it that there is before anything can fail. */
static void init_shim(struct shim *shim, const struct start *start, struct pod *pod)
{
	if (shim->containerd)
		containerd_init(shim->containerd, shim, start->namespace, start->events,
				start->netns);
	pod_init(pod, shim, start->spec);
	if (start->pod)
		shim->containerd->pod = pod;
	list_init(&shim->waiters);
	list_init(&shim->forwards);
	list_init(&shim->awake);
	shim->rates = shim->spec->rates;
	loop_timer_init(&shim->telling);
	sandbox_init(&shim->sandbox, shim->loop, start->paths, start->record, start->spec);
	container_init(&shim->first, &shim->sandbox, start->record, start->spec);
	shim_container_init(&shim->own, &shim->first);
	shim->sandbox.group = shim->containerd != NULL;
	shim->sandbox.userdata = shim;
	shim->sandbox.ready = sandbox_ready;
	shim->sandbox.ended = sandbox_ended;
	save_init(shim);
}

/* Return: exit status: the container's. */
static int run_shim(const struct start *start, pid_t keeper)
{
	struct loop loop;
	struct containerd containerd = {.namespace = NULL};
	struct pod pod;
	struct shim shim = {
		.loop = &loop,
		.paths = start->paths,
		.spec = start->spec,
		.visit = start->visit,
		.stdio = start->stdio,
		.keeper = keeper,
		.ask_view = start->stdio || start->namespace ? keeper_ask_view : NULL,
		.ask_follow = keeper_ask_follow,
		.containerd = start->namespace ? &containerd : NULL,
		.lifeline = LOOP_IO_NULL,
		.passed = LOOP_IO_NULL,
		.signals = {.io = LOOP_IO_NULL},
		.winch = {.io = LOOP_IO_NULL},
		.tty = -EBADF,
	};
	int r = loop_init(&loop), status;

	if (r < 0) {
		keeper_settle(start->paths, start->record, leaving_of(&shim), NULL);
		return 1;
	}
	init_shim(&shim, start, &pod);
	/* Who passes on descriptors keeps what comes through them. */
	if (!shim.visit && !shim.stdio && !shim.containerd)
		r = iolog_open(&shim.first.log, start->record->dir, "log");
	if (r == 0)
		r = loop_io_start(&loop, &shim.passed, start->passed, EPOLLIN, signal_passed);
	if (r == 0)
		r = terminal_begin(&shim);
	if (r == 0)
		r = serve(&shim, &start->failure);
	sandbox_deinit(&shim.sandbox);
	/* Whoever is to be called so next will listen there. */
	if (shim.containerd)
		containerd_unlisten(SHIM_FD_LISTEN);
	/* The mounts go with us, but the folders under them can only go once they are free. */
	keeper_settle(start->paths, start->record, leaving_of(&shim), NULL);
	status = shim.first.init ? (int)shim.first.init->status : 1;
	release(&shim);
	pod_done(&pod);
	loop_deinit(&loop);
	return r < 0 ? 1 : status;
}

/* The keeper has none of these, or their end would go unnoticed. */
static void close_childs(const struct start *start)
{
	fd_close(SHIM_FD_LISTEN);
	fd_close(SHIM_FD_LIFELINE);
	for (int i = 0; start->stdio && i < 3; i++)
		fd_close(SHIM_FD_STDIN + i);
}

static int fork_shim(struct start *start)
{
	enum leaving leaving = start->visit	     ? LEAVE_AS_IT_WAS
			       : start->spec->remove ? LEAVE_NOTHING
						     : LEAVE_STATUS;
	pid_t keeper = getpid(), child;
	sigset_t before;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return 1;
	/* For those whom nobody answers. */
	(void)record_set_keeper(start->record, keeper);
	keeper_block(&before);
	child = fork();
	if (child < 0)
		return 1;
	if (child > 0) {
		fd_close(fds[0]);
		close_childs(start);
		return keeper_run(start->paths, start->record, start->spec, child, fds[1], leaving);
	}
	fd_close(fds[1]);
	start->passed = fds[0];
	/* Blocked before the keeper can die, taken by the loop later. */
	sigaddset(&before, SIGTERM);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != keeper)
		(void)raise(SIGTERM);
	return run_shim(start, keeper);
}

static const char *parse_words(int argc, char **argv, struct start *ret)
{
	static const struct option options[] = {
		{"id", required_argument, NULL, 'i'},
		{"visit", no_argument, NULL, 'f'},
		{"stdio", no_argument, NULL, 's'},
		{"containerd", required_argument, NULL, 'c'},
		{"events", required_argument, NULL, 'e'},
		{"pod", no_argument, NULL, 'p'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	const char *id = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'v') {
			puts("caisson-shim version " CAISSON_VERSION);
			exit(0);
		}
		if (c == 'i')
			id = optarg;
		else if (c == 'f')
			ret->visit = true;
		else if (c == 's')
			ret->stdio = true;
		else if (c == 'c')
			ret->namespace = optarg;
		else if (c == 'e')
			ret->events = optarg;
		else if (c == 'p')
			ret->pod = true;
		else
			exit(2);
	}
	if (!id || optind < argc || !ret->namespace != !ret->events ||
	    (ret->pod && !ret->namespace)) {
		fputs("caisson-shim is started by caisson, not by people: see `caisson run`\n",
		      stderr);
		exit(2);
	}
	return id;
}

/*
 * Whatever the container did to its files, they have to be reached: nothing of them is looked up,
 * and nobody but us is there. No port of the host is taken, which another one may have by now.
 */
static void spec_for_visit(struct sandbox_spec *spec)
{
	free(spec->cwd);
	free(spec->user);
	free(spec->executor);
	free(spec->supervisor_config);
	free(spec->network);
	free(spec->netns);
	free(spec->restore);
	strv_done(&spec->annotations);
	spec->cwd = xstrdup("");
	spec->user = xstrdup("");
	spec->executor = xstrdup(SANDBOX_EXECUTOR_DEFAULT);
	spec->supervisor_config = xstrdup("");
	spec->network = xstrdup(SANDBOX_NETWORK_NONE);
	spec->netns = xstrdup("");
	spec->restore = xstrdup("");
	spec->terminal = false;
}

static void close_on_exec(const struct start *start)
{
	int last = start->stdio ? SHIM_FD_STDIN + 2 : SHIM_FD_IMAGE;

	for (int fd = SHIM_FD_LISTEN; fd <= last; fd++)
		(void)fd_cloexec(fd, true);
}

/* The keeper, too: who asks for the container's network or group by its number finds it. */
static void begin(const struct sandbox_spec *spec, struct err *err)
{
	if (host_cgroup_enter(spec, err) == 0)
		(void)network_enter(spec->netns, err);
}

int main(int argc, char **argv)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;
	struct paths paths = PATHS_NULL;
	struct start start = {.paths = &paths, .record = &record, .spec = &spec, .netns = -EBADF};
	const char *id = parse_words(argc, argv, &start);
	struct err err = ERR_NULL;
	int r, status = 1;

	/* containerd's log takes what a person's terminal should not. */
	log_init("caisson-shim", STDERR_FILENO, start.namespace ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
	(void)signal(SIGPIPE, SIG_IGN);
	r = paths_init(&paths, &err);
	if (r == 0)
		r = record_open(&paths, id, &record, &err);
	if (r == 0)
		r = record_load(&record, &spec, &err);
	if (r == 0 && start.visit)
		spec_for_visit(&spec);
	if (r == 0) {
		record.lock = SHIM_FD_LOCK;
		close_on_exec(&start);
		if (start.namespace)
			start.netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (!start.visit)
			begin(&spec, &start.failure);
		status = fork_shim(&start);
	} else {
		log_error("%s", err.text);
	}
	/* Who waits for the claim, to remove the container, may remove the image next. */
	fd_close(SHIM_FD_IMAGE);
	record_done(&record);
	sandbox_spec_done(&spec);
	paths_done(&paths);
	return status;
}
