/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/power.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "guest/task/lifecycle.h"
#include "guest/task/process-io.h"
#include "guest/task/relay.h"
#include "loop/test-clock.h"

/* The VM's end, with an executor that only notes what it is asked, and without waiting. */

#define PID 0x30000000 /* beyond those that the kernel gives */

static struct loop loop;
static struct task task;
static struct stream_table streams;
static struct power power;
static struct supervisor agent;
static const struct supervisor_places places = {
	.programs = (const char *const[]){NULL},
	.pid_dir = "/",
	.pid_file = "no-such-file",
};
static int signals[4];
static size_t n_signals;

static int note_signal(struct executor *executor, struct process *p, int signo, bool all)
{
	(void)executor;
	(void)p;
	test_true(all && n_signals < ARRAY_SIZE(signals));
	signals[n_signals++] = signo;
	return 0;
}

static void nothing(struct executor *executor, struct process *p)
{
	(void)executor;
	(void)p;
}

static const struct executor_ops ops = {
	.signal = note_signal,
	.settle = nothing,
	.release = nothing,
};
static const struct cgroups cgroups = CGROUPS_NULL;
static struct events events;
static struct executor executor = {.ops = &ops, .events = &lifecycle_events};

static void process_ended(struct task *t)
{
	(void)t;
	power_check(&power);
}

static void begin(bool with_process)
{
	struct process *p;

	n_signals = 0;
	test_int(loop_init(&loop), 0);
	loop.now = test_clock;
	stream_init(&streams, &loop);
	task.loop = &loop;
	task.streams = &streams;
	task.cgroups = &cgroups;
	task.events = &events;
	task.executor = &executor;
	task.ended = process_ended;
	task_init(&task);
	supervisor_init(&agent, &loop, &places, -EBADF, 0);
	power_init(&power, &loop, &task);
	power.supervisor = &agent;
	if (!with_process)
		return;
	p = process_new(&task.processes, NULL, "c");
	p->executor = &executor;
	p->state = PROCESS_RUNNING;
	p->pid = PID;
}

static void end(void)
{
	struct process *p = process_find(&task.processes, "c", "");

	power_stop(&power);
	power_stop(&power);
	if (p)
		process_free(p);
	stream_deinit(&streams);
	loop_deinit(&loop);
}

/* Return: whether the VM's end has come. */
static bool turn(void)
{
	return test_turn(&loop);
}

static uint32_t reaped_status;

static void reap_now(struct loop_defer *defer)
{
	(void)defer;
	lifecycle_reaped(&task, PID, reaped_status);
}

/* The process ends. Return: as turn(). */
static bool reap(uint32_t status)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);

	reaped_status = status;
	loop_defer_start(&loop, &defer, reap_now);
	return turn();
}

/* @ns go by, and until the last of them nothing happens. Return: as turn(). */
static bool pass(uint64_t ns)
{
	uint64_t due = power.deadline.deadline;
	size_t before = n_signals;

	test_true(!test_pass(&loop, ns - 1));
	test_int(n_signals, before);
	test_true(power.deadline.deadline == due);
	return test_pass(&loop, 1);
}

static void nothing_runs(void)
{
	begin(false);
	test_true(!turn());
	power_begin(&power, false);
	test_true(turn());
	test_int(n_signals, 0);
	end();
}

