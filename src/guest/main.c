/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"
#include "guest/cmdline.h"
#include "guest/direct/direct.h"
#include "guest/early.h"
#include "guest/init/standalone.h"
#include "guest/mount/blockdev.h"
#include "guest/mount/mounts.h"
#include "guest/mount/root.h"
#include "guest/oci/oci.h"
#include "guest/power.h"
#include "guest/reap.h"
#include "guest/services.h"
#include "guest/supervisor/extras.h"
#include "guest/supervisor/supervisor.h"
#include "guest/system/system.h"
#include "guest/task/lifecycle.h"
#include "guest/task/relay.h"
#include "guest/task/stream.h"
#include "guest/task/task.h"
#include "guest/vsock.h"

/*
 * vminitd: PID 1 of the guest. Three phases:
 *
 * init	   begin(): whatever is missing ends the VM, with a line on the console that says why.
 * loop	   The VM is in use: nothing that happens may end it but the host's wish.
 * finish  finish(): processes are gone; what is in memory goes to disk, and the VM ends.
 *
 * The host waits for the connection that begin() makes, so only what that needs comes before it.
 */

#define ROOT_DIR  "/rootfs"
#define CONNS_MAX 16
/* As container engines set it; vminitd itself needs six for each of its processes. */
#define FILES_MAX 1048576

static struct {
	struct loop loop;
	struct cmdline cmdline;
	struct vsock_listener rpc_listener, stream_listener;
	struct vsock_dial dial;
	struct loop_signal signals;
	struct reaper reaper;
	struct workers workers;
	struct direct direct;
	struct extras extras;
	struct supervisor supervisor;
	struct power power;
	struct cgroups cgroups;
	struct events events;
	struct system system;
	struct ttrpc_service services[SERVICES_MAX];
	struct ttrpc_server *server;
} vm = {
	.rpc_listener = VSOCK_LISTENER_NULL,
	.stream_listener = VSOCK_LISTENER_NULL,
	.dial = VSOCK_DIAL_NULL,
	.signals = {.io = LOOP_IO_NULL},
	.reaper = REAPER_NULL,
	.direct = DIRECT_NULL,
	.cgroups = CGROUPS_NULL,
	.extras = EXTRAS_NULL,
};

/* Large, and all zero: these are no part of the file. */
static struct stream_table streams;
static struct task task;
static struct oci oci;

static _noreturn_ _printf_(1, 2) void fatal(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)dprintf(STDERR_FILENO, ABI_FATAL_MARK "%s\n", text);
	power_off();
}

/* Init: each returns 0 or negative errno. */

