/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/test.h"
#include "guest/reap.h"
#include "loop/test-clock.h"

/* Programs are shell scripts in a folder of the test's. They are real, and the time is not. */

#define SEC	       NSEC_PER_SEC
#define ENDS	       "#!/bin/sh\nexit 3\n"
#define NO_INTERPRETER "#!/no/such/thing\n"
#define SLEEPS	       "#!/bin/sh\nexec sleep 1000\n"

static struct loop loop;
static struct reaper reaper = REAPER_NULL;
static struct supervisor sup;
static Caisson__Guest__V1__Supervisor now;
static char dir[] = "/tmp/caisson-test.XXXXXX";
static char program[64], second[64], pid_file[64], log_file[64];
static const char *const programs[] = {program, second, NULL};
static const struct supervisor_places places = {
	.programs = programs,
	.pid_dir = dir,
	.pid_file = "pid",
	.log_file = log_file,
};
static int null_fd, changes, others;
static bool hasty; /* it does not wait before it is started again */
static Caisson__Guest__V1__Supervisor__State wanted;

#define STATE(name) CAISSON__GUEST__V1__SUPERVISOR__STATE__##name

static void hurry(void)
{
	loop_timer_start(&loop, &sup.again, loop_now(&loop), sup.again.callback);
}

static void changed(struct supervisor *s)
{
	changes++;
	supervisor_fill(s, &now);
	if (hasty && s->state == STATE(BACKING_OFF))
		hurry();
	if (now.state == wanted)
		loop_quit(&loop, 0);
}

static void reaped(struct reaper *r, pid_t pid, uint32_t status)
{
	(void)r;
	if (!supervisor_reaped(&sup, pid, status))
		others++;
	else if (wanted == STATE(STOPPED) && !supervisor_alive(&sup))
		loop_quit(&loop, 0);
}

static void await(Caisson__Guest__V1__Supervisor__State state)
{
	wanted = state;
	test_int(loop_run(&loop), 0);
	test_int(sup.state, state);
}

static void write_program(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	test_int(fd_write_full(fd, text, strlen(text)), 0);
	test_int(fchmod(fd, mode), 0);
	fd_close(fd);
}

static void begin(void)
{
	changes = others = 0;
	test_int(loop_init(&loop), 0);
	loop.now = test_clock;
	test_int(reaper_start(&reaper, &loop, reaped), 0);
	supervisor_init(&sup, &loop, &places, null_fd, 1027);
	sup.changed = changed;
}

static void end(void)
{
	if (supervisor_alive(&sup)) {
		supervisor_kill(&sup);
		wanted = STATE(STOPPED);
		test_int(loop_run(&loop), 0);
	}
	supervisor_deinit(&sup);
	supervisor_deinit(&sup);
	reaper_stop(&reaper);
	loop_deinit(&loop);
	(void)unlink(program);
	(void)unlink(second);
	(void)unlink(log_file);
}

/* It waits for exactly @ns nanoseconds, and is being started then. */
static void starts_after(uint64_t ns)
{
	uint32_t before = sup.restarts;

	test_int(sup.state, STATE(BACKING_OFF));
	test_true(!test_pass(&loop, ns - 1));
	test_true(!supervisor_alive(&sup));
	test_int(sup.restarts, before);
	(void)test_pass(&loop, 1);
	test_int(sup.restarts, before + 1);
}

static char *read_file(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	fd_close(fd);
	text[n] = '\0';
	return text;
}

static void absent_is_silent(void)
{
	begin();
	supervisor_start(&sup);
	test_true(!supervisor_alive(&sup));
	test_int(changes, 0);
	supervisor_fill(&sup, &now);
	test_int(now.state, STATE(ABSENT));
	test_true(!supervisor_stop(&sup));
	supervisor_kill(&sup);
	test_int(sup.state, STATE(ABSENT));
	test_true(access(log_file, F_OK) < 0);
	end();
}

