/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "guest/early.h"
#include "guest/init/entrypoint.h"
#include "guest/init/init-conf.h"
#include "guest/init/init-policy.h"
#include "guest/init/launch.h"
#include "guest/init/missing.h"
#include "guest/init/network.h"
#include "guest/mount/mounts.h"
#include "guest/power.h"
#include "guest/reap.h"

/* As Debian has them. */
#define FILES_SOFT 1024
#define FILES_HARD 524288

static struct {
	struct network network;
	struct init_policy policy;
	struct loop loop;
	struct loop_signal signals;
	struct loop_timer pause;
	struct reaper reaper;
	struct power power;
	struct launch command, shell;
	bool waits;
} self = {
	.signals = {.io = LOOP_IO_NULL},
	.reaper = REAPER_NULL,
	.command = LAUNCH_NULL,
	.shell = LAUNCH_NULL,
};

/* Large, and all zero: no part of the file. What the configuration says is in them. */
static char conf_text[ABI_ENTRYPOINT_MAX + 1], arguments[ABI_ENTRYPOINT_MAX + 1];
static struct init_conf conf;

/* The configuration. */

struct complaints {
	struct init_conf_sink sink;
	const char *path;
};

static void wrong_line(struct init_conf_sink *sink, unsigned int line, const char *key,
		       const char *why)
{
	const char *path = container_of(sink, struct complaints, sink)->path;
	char place[32] = "";

	if (line > 0)
		(void)snprintf(place, sizeof(place), "line %u: ", line);
	log_warn("%s: %s%.64s%s%s", path, place, key, *key ? " " : "", why);
}

/* Return: bytes; or negative errno, which is told, but for -ENOENT. */
static ssize_t read_text(const char *path, char *text, size_t max)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -errno : fd_read_full(fd, text, max + 1);

	if (n < 0 && n != -ENOENT)
		log_warn("cannot read %s: %s", path, strerror((int)-n));
	if (n > (ssize_t)max) {
		log_warn("%s is longer than %zu bytes: the rest is not read", path, max);
		n = (ssize_t)max;
	}
	text[MAX(n, 0)] = '\0';
	return n;
}

static void parse(const char *path, ssize_t len, char end)
{
	struct complaints complaints = {.sink.wrong = wrong_line, .path = path};

	(void)init_conf_parse(conf_text, (size_t)MAX(len, 0), end, &conf, &complaints.sink);
}

/* What `caisson image build` has made of an image for containers. */
static void read_entrypoint(void)
{
	ssize_t n = read_text(ABI_ENTRYPOINT_CONF, conf_text, ABI_ENTRYPOINT_MAX);
	int args;

	parse(ABI_ENTRYPOINT_CONF, n, entrypoint_end(conf_text, (size_t)MAX(n, 0)));
	n = read_text(ABI_ENTRYPOINT, arguments, ABI_ENTRYPOINT_MAX);
	args = entrypoint_split(arguments, (size_t)MAX(n, 0), conf.command, INIT_CONF_ARGS_MAX);
	if (args < 0)
		log_error(ABI_ENTRYPOINT " has more than %d arguments", INIT_CONF_ARGS_MAX);
	conf.n_command = (size_t)MAX(args, 0);
	self.waits = conf.n_command == 0;
}

static void read_conf(void)
{
	ssize_t n = read_text(ABI_INIT_CONF, conf_text, ABI_INIT_CONF_MAX);

	if (n == -ENOENT)
		read_entrypoint();
	else
		parse(ABI_INIT_CONF, n, '\n');
}

/* The command and what follows it. */

static void start_command(void);
static void start_shell(void);

static void pause_over(struct loop_timer *timer _unused_)
{
	start_command();
}

static void ended(enum init_policy_end end)
{
	uint64_t now = loop_now(&self.loop), delay;

	switch (init_policy_ended(&self.policy, end, now, &delay)) {
	case INIT_POLICY_START_SHELL:
		start_shell();
		break;
	case INIT_POLICY_POWER_OFF:
		power_begin(&self.power, false);
		break;
	case INIT_POLICY_START_COMMAND:
		log_warn("the command is started again in %u s", (unsigned)(delay / NSEC_PER_SEC));
		loop_timer_start(&self.loop, &self.pause, now + delay, pause_over);
		break;
	}
}

