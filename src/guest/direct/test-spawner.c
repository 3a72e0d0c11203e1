/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "guest/direct/setup.h"
#include "guest/direct/test-container.h"

/* The process that makes execs, and what may happen to it. */

static struct spawner *spawner = &container_executor.spawner;

static void signal_spawner(int signo)
{
	test_int(syscall(SYS_pidfd_send_signal, spawner->pidfd, signo, NULL, 0), 0);
}

static pid_t spawner_pid(void)
{
	char path[64], line[80];
	int pid = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", spawner->pidfd);
	file = fopen(path, "r");
	test_true(file);
	while (pid < 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "Pid: %d", &pid);
	(void)fclose(file);
	test_true(pid > 0);
	return pid;
}

static char spawner_state(void)
{
	char path[64], state = '?';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", spawner_pid());
	file = fopen(path, "r");
	test_true(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
	(void)fclose(file);
	return state;
}

/* It takes no order until it is let go. */
static void stop_spawner(void)
{
	signal_spawner(SIGSTOP);
	while (spawner_state() != 'T')
		continue;
}

static void expect_exec(const char *script, const char *out)
{
	struct run run;

	run_init(&run, "e", script);
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], out);
}

/* An exec whose Start has not been answered. */
struct pending {
	struct run run;
	struct harness_call start;
};

static void begin_bounded(struct pending *pending, const char *id, const char *script,
			  uint64_t capabilities)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;

	run_init(&pending->run, id, script);
	pending->run.process.capabilities = capabilities;
	run_streams(&pending->run);
	test_int(harness_exec(id, &pending->run.process, pending->run.names[0],
			      pending->run.names[1], pending->run.names[2]),
		 TTRPC_OK);
	harness_start_wait(&pending->run.wait, id);
	request.id = (char *)"c";
	request.exec_id = (char *)id;
	harness_start(&pending->start, "Start", &request.base,
		      &containerd__task__v2__start_response__descriptor);
	harness_turn();
	harness_turn();
	test_true(!pending->start.done);
}

static void begin_pending(struct pending *pending, const char *id, const char *script)
{
	begin_bounded(pending, id, script, 0);
}

static void one_makes_them_all(void)
{
	pid_t pid;
	int files;
	char path[64];

	container_hold();
	test_int(spawner->pidfd, -EBADF);
	expect_exec("echo a", "a\n");
	pid = spawner_pid();
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	files = count_entries(path);
	for (int i = 0; i < 20; i++)
		expect_exec(
			"echo $PPID; cat /proc/[0-9]*/comm | grep -vE '^(sh|cat|grep|exe)$'; true",
			"0\n");
	test_int(spawner_pid(), pid);
	test_int(count_entries(path), files);
	test_int(spawner->busy, 0);
	container_let_go();
	test_int(spawner->pidfd, -EBADF);
}

static void its_capabilities_are_those_of_the_exec(void)
{
	static const uint64_t wanted[] = {0xa80425fb, 0, 0x400, 0xa80425fb};
	struct run run;
	unsigned long long bound, all = 0;

	container_hold();
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		run_init(&run, "e", "grep CapBnd /proc/self/status");
		run.process.capabilities = wanted[i];
		test_int(run_begin(&run), TTRPC_OK);
		test_int(run_end(&run), 0);
		test_int(sscanf(run.out[0], "CapBnd: %llx", &bound), 1);
		all |= bound;
		test_true(wanted[i] ? bound == wanted[i] : bound == all && bound > wanted[0]);
	}
	container_let_go();
}

static void large_messages(void)
{
	static char value[SPAWNER_INLINE_MAX * 3];
	char *env[] = {(char *)"PATH=/bin", value};
	struct run run;

	container_hold();
	memset(value, 'x', sizeof(value) - 1);
	memcpy(value, "LONG=", 5);
	for (int i = 0; i < 3; i++) {
		run_init(&run, "e", "echo ${#LONG}");
		run.process.env = env;
		run.process.n_env = ARRAY_SIZE(env);
		test_int(run_begin(&run), TTRPC_OK);
		test_int(run_end(&run), 0);
		test_int(atoi(run.out[0]), (int)sizeof(value) - 6);
		expect_exec("echo short", "short\n");
	}
	container_let_go();
}

static void one_that_was_killed_is_replaced(void)
{
	container_hold();
	expect_exec("echo a", "a\n");
	signal_spawner(SIGKILL);
	while (spawner_state() != 'Z')
		continue;
	expect_exec("echo b", "b\n");
	container_let_go();
}

static void expect_killed(struct pending *pending)
{
	test_int(harness_finish(&pending->start), TTRPC_INTERNAL);
	test_true(strstr(pending->start.text, "killed"));
	harness_done(&pending->start);
	test_int(run_end(&pending->run), 126);
}

static void orders_end_with_it(void)
{
	static struct pending pending[3];
	static const char *const ids[] = {"x", "y", "z"};

	container_hold();
	expect_exec("echo a", "a\n");
	stop_spawner();
	for (size_t i = 0; i < ARRAY_SIZE(pending); i++)
		begin_pending(&pending[i], ids[i], "echo never");
	test_int(spawner->busy, 3);
	/* As when the deadline has passed. */
	test_true(!list_empty(&spawner->deadline.link));
	spawner->late(spawner);
	for (size_t i = 0; i < ARRAY_SIZE(pending); i++)
		expect_killed(&pending[i]);
	test_int(spawner->busy, 0);
	test_true(list_empty(&spawner->deadline.link));
	expect_exec("echo b", "b\n");
	container_let_go();
}

