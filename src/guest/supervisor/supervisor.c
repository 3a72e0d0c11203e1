/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "guest/direct/setup.h"
#include "guest/pidns.h"
#include "guest/supervisor/supervisor-child.h"

#define RUNNING	    CAISSON__GUEST__V1__SUPERVISOR__STATE__RUNNING
#define ABSENT	    CAISSON__GUEST__V1__SUPERVISOR__STATE__ABSENT
#define BACKING_OFF CAISSON__GUEST__V1__SUPERVISOR__STATE__BACKING_OFF
#define GIVEN_UP    CAISSON__GUEST__V1__SUPERVISOR__STATE__GIVEN_UP
#define STOPPED	    CAISSON__GUEST__V1__SUPERVISOR__STATE__STOPPED

static const char *const programs[] = {ABI_SUPERVISOR_RUN, ABI_SUPERVISOR_LIB, NULL};

const struct supervisor_places supervisor_places = {
	.programs = programs,
	.pid_dir = "/run",
	.pid_file = "spin-supervisor.pid",
	.log_file = "/var/log/spin-supervisor.log",
	.machine = true,
};

void supervisor_init(struct supervisor *s, struct loop *loop,
		     const struct supervisor_places *places, int null_fd, uint32_t metadata_port)
{
	*s = (struct supervisor){
		.loop = loop,
		.places = places,
		.null_fd = null_fd,
		.metadata_port = metadata_port,
		.state = ABSENT,
		.ctl = -EBADF,
		.ctl_io = LOOP_IO_NULL,
		.log = LOGFILE_NULL,
		.last_exited_at = GOOGLE__PROTOBUF__TIMESTAMP__INIT,
	};
	loop_timer_init(&s->again);
	cgroup_init(&s->cgroup);
}

static void set_state(struct supervisor *s, Caisson__Guest__V1__Supervisor__State state)
{
	s->state = state;
	if (s->changed)
		s->changed(s);
}

static void _printf_(2, 3) set_error(struct supervisor *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->last_error, sizeof(s->last_error), fmt, ap);
	va_end(ap);
}

static void write_pid_file(const struct supervisor *s)
{
	_cleanup_close_ int dir = open(s->places->pid_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)s->pid);
	int r = file_write_atomic_at(dir, s->places->pid_file, text, (size_t)len, 0644);

	if (r < 0)
		log_warn("cannot write %s: %s", s->places->pid_file, strerror(-r));
}

static void remove_pid_file(const struct supervisor *s)
{
	_cleanup_close_ int dir = open(s->places->pid_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)unlinkat(dir, s->places->pid_file, 0);
}

static void close_ctl(struct supervisor *s)
{
	loop_io_stop(&s->ctl_io);
	s->ctl = fd_close(s->ctl);
}

static void try_again(struct loop_timer *timer);

static void obey(struct supervisor *s, struct supervisor_verdict verdict, const char *what)
{
	if (s->state == STOPPED)
		return;
	if (verdict.give_up) {
		log_error(
			"the supervisor %s: the last of %d failures in %u minutes, it is given up",
			what, SUPERVISOR_FAILURES_MAX,
			(unsigned int)(SUPERVISOR_WINDOW_NS / NSEC_PER_SEC / 60));
		set_state(s, GIVEN_UP);
		return;
	}
	log_warn("the supervisor %s", what);
	loop_timer_start(s->loop, &s->again, verdict.at, try_again);
	set_state(s, BACKING_OFF);
}

static void could_not_start(struct supervisor *s)
{
	char what[sizeof(s->last_error) + 32];

	(void)snprintf(what, sizeof(what), "cannot be started: %s", s->last_error);
	obey(s, supervisor_policy_failed(&s->policy, loop_now(s->loop)), what);
}

static void started(struct supervisor *s)
{
	close_ctl(s);
	supervisor_policy_started(&s->policy, loop_now(s->loop));
	write_pid_file(s);
	if (s->state != STOPPED)
		set_state(s, RUNNING);
}

/* Messages of a pipe this small come whole. Return: is it decided how the start went? */
static bool read_ctl(struct supervisor *s)
{
	struct supervisor_report report;
	char buf[64];
	ssize_t n = read(s->ctl, &report, sizeof(report));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n != (ssize_t)sizeof(report)) {
		started(s);
		return true;
	}
	close_ctl(s);
	s->start_failed = true;
	report.what[sizeof(report.what) - 1] = '\0';
	set_error(s, "%s: %s", report.what, setup_error(report.error, buf));
	return true;
}

static void ctl_ready(struct loop_io *io, uint32_t revents _unused_)
{
	(void)read_ctl(container_of(io, struct supervisor, ctl_io));
}