static void start_command(void)
{
	int r;

	init_policy_begin(&self.policy, loop_now(&self.loop));
	r = launch_command(&self.command, &conf, self.policy.restarts > 0);
	if (r == 0)
		return;
	log_error("cannot start the command: %s", strerror(-r));
	ended(INIT_POLICY_SHELL_ENDED);
}

static void start_shell(void)
{
	int r;

	log_warn("%s on the console; the command is started again after it", conf.shell);
	r = launch_shell(&self.shell, &conf);
	if (r == 0)
		return;
	log_error("cannot start the shell: %s", strerror(-r));
	ended(INIT_POLICY_SHELL_ENDED);
}

static void command_ended(uint32_t status)
{
	bool ran = launch_ended(&self.command);

	if (ran && status > 128)
		log_warn("the command has ended: status %u, signal %u", status, status - 128);
	else if (ran)
		log_warn("the command has ended: status %u", status);
	if (self.power.state == POWER_IDLE)
		ended(ran ? INIT_POLICY_COMMAND_ENDED : INIT_POLICY_COMMAND_FAILED);
}

static void child_reaped(struct reaper *reaper _unused_, pid_t pid, uint32_t status)
{
	if (pid == self.command.pid) {
		command_ended(status);
	} else if (pid == self.shell.pid) {
		(void)launch_ended(&self.shell);
		if (self.power.state == POWER_IDLE)
			ended(INIT_POLICY_SHELL_ENDED);
	}
	power_check(&self.power);
}

static void signalled(struct loop_signal *source _unused_, int signo)
{
	log_warn("%s: shutting down", strsignal(signo));
	loop_timer_stop(&self.pause);
	power_begin(&self.power, false);
}

/* The role's three phases: what has to be there, the loop, and the end. */

/* The kernel's own limit is from another time; each program may raise its own up to this. */
static void raise_limits(void)
{
	struct rlimit files = {.rlim_cur = FILES_SOFT, .rlim_max = FILES_HARD};

	(void)setrlimit(RLIMIT_NOFILE, &files);
}

/* What distributions set: nobody links to what they do not own, where others would follow. */
static void protect_links(void)
{
	static const char *const files[] = {
		"/proc/sys/fs/protected_hardlinks",
		"/proc/sys/fs/protected_symlinks",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "1", 1) != 1)
			log_warn("cannot write %s: %s", files[i], strerror(errno));
	}
}

static void make_system(void)
{
	raise_limits();
	mounts_make_root_writable();
	mounts_make(mounts_system);
	protect_links();
	/* Only now there is surely one. */
	early_console();
	read_conf();
	network_read(&self.network);
	network_hostname(&self.network, &conf);
	network_apply(&self.network);
	network_name_servers(&self.network, &conf);
}

static int start_loop(void)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
	sigset_t set;
	int r;

	sigfillset(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)reboot(RB_DISABLE_CAD);
	loop_timer_init(&self.pause);
	r = loop_init(&self.loop);
	if (r < 0)
		return r;
	power_init_all(&self.power, &self.loop);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaddset(&set, ends[i]);
	r = loop_signal_start(&self.loop, &self.signals, &set, signalled);
	return r < 0 ? r : reaper_start(&self.reaper, &self.loop, child_reaped);
}

static void start_work(void)
{
	self.policy.on_exit = conf.on_exit;
	self.policy.shell = *conf.shell != '\0';
	/* A shell that takes the place of a missing command comes by the command's failure. */
	if (conf.n_command > 0 || self.policy.shell) {
		start_command();
		return;
	}
	if (self.waits) {
		missing_entrypoint();
		return;
	}
	missing_command();
	power_begin(&self.power, false);
}

static _noreturn_ void finish(void)
{
	log_warn("power off");
	mounts_end();
	power_off();
}

bool standalone_is_wanted(const char *name)
{
	return name && strcmp(name, ABI_INIT) != 0;
}

_noreturn_ void standalone_run(void)
{
	int r;

	make_system();
	r = start_loop();
	if (r < 0) {
		log_error("cannot wait for events: %s", strerror(-r));
		finish();
	}
	start_work();
	while ((r = loop_run(&self.loop)) < 0)
		log_error("event loop: %s", strerror(-r));
	finish();
}