/* The process leaves output behind that its stream has no room for. Return: the host's end. */
static int leave_output(void)
{
	static const char zeros[4096];
	struct process *p = process_find(&task.processes, "c", "");
	int ends[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	while (write(ends[0], zeros, sizeof(zeros)) > 0)
		continue;
	test_int(errno, EAGAIN);
	p->stream[STDOUT_FILENO] = ends[0];
	test_int(process_io_connect(p, &loop, false), 0);
	test_int(write(p->child_io[STDOUT_FILENO], "bye", 3), 3);
	process_io_spawned(p);
	return ends[1];
}

static void close_output(int host)
{
	process_io_close(process_find(&task.processes, "c", ""));
	(void)close(host);
}

static void last_words_are_waited_for(void)
{
	char bytes[4096], last[4] = "";
	ssize_t n;
	int host;

	begin(true);
	host = leave_output();
	power_begin(&power, false);
	test_true(!turn());
	test_true(!reap(0));
	while ((n = read(host, bytes, sizeof(bytes))) > 0)
		continue;
	test_int(loop_run(&loop), 0);
	test_int(read(host, last, sizeof(last)), 3);
	test_str(last, "bye");
	close_output(host);
	end();
}

static void last_words_have_their_time(void)
{
	int host;

	begin(true);
	host = leave_output();
	power_begin(&power, false);
	test_true(!turn());
	test_true(!reap(0));
	test_true(pass(POWER_GRACE_NS));
	test_int(n_signals, 1);
	close_output(host);
	end();
}

static void nobody_waits_for_words_in_a_hurry(void)
{
	int host;

	begin(true);
	host = leave_output();
	power_begin(&power, true);
	test_true(!turn());
	test_true(reap(0));
	close_output(host);
	end();
}

static void all_end_when_asked(void)
{
	begin(true);
	power_begin(&power, false);
	test_true(!turn());
	test_int(n_signals, 1);
	test_int(signals[0], SIGTERM);
	/* Asked again: no hurry. */
	power_begin(&power, false);
	test_true(!turn());
	test_int(n_signals, 1);
	test_true(reap(143));
	end();
}

static void the_grace_ends(void)
{
	begin(true);
	power_begin(&power, false);
	test_true(!turn());
	test_true(!pass(POWER_GRACE_NS));
	test_int(n_signals, 2);
	test_int(signals[1], SIGKILL);
	test_true(reap(137));
	end();
}

/* A process that even SIGKILL does not end cannot keep the VM. */
static void nothing_is_waited_for_for_ever(void)
{
	begin(true);
	power_begin(&power, true);
	test_true(!turn());
	test_int(n_signals, 1);
	test_int(signals[0], SIGKILL);
	test_true(pass(POWER_KILL_NS));
	end();
}

/* It is abandoned as soon as that is known, and reaped after it. */
static void what_was_being_created_may_be_the_last(void)
{
	struct process *p;

	begin(true);
	p = process_find(&task.processes, "c", "");
	p->state = PROCESS_CREATING;
	power_begin(&power, true);
	test_true(!turn());
	lifecycle_events.failed(p, TTRPC_INTERNAL, "killed");
	test_true(!process_find(&task.processes, "c", ""));
	test_true(reap(137));
	end();
}

static void hurry_comes_later(void)
{
	begin(true);
	power_begin(&power, false);
	test_true(!turn());
	power_begin(&power, true);
	test_true(!turn());
	test_int(n_signals, 2);
	test_int(signals[1], SIGKILL);
	test_true(reap(137));
	end();
}

/* A supervisor that nothing but a signal ends. Only its process is real. */
static void add_agent(bool deaf)
{
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	agent.program = "agent";
	agent.state = CAISSON__GUEST__V1__SUPERVISOR__STATE__RUNNING;
	test_int(sigprocmask(SIG_BLOCK, &term, NULL), 0);
	agent.pid = fork();
	if (agent.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!deaf)
			(void)sigprocmask(SIG_UNBLOCK, &term, NULL);
		for (;;)
			(void)pause();
	}
	test_true(agent.pid > 0);
	test_int(sigprocmask(SIG_UNBLOCK, &term, NULL), 0);
}

static void agent_reaped(struct loop_defer *defer)
{
	int status;
	pid_t pid = agent.pid;

	(void)defer;
	test_int(waitpid(pid, &status, 0), pid);
	test_true(WIFSIGNALED(status));
	test_true(supervisor_reaped(&agent, pid, 128 + (uint32_t)WTERMSIG(status)));
	power_check(&power);
}

/* Waits for its end. Return: as turn(). */
static bool reap_agent(void)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);

	loop_defer_start(&loop, &defer, agent_reaped);
	return turn();
}

static void agent_ends_with_all(void)
{
	begin(true);
	add_agent(false);
	power_begin(&power, false);
	test_true(!turn());
	test_true(!reap_agent());
	test_int(agent.last_exit_status, 128 + SIGTERM);
	test_true(reap(143));
	end();
}

static void agent_that_stays_is_killed(void)
{
	begin(false);
	add_agent(true);
	power_begin(&power, false);
	test_true(!turn());
	test_true(!pass(POWER_GRACE_NS));
	test_true(reap_agent());
	test_int(agent.last_exit_status, 128 + SIGKILL);
	end();
}

static void agent_is_asked_in_a_hurry_too(void)
{
	begin(false);
	add_agent(false);
	power_begin(&power, true);
	test_true(!turn());
	test_true(reap_agent());
	test_int(agent.last_exit_status, 128 + SIGTERM);
	end();
}

static void agent_has_little_time_in_a_hurry(void)
{
	begin(true);
	add_agent(true);
	power_begin(&power, true);
	test_true(!turn());
	test_int(signals[0], SIGKILL);
	test_true(!pass(POWER_AGENT_NS));
	test_true(!reap_agent());
	test_int(agent.last_exit_status, 128 + SIGKILL);
	test_true(reap(137));
	end();
}

static void an_ordinary_end_is_none_of_the_vm(void)
{
	begin(true);
	test_true(!reap(0));
	end();
}

int main(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	test_int(relay_setup(null), 0);
	test_run(nothing_runs);
	test_run(last_words_are_waited_for);
	test_run(last_words_have_their_time);
	test_run(nobody_waits_for_words_in_a_hurry);
	test_run(all_end_when_asked);
	test_run(the_grace_ends);
	test_run(nothing_is_waited_for_for_ever);
	test_run(what_was_being_created_may_be_the_last);
	test_run(hurry_comes_later);
	test_run(agent_ends_with_all);
	test_run(agent_that_stays_is_killed);
	test_run(agent_is_asked_in_a_hurry_too);
	test_run(agent_has_little_time_in_a_hurry);
	test_run(an_ordinary_end_is_none_of_the_vm);
	(void)close(null);
	return 0;
}