/* Return: 0 or negative errno. */
static int spawn(struct supervisor *s)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = fd_nonblock(ends[0], true);
	if (r == 0)
		r = loop_io_start(s->loop, &s->ctl_io, ends[0], EPOLLIN, ctl_ready);
	if (r == 0)
		r = pidns_come_home();
	pid = r < 0 ? r : fork();
	if (pid == 0)
		supervisor_child(s, ends[1]);
	if (pid < 0 && r == 0)
		r = -errno;
	fd_close(ends[1]);
	s->ctl = ends[0];
	if (r < 0) {
		close_ctl(s);
		return r;
	}
	s->pid = pid;
	return 0;
}

static void run(struct supervisor *s)
{
	char buf[64];
	int r = spawn(s);

	s->start_failed = false;
	if (r == 0)
		return;
	set_error(s, "cannot make a process: %s", setup_error(r, buf));
	could_not_start(s);
}

static void try_again(struct loop_timer *timer)
{
	struct supervisor *s = container_of(timer, struct supervisor, again);

	s->restarts++;
	run(s);
}

static void make_cgroup(struct supervisor *s)
{
	int r = s->cgroups ? cgroup_make(&s->cgroup, s->cgroups, SUPERVISOR_CGROUP, true) : 0;

	if (r < 0)
		log_warn("the supervisor has no control group: %s", strerror(-r));
}

void supervisor_start(struct supervisor *s)
{
	const char *const *program = s->places->programs;
	int r;

	while (*program && access(*program, F_OK) < 0)
		program++;
	if (!*program || s->program || s->state == STOPPED)
		return;
	s->program = *program;
	r = logfile_start(&s->log, s->loop, s->places->log_file);
	if (r < 0)
		log_warn("cannot keep what the supervisor prints: %s", strerror(-r));
	make_cgroup(s);
	(void)supervisor_policy_begin(&s->policy, loop_now(s->loop));
	s->state = BACKING_OFF;
	run(s);
}

void supervisor_unavailable(struct supervisor *s, const char *why)
{
	log_error("the supervisor is not available: %s", why);
	set_error(s, "%s", why);
	set_state(s, s->state);
}

static void note_exit(struct supervisor *s, uint32_t status)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	s->has_exited = true;
	s->last_exit_status = status;
	s->last_exited_at.seconds = now.tv_sec;
	s->last_exited_at.nanos = (int32_t)now.tv_nsec;
}

/* Without control groups there is still its process group. */
static void kill_group(const struct supervisor *s, pid_t pid)
{
	if (s->cgroup.dir >= 0)
		(void)cgroup_write(&s->cgroup, "cgroup.kill", "1");
	(void)kill(-pid, SIGKILL);
}

bool supervisor_reaped(struct supervisor *s, pid_t pid, uint32_t status)
{
	char what[64];

	if (!supervisor_alive(s) || pid != s->pid)
		return false;
	/* Its end may be seen before its start. */
	if (s->ctl >= 0 && !read_ctl(s))
		started(s);
	kill_group(s, pid);
	s->pid = 0;
	if (s->start_failed) {
		could_not_start(s);
		return true;
	}
	remove_pid_file(s);
	note_exit(s, status);
	(void)snprintf(what, sizeof(what), "has ended with status %u", status);
	obey(s, supervisor_policy_exited(&s->policy, loop_now(s->loop)), what);
	if (s->state == STOPPED)
		set_state(s, STOPPED);
	return true;
}

bool supervisor_stop(struct supervisor *s)
{
	if (s->state == STOPPED || !s->program)
		return false;
	loop_timer_stop(&s->again);
	if (supervisor_alive(s))
		(void)kill(s->pid, SIGTERM);
	set_state(s, STOPPED);
	return supervisor_alive(s);
}

void supervisor_kill(struct supervisor *s)
{
	(void)supervisor_stop(s);
	if (!supervisor_alive(s))
		return;
	/* It has no group of its own before it has a session. */
	(void)kill(s->pid, SIGKILL);
	kill_group(s, s->pid);
}

void supervisor_fill(const struct supervisor *s, Caisson__Guest__V1__Supervisor *ret)
{
	caisson__guest__v1__supervisor__init(ret);
	ret->state = s->state;
	ret->pid = s->state == RUNNING ? (uint32_t)s->pid : 0;
	ret->restarts = s->restarts;
	ret->last_error = (char *)s->last_error;
	if (!s->has_exited)
		return;
	ret->last_exit_status = s->last_exit_status;
	ret->last_exited_at = (Google__Protobuf__Timestamp *)&s->last_exited_at;
}

void supervisor_deinit(struct supervisor *s)
{
	loop_timer_stop(&s->again);
	if (s->ctl >= 0)
		close_ctl(s);
	logfile_stop(&s->log);
	if (s->cgroups)
		cgroup_remove(&s->cgroup, s->cgroups, SUPERVISOR_CGROUP);
}