static void runs(void)
{
	struct stat st;

	begin();
	/* Not executable: that is seen to. */
	write_program(program, SLEEPS, 0600);
	supervisor_start(&sup);
	await(STATE(RUNNING));
	test_int(now.pid, sup.pid);
	test_int(now.restarts, 0);
	test_true(now.last_exited_at == NULL);
	test_str(now.last_error, "");
	test_int(atoi(read_file(pid_file)), sup.pid);
	test_int(getsid(sup.pid), sup.pid);
	test_int(stat(program, &st), 0);
	test_int(st.st_mode & 07777, 0755);
	end();
	test_true(access(pid_file, F_OK) < 0);
}

static void second_place_counts(void)
{
	begin();
	write_program(second, SLEEPS, 0755);
	supervisor_start(&sup);
	await(STATE(RUNNING));
	end();
}

static void has_a_clean_start(void)
{
	begin();
	write_program(program,
		      "#!/bin/sh\n"
		      "env | grep -v '^PWD=\\|^_=\\|^SHLVL='; ulimit -n; umask; pwd; echo err >&2\n"
		      "cat; ls -l /proc/self/fd\n",
		      0755);
	test_int(setenv("SECRET", "1", 1), 0);
	supervisor_start(&sup);
	await(STATE(BACKING_OFF));
	supervisor_deinit(&sup);
	test_true(strstr(read_file(log_file), "SECRET") == NULL);
	test_true(strstr(read_file(log_file), "CAISSON_METADATA_PORT=1027\n") != NULL);
	test_true(strstr(read_file(log_file), "HOME=/\n") != NULL);
	test_true(strstr(read_file(log_file), "\n1024\n0022\n/\nerr\n") != NULL);
	/* None of ours is there: the loop's are easily told. */
	test_true(strstr(read_file(log_file), "anon_inode") == NULL);
	end();
}

/* A shell would do so by itself. */
static void has_no_signal_blocked(void)
{
	begin();
	write_program(program,
		      "#!/usr/bin/awk -f\nBEGIN {while ((getline l < \"/proc/self/status\") > 0) "
		      "if (l ~ /SigBlk/) print l}\n",
		      0755);
	supervisor_start(&sup);
	await(STATE(BACKING_OFF));
	supervisor_deinit(&sup);
	test_str(read_file(log_file), "SigBlk:\t0000000000000000\n");
	end();
}

static void is_started_again(void)
{
	pid_t before;

	begin();
	write_program(program, SLEEPS, 0755);
	supervisor_start(&sup);
	await(STATE(RUNNING));
	before = sup.pid;
	test_int(kill(before, SIGKILL), 0);
	await(STATE(BACKING_OFF));
	test_int(now.pid, 0);
	test_int(now.last_exit_status, 137);
	test_true(now.last_exited_at && now.last_exited_at->seconds > 0);
	test_true(access(pid_file, F_OK) < 0);
	starts_after(1 * SEC);
	await(STATE(RUNNING));
	test_true(sup.pid != before);
	test_int(now.restarts, 1);
	test_int(atoi(read_file(pid_file)), sup.pid);
	end();
}

static const uint64_t delays[] = {1, 2, 4, 8, 16, 30, 30, 30, 30};