/* As when the container has stopped it. What waits for it fails with it. */
static void one_that_is_held_up_has_failed(void)
{
	static struct pending pending, next;
	struct process *container;
	pid_t pid;

	container_hold();
	container = process_find(&harness_task.processes, "c", "");
	expect_exec("echo a", "a\n");
	stop_spawner();
	begin_pending(&pending, "x", "echo never");
	begin_pending(&next, "y", "echo never");
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	spawner->slots[process_find(&harness_task.processes, "c", "x") -
		       harness_task.processes.slots]
		.pid = pid;
	container->resumed_at = loop_now(spawner->loop);
	spawner->late(spawner);
	test_int(spawner->busy, 2);
	container->resumed_at -= SPAWNER_SECONDS * NSEC_PER_SEC;
	spawner->late(spawner);
	expect_killed(&pending);
	expect_killed(&next);
	test_int(spawner->busy, 0);
	while (kill(pid, 0) == 0)
		harness_wait();
	expect_exec("echo b", "b\n");
	container_let_go();
}

static int exec_bounded(uint64_t capabilities)
{
	struct run run;
	int code;

	run_init(&run, "e", "echo a");
	run.process.capabilities = capabilities;
	code = run_begin(&run);
	test_int(run_end(&run), code == TTRPC_OK ? 0 : 126);
	return code;
}

/* One for each set of capabilities; the earlier ones go on with what they have. */
static void those_that_were_replaced_are_killed_too(void)
{
	static struct pending pending[SPAWNER_RETIRED_MAX + 1];
	static const char *const ids[] = {"v", "w", "x", "y", "z"};
	size_t n = 0;

	container_hold();
	while (n <= SPAWNER_RETIRED_MAX) {
		test_int(exec_bounded(1 + n), TTRPC_OK);
		stop_spawner();
		begin_bounded(&pending[n], ids[n], "echo never", 1 + n);
		n++;
	}
	test_int(exec_bounded(1 + n), TTRPC_RESOURCE_EXHAUSTED);
	spawner->late(spawner);
	while (n > 0)
		expect_killed(&pending[--n]);
	test_int(spawner->busy, 0);
	container_let_go();
}

static void those_that_have_ended_need_no_place(void)
{
	static struct pending pending;

	container_hold();
	expect_exec("echo a", "a\n");
	stop_spawner();
	begin_pending(&pending, "x", "echo never");
	for (uint64_t n = 1; n < 4 * SPAWNER_RETIRED_MAX; n++) {
		test_int(exec_bounded(n), TTRPC_OK);
		for (size_t i = 1; i < SPAWNER_RETIRED_MAX; i++) {
			struct pollfd end = {.fd = spawner->retired[i], .events = POLLIN};

			test_true(end.fd < 0 || poll(&end, 1, -1) == 1);
		}
	}
	spawner->late(spawner);
	expect_killed(&pending);
	container_let_go();
}

static void signals_wait_for_the_program(void)
{
	static struct pending pending;

	container_hold();
	expect_exec("echo a", "a\n");
	stop_spawner();
	begin_pending(&pending, "x", "read x; echo never");
	test_int(harness_kill("x", SIGTERM, false), TTRPC_OK);
	test_int(harness_kill("x", 0, false), TTRPC_OK);
	signal_spawner(SIGCONT);
	test_int(harness_finish(&pending.start), TTRPC_OK);
	harness_done(&pending.start);
	test_int(run_end(&pending.run), 128 + SIGTERM);
	stop_spawner();
	begin_pending(&pending, "x", "read x; echo never");
	test_int(harness_kill("x", SIGKILL, false), TTRPC_OK);
	test_int(harness_kill("x", SIGTERM, false), TTRPC_OK);
	signal_spawner(SIGCONT);
	test_int(harness_finish(&pending.start), TTRPC_OK);
	harness_done(&pending.start);
	test_int(run_end(&pending.run), 128 + SIGKILL);
	container_let_go();
}

static void the_container_ends_first(void)
{
	static struct pending pending;
	int reaped;

	container_hold();
	expect_exec("echo a", "a\n");
	stop_spawner();
	begin_pending(&pending, "x", "echo never");
	reaped = container_reaped;
	test_int(harness_kill("", SIGKILL, false), TTRPC_OK);
	while (container_reaped == reaped)
		harness_wait();
	signal_spawner(SIGCONT);
	test_int(harness_finish(&pending.start), TTRPC_FAILED_PRECONDITION);
	test_str(pending.start.text, SETUP_CONTAINER_STOPPED);
	harness_done(&pending.start);
	test_int(run_end(&pending.run), 126);
	test_int(run_end(&container_holder), 137);
}

int main(void)
{
	container_begin();
	test_run(one_makes_them_all);
	test_run(its_capabilities_are_those_of_the_exec);
	test_run(large_messages);
	test_run(one_that_was_killed_is_replaced);
	test_run(orders_end_with_it);
	test_run(one_that_is_held_up_has_failed);
	test_run(those_that_were_replaced_are_killed_too);
	test_run(those_that_have_ended_need_no_place);
	test_run(signals_wait_for_the_program);
	test_run(the_container_ends_first);
	container_end();
	return 0;
}
