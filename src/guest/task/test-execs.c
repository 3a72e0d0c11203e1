/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/direct/test-container.h"

/* Containers with more than one process. */

static void execs_join_the_container(void)
{
	struct run run;

	container_hold();
	run_init(&run, "e",
		 "echo $PPID; for i in mnt pid; do test $(readlink /proc/self/ns/$i) = "
		 "$(readlink /proc/1/ns/$i) && echo same; done; id -un; pwd; exit 9");
	run.process.cwd = (char *)"/etc";
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 9);
	test_str(run.out[0], "0\nsame\nsame\nroot\n/etc\n");
	run_init(&run, "e", "kill -USR1 $$");
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 128 + SIGUSR1);
	container_let_go();
}

static void failed_execs(void)
{
	struct run run;

	container_hold();
	run_init(&run, "e", "");
	run.words[0] = (char *)"foo";
	test_int(run_begin(&run), TTRPC_NOT_FOUND);
	test_str(harness_text, "exec: \"foo\": executable file not found in $PATH");
	test_int(run_end(&run), 127);
	run_init(&run, "e", "");
	run.process.cwd = (char *)"/not/there";
	test_int(run_begin(&run), TTRPC_INVALID_ARGUMENT);
	test_int(run_end(&run), 126);
	container_let_go();
	run_init(&run, "e", "");
	test_int(harness_exec("e", &run.process, "", "", ""), TTRPC_NOT_FOUND);
}

/* What an exec leaves in the background keeps its stdout open, but no one waits for that. */
static void background_children(void)
{
	struct run run;

	container_hold();
	run_init(&run, "e", "sleep 1000 & echo said");
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "said\n");
	container_let_go();
}

#define PARALLEL 50

static void fifty_at_once(void)
{
	static struct run runs[PARALLEL];
	static char scripts[PARALLEL][80], ids[PARALLEL][8];
	char want[16];

	container_hold();
	for (int i = 0; i < PARALLEL; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "e%d", i);
		(void)snprintf(scripts[i], sizeof(scripts[i]),
			       "read x; seq 1000 | while read n; do echo %d; done; exit %d", i, i);
		run_init(&runs[i], ids[i], scripts[i]);
		test_int(run_begin(&runs[i]), TTRPC_OK);
	}
	for (int i = 0; i < PARALLEL; i++)
		test_int(write(runs[i].fd[0], "\n", 1), 1);
	for (int i = 0; i < PARALLEL; i++) {
		int n = snprintf(want, sizeof(want), "%d\n", i);

		test_int(run_end(&runs[i]), i);
		test_int(runs[i].len[0], 1000 * n);
		for (size_t at = 0; at < runs[i].len[0]; at += (size_t)n)
			test_mem(runs[i].out[0] + at, want, (size_t)n);
	}
	container_let_go();
}

static void the_end_of_the_first_is_the_end_of_all(void)
{
	static struct run runs[5];
	static char ids[5][8];
	int reaped;

	container_hold();
	for (int i = 0; i < 5; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "e%d", i);
		run_init(&runs[i], ids[i], "echo up; sleep 1000");
		test_int(run_begin(&runs[i]), TTRPC_OK);
		run_until(&runs[i], "up\n");
	}
	reaped = container_reaped;
	test_int(harness_kill("", SIGKILL, true), TTRPC_OK);
	harness_until(&container_holder.wait.done);
	/* No other process was needed for it: there may be no room for one. */
	test_int(container_reaped - reaped, 1 + 5);
	for (int i = 0; i < 5; i++) {
		test_true(runs[i].wait.done);
		test_int(run_end(&runs[i]), 137);
	}
	test_int(run_end(&container_holder), 137);
}

static void signals_reach_all(void)
{
	struct run run;

	run_init(&run, "",
		 "sleep 1000 & sleep 1000 & trap 'echo first' TERM; echo up; wait; wait; exit 4");
	test_int(run_begin(&run), TTRPC_OK);
	run_until(&run, "up\n");
	test_int(harness_kill("", SIGTERM, true), TTRPC_OK);
	test_int(run_end(&run), 4);
	test_str(run.out[0], "up\nfirst\n");
}

static void every_process_is_listed(void)
{
	Containerd__Task__V2__PidsRequest request = CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
	struct harness_call call;
	struct run run;

	run_init(&run, "", "sleep 1000 & sleep 1000 & echo up; read x");
	test_int(run_begin(&run), TTRPC_OK);
	run_until(&run, "up\n");
	request.id = (char *)"c";
	harness_start(&call, "Pids", &request.base,
		      &containerd__task__v2__pids_response__descriptor);
	test_int(harness_finish(&call), TTRPC_OK);
	test_int(((Containerd__Task__V2__PidsResponse *)call.response)->n_processes, 3);
	harness_done(&call);
	test_int(shutdown(run.fd[0], SHUT_WR), 0);
	(void)run_end(&run);
}

static void many_leave_nothing(void)
{
	struct run run;
	int files = 0;

	container_hold();
	for (int i = 0; i < 300; i++) {
		run_init(&run, "e", "");
		run.words[0] = (char *)"/bin/echo";
		run.words[1] = (char *)"word";
		run.words[2] = NULL;
		run.process.n_args = 2;
		test_int(run_begin(&run), TTRPC_OK);
		test_int(run_end(&run), 0);
		test_str(run.out[0], "word\n");
		if (i == 0)
			files = count_entries("/proc/self/fd");
	}
	test_int(count_entries("/proc/self/fd"), files);
	container_let_go();
	test_true(!process_next(&harness_task.processes, NULL));
	for (size_t i = 0; i < harness_streams.n_seen; i++)
		test_int(harness_streams.slots[i].state, STREAM_FREE);
}

int main(void)
{
	container_begin();
	/* Before others, whose containers' spawners are reaped when they will. */
	test_run(the_end_of_the_first_is_the_end_of_all);
	test_run(execs_join_the_container);
	test_run(failed_execs);
	test_run(background_children);
	test_run(fifty_at_once);
	test_run(signals_reach_all);
	test_run(every_process_is_listed);
	test_run(many_leave_nothing);
	container_end();
	return 0;
}