static const char *read_log(int log)
{
	static char text[16384];
	ssize_t n = pread(log, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/* Said once, when it is so, and that is the end of it. */
static void is_given_up(int log)
{
	static const char last[] = ": the last of 10 failures in 5 minutes, it is given up\n";
	const char *text;

	await(STATE(GIVEN_UP));
	test_int(now.restarts, SUPERVISOR_FAILURES_MAX - 1);
	test_true(!supervisor_alive(&sup));
	text = strstr(read_log(log), last);
	test_true(text && strlen(text) == strlen(last));
	test_true(!test_pass(&loop, 24 * 3600 * SEC));
	test_true(!supervisor_alive(&sup));
	test_int(sup.restarts, SUPERVISOR_FAILURES_MAX - 1);
	test_int(sup.state, STATE(GIVEN_UP));
}

/* The whole schedule, with a program that ends, or cannot be started, or each in turn. */
static void gives_up(const char *text, const char *other, const char *why)
{
	int log = memfd_create("log", MFD_CLOEXEC);

	log_init("test", log, LOG_LEVEL_WARN);
	begin();
	write_program(program, text, 0755);
	supervisor_start(&sup);
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		await(STATE(BACKING_OFF));
		test_true(strstr(read_log(log), "given up") == NULL);
		write_program(program, i % 2 ? text : other, 0755);
		starts_after(delays[i] * SEC);
	}
	is_given_up(log);
	if (why)
		test_true(strstr(now.last_error, why) != NULL);
	test_int(now.last_exit_status, strcmp(text, other) != 0 || !why ? 3 : 0);
	end();
	log_init("test", STDERR_FILENO, LOG_LEVEL_WARN);
	fd_close(log);
}

static void ends_too_often(void)
{
	gives_up(ENDS, ENDS, NULL);
}

static void no_program_at_all(void)
{
	gives_up("just text\n", "just text\n", "xec format error");
}

static void no_interpreter(void)
{
	gives_up(NO_INTERPRETER, NO_INTERPRETER, "interpreter or loader: no such file");
}

static void failures_of_both_kinds(void)
{
	gives_up(ENDS, NO_INTERPRETER, "interpreter or loader: no such file");
}

/* It runs for @ns nanoseconds and is killed. */
static void run_for(uint64_t ns)
{
	await(STATE(RUNNING));
	test_true(!test_pass(&loop, ns));
	test_int(sup.state, STATE(RUNNING));
	test_int(kill(sup.pid, SIGKILL), 0);
	await(STATE(BACKING_OFF));
}

static void health_makes_up_for_failures(void)
{
	begin();
	write_program(program, SLEEPS, 0755);
	supervisor_start(&sup);
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		run_for(0);
		starts_after(delays[i] * SEC);
	}
	run_for(SUPERVISOR_HEALTHY_NS);
	starts_after(1 * SEC);
	for (size_t i = 1; i < ARRAY_SIZE(delays); i++) {
		run_for(0);
		starts_after(delays[i] * SEC);
	}
	await(STATE(RUNNING));
	test_int(kill(sup.pid, SIGKILL), 0);
	await(STATE(GIVEN_UP));
	end();
}

/* The waits go on growing, and the old ones are out of the window: nobody gives up. */
static void nearly_healthy_is_not(void)
{
	begin();
	write_program(program, SLEEPS, 0755);
	supervisor_start(&sup);
	for (size_t i = 0; i < 20; i++) {
		run_for(SUPERVISOR_HEALTHY_NS - 1);
		starts_after(delays[MIN(i, ARRAY_SIZE(delays) - 1)] * SEC);
	}
	end();
}

static void not_a_file(void)
{
	begin();
	test_int(mkdir(program, 0755), 0);
	supervisor_start(&sup);
	await(STATE(BACKING_OFF));
	test_true(strstr(now.last_error, "permission denied") != NULL);
	/* It vanishes. */
	test_int(rmdir(program), 0);
	starts_after(1 * SEC);
	await(STATE(BACKING_OFF));
	test_true(strstr(now.last_error, "spin-supervisor: no such file") != NULL);
	end();
}

static void stops_in_order(void)
{
	begin();
	write_program(program,
		      "#!/bin/sh\ntrap 'echo got TERM; exit 5' TERM\necho up\n"
		      "while :; do sleep 0.01; done\n",
		      0755);
	supervisor_start(&sup);
	await(STATE(RUNNING));
	/* Its trap is set when it says so. */
	while (!strstr(read_file(log_file), "up"))
		sup.log.io.callback(&sup.log.io, 0);
	test_true(supervisor_stop(&sup));
	test_true(!supervisor_stop(&sup));
	test_int(sup.state, STATE(STOPPED));
	wanted = STATE(STOPPED);
	test_int(loop_run(&loop), 0);
	test_true(!supervisor_alive(&sup));
	test_int(now.state, STATE(STOPPED));
	test_int(now.last_exit_status, 5);
	test_true(!test_pass(&loop, SUPERVISOR_WINDOW_NS));
	test_true(!supervisor_alive(&sup));
	supervisor_deinit(&sup);
	test_true(strstr(read_file(log_file), "got TERM") != NULL);
	end();
}