static int prepare_self(void)
{
	struct rlimit files = {.rlim_cur = FILES_MAX, .rlim_max = FILES_MAX};
	sigset_t all;

	sigfillset(&all);
	if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return -errno;
	/* A child is in the container before it is the container's: nobody may look into it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

static int read_cmdline(void)
{
	int r = cmdline_parse((const char *const *)environ, &vm.cmdline);

	blockdev_know_serials(vm.cmdline.disks);
	if (r == 0 && vm.cmdline.probe)
		power_off();
	return r;
}

static int load_modules(void)
{
	early_modules();
	return 0;
}

static void child_reaped(struct reaper *reaper _unused_, pid_t pid, uint32_t status)
{
	if (workers_reaped(&vm.workers, pid, status))
		return;
	if (supervisor_reaped(&vm.supervisor, pid, status)) {
		power_check(&vm.power);
		return;
	}
	oci_reaped(&oci, pid);
	lifecycle_reaped(&task, pid, status);
}

static void child_ending(struct reaper *reaper _unused_, pid_t pid, uint32_t status)
{
	oci_ending(&oci, pid, status);
}

static void ended_early(pid_t pid, uint32_t status)
{
	lifecycle_reaped(&task, pid, status);
}

static void signalled(struct loop_signal *source _unused_, int signo _unused_)
{
	system_thaw(&vm.system);
	power_begin(&vm.power, false);
}

static int start_loop(void)
{
	return loop_init(&vm.loop);
}

static void process_ended(struct task *t _unused_)
{
	power_check(&vm.power);
}

static void shutdown_asked(struct task *t _unused_, bool now)
{
	system_thaw(&vm.system);
	power_begin(&vm.power, now);
}

static void describe_supervisor(Caisson__Guest__V1__Supervisor *ret)
{
	supervisor_fill(&vm.supervisor, ret);
}

static int start_services(void)
{
	workers_init(&vm.workers, &vm.loop);
	stream_init(&streams, &vm.loop);
	task.loop = &vm.loop;
	task.streams = &streams;
	task.cgroups = &vm.cgroups;
	task.events = &vm.events;
	task.executor = &vm.direct.base;
	task.shutdown = shutdown_asked;
	task.ended = process_ended;
	task_init(&task);
	vm.system.loop = &vm.loop;
	vm.system.task = &task;
	vm.system.describe_supervisor = describe_supervisor;
	power_init(&vm.power, &vm.loop, &task);
	vm.power.supervisor = &vm.supervisor;
	services_init(vm.services, &task, &vm.events, &vm.system, &vm.workers);
	return ttrpc_server_new(&vm.loop, vm.services, CONNS_MAX, &vm.server);
}

static void rpc_accepted(struct vsock_listener *listener _unused_, int fd)
{
	if (ttrpc_server_add(vm.server, fd) < 0)
		fd_close(fd);
}

static void stream_accepted(struct vsock_listener *listener _unused_, int fd)
{
	stream_add(&streams, fd);
}

static int listen_all(void)
{
	int r = vsock_listen(&vm.rpc_listener, &vm.loop, ABI_PORT_RPC, rpc_accepted);

	if (r < 0)
		return r;
	return vsock_listen(&vm.stream_listener, &vm.loop, ABI_PORT_STREAMS, stream_accepted);
}

/* The last of init, though in the loop: without a host there is nothing to do. */
static void host_answered(struct vsock_dial *dial _unused_, int fd)
{
	if (fd < 0)
		fatal("the host does not answer on vsock port %u: %s", vm.cmdline.port,
		      strerror(-fd));
	if (ttrpc_server_add(vm.server, fd) < 0)
		fatal("cannot serve the host's connection");
}

static int handle_signals(void)
{
	sigset_t set;
	int r;

	/* Ctrl-Alt-Del: a SIGINT instead of an immediate reset. */
	(void)reboot(RB_DISABLE_CAD);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	r = loop_signal_start(&vm.loop, &vm.signals, &set, signalled);
	return r < 0 ? r : reaper_start(&vm.reaper, &vm.loop, child_reaped);
}

static void supervisor_changed(struct supervisor *supervisor)
{
	Caisson__Guest__V1__Supervisor event;

	supervisor_fill(supervisor, &event);
	events_publish(&vm.events, "/caisson/supervisor", &event.base);
}

/* One container that owns the VM may have all there is; several may not have each other's crun. */
static int leave_initramfs(void)
{
	return oci_available() ? root_leave_initramfs() : 0;
}

static int start_executor(void)
{
	int null_fd = early_null(), r;

	if (null_fd < 0)
		return null_fd;
	r = relay_setup(null_fd);
	if (r < 0)
		return r;
	oci_init(&oci, &vm.workers, &task.processes, &lifecycle_events, null_fd);
	oci.ended = ended_early;
	if (oci_available()) {
		task.bundles = &oci.base;
		vm.reaper.ending = child_ending;
	}
	supervisor_init(&vm.supervisor, &vm.loop, &supervisor_places, null_fd,
			vm.cmdline.metadata_port);
	vm.supervisor.cgroups = &vm.cgroups;
	vm.supervisor.changed = supervisor_changed;
	return direct_init(&vm.direct, &vm.loop, &task.processes, &lifecycle_events, null_fd,
			   ROOT_DIR);
}

static int dial_host(void)
{
	return vsock_dial(&vm.dial, &vm.loop, vm.cmdline.port, host_answered);
}

/* Without them containers run, but cannot be limited, paused or measured: that is told then. */
static int make_cgroups(void)
{
	int r = cgroups_init(&vm.cgroups);

	if (r < 0)
		log_warn("no control groups: %s", strerror(-r));
	return 0;
}

static int tune(void)
{
	early_loopback();
	return 0;
}

static void extras_ready(struct extras *extras _unused_, int error, const char *what)
{
	char text[SUPERVISOR_ERROR_MAX];

	if (error == 0) {
		supervisor_start(&vm.supervisor);
		return;
	}
	(void)snprintf(text, sizeof(text), "cannot %s: %s", what, strerror(-error));
	supervisor_unavailable(&vm.supervisor, text);
}

/* Whatever becomes of it, the VM goes on. */
static int start_supervisor(void)
{
	if (vm.cmdline.extras)
		extras_start(&vm.extras, &vm.loop, extras_ready);
	else
		supervisor_start(&vm.supervisor);
	return 0;
}

static const struct {
	int (*run)(void);
	const char *what;
} init_steps[] = {
	{prepare_self, "prepare myself"},
	{read_cmdline, "read the kernel command line"},
	{load_modules, "load modules"},
	{leave_initramfs, "leave the initramfs"},
	{start_loop, "make the event loop"},
	{listen_all, "listen on vsock"},
	{dial_host, "dial the host on vsock"},
	/* While the host answers. Nothing comes in before the loop runs. */
	{start_services, "make the services"},
	{handle_signals, "handle signals"},
	{start_executor, "prepare for containers"},
	{make_cgroups, "make control groups"},
	{tune, "tune"},
	{start_supervisor, "start the supervisor"},
};

static void begin(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(init_steps); i++) {
		int r = init_steps[i].run();

		if (r < 0)
			fatal("cannot %s: %s", init_steps[i].what, strerror(-r));
	}
}

/* Containers that nobody has deleted have mounts, which hold disks. */
static void let_go_of_mounts(void)
{
	for (struct process *p = NULL; (p = process_next(&task.processes, p));)
		p->mntns = fd_close(p->mntns);
}

static _noreturn_ void finish(void)
{
	ttrpc_server_free(vm.server);
	let_go_of_mounts();
	/* Before that nothing is mounted here for writing. */
	if (root_prepared())
		mounts_end();
	power_off();
}

int main(int argc _unused_, char *argv[])
{
	int r;

	if (getpid() != 1) {
		(void)dprintf(STDERR_FILENO, "vminitd: this is the init of a virtual machine\n");
		return 1;
	}
	early_console();
	log_init("vminitd", STDERR_FILENO, LOG_LEVEL_WARN);
	if (standalone_is_wanted(argv[0]))
		standalone_run();
	begin();
	while ((r = loop_run(&vm.loop)) < 0)
		log_error("event loop: %s", strerror(-r));
	finish();
}