static void stops_while_it_waits(void)
{
	begin();
	write_program(program, "#!/bin/sh\nexit 0\n", 0755);
	supervisor_start(&sup);
	await(STATE(BACKING_OFF));
	test_true(!supervisor_stop(&sup));
	test_int(now.state, STATE(STOPPED));
	test_true(list_empty(&sup.again.link));
	test_true(!test_pass(&loop, SUPERVISOR_WINDOW_NS));
	supervisor_start(&sup);
	test_true(!supervisor_alive(&sup));
	test_int(sup.restarts, 0);
	end();
}

/* What it started goes with it: then nobody has the pipe any more. */
static void leaves_nothing_behind(void)
{
	char fifo[64], text[200];
	struct pollfd pipe = {.events = POLLIN};

	begin();
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	test_int(mkfifo(fifo, 0600), 0);
	pipe.fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	(void)snprintf(text, sizeof(text), "#!/bin/sh\nexec 3>%s\nsleep 1000 &\necho up\nwait\n",
		       fifo);
	write_program(program, text, 0755);
	supervisor_start(&sup);
	await(STATE(RUNNING));
	while (!strstr(read_file(log_file), "up"))
		sup.log.io.callback(&sup.log.io, 0);
	test_int(kill(sup.pid, SIGKILL), 0);
	await(STATE(BACKING_OFF));
	test_int(poll(&pipe, 1, 60000), 1);
	test_true(pipe.revents & POLLHUP);
	fd_close(pipe.fd);
	(void)unlink(fifo);
	end();
}

static int next_fd(void)
{
	int fd = dup(null_fd);

	return fd_close(fd), fd;
}

/* It is started when there are enough again; until then nothing is lost. */
static void few_descriptors(void)
{
	struct rlimit all, few;
	int before;

	test_int(getrlimit(RLIMIT_NOFILE, &all), 0);
	for (rlim_t more = 0; more < 12; more++) {
		begin();
		hasty = true;
		before = next_fd();
		write_program(program, SLEEPS, 0755);
		few = all;
		few.rlim_cur = (rlim_t)before + more;
		test_int(setrlimit(RLIMIT_NOFILE, &few), 0);
		supervisor_start(&sup);
		test_int(setrlimit(RLIMIT_NOFILE, &all), 0);
		await(STATE(RUNNING));
		test_true(supervisor_alive(&sup));
		hasty = false;
		supervisor_kill(&sup);
		wanted = STATE(STOPPED);
		test_int(loop_run(&loop), 0);
		supervisor_deinit(&sup);
		test_int(next_fd(), before);
		end();
	}
}

static void others_are_not_its(void)
{
	begin();
	test_true(!supervisor_reaped(&sup, 0, 0));
	test_true(!supervisor_reaped(&sup, 1, 0));
	supervisor_unavailable(&sup, "no disk");
	test_str(now.last_error, "no disk");
	test_int(now.state, STATE(ABSENT));
	end();
}

int main(void)
{
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	test_true(mkdtemp(dir) != NULL);
	(void)snprintf(program, sizeof(program), "%s/spin-supervisor", dir);
	(void)snprintf(second, sizeof(second), "%s/second", dir);
	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", dir);
	(void)snprintf(log_file, sizeof(log_file), "%s/log", dir);
	test_run(absent_is_silent);
	test_run(runs);
	test_run(second_place_counts);
	test_run(has_a_clean_start);
	test_run(has_no_signal_blocked);
	test_run(is_started_again);
	test_run(ends_too_often);
	test_run(no_program_at_all);
	test_run(no_interpreter);
	test_run(failures_of_both_kinds);
	test_run(health_makes_up_for_failures);
	test_run(nearly_healthy_is_not);
	test_run(not_a_file);
	test_run(stops_in_order);
	test_run(stops_while_it_waits);
	test_run(leaves_nothing_behind);
	test_run(few_descriptors);
	test_run(others_are_not_its);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	fd_close(null_fd);
	return 0;
}
