/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/direct/test-container.h"

/* A host that does not read what a process prints: that process waits, and nobody else does. */

#define LINES 100000

static void begin_unread(struct run *run, const char *exec_id)
{
	run_init(run, exec_id, "seq 100000; echo done >&2; exit 5");
	test_int(run_begin(run), TTRPC_OK);
}

/* Until all room between the two is taken. */
static void until_stalled(const struct run *run)
{
	struct process *p = process_find(&harness_task.processes, "c", run->exec_id);

	test_true(p);
	/* What the relay waits for then is room for its output, not input. */
	while (p->relay[1].out_io.events != EPOLLOUT)
		harness_wait();
}

static void expect_others_served(void)
{
	Containerd__V1__Types__Status status;
	struct run run;

	run_init(&run, "other", "cat; echo error >&2; exit 3");
	test_int(run_begin(&run), TTRPC_OK);
	test_int(write(run.fd[0], "input", 5), 5);
	test_int(shutdown(run.fd[0], SHUT_WR), 0);
	test_int(run_end(&run), 3);
	test_str(run.out[0], "input");
	test_str(run.out[1], "error\n");
	test_int(harness_state("", &status), TTRPC_OK);
	test_int(status, CONTAINERD__V1__TYPES__STATUS__RUNNING);
}

static void expect_running(const struct run *run)
{
	Containerd__V1__Types__Status status;

	test_int(harness_state(run->exec_id, &status), TTRPC_OK);
	test_int(status, CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_true(!run->wait.done);
}

/* Every line, in order, to the end. */
static void read_all(struct run *run)
{
	char buf[4096];
	long next = 1, number = 0;
	ssize_t n;

	while ((n = read(run->fd[1], buf, sizeof(buf))) != 0) {
		if (n < 0)
			harness_wait();
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				number = 10 * number + buf[i] - '0';
				continue;
			}
			test_int(number, next++);
			number = 0;
		}
	}
	test_int(next, LINES + 1);
	run->ended[0] = true;
}

static void only_that_stream_stalls(void)
{
	struct run run;

	container_hold();
	begin_unread(&run, "unread");
	until_stalled(&run);
	expect_others_served();
	expect_running(&run);
	read_all(&run);
	test_int(run_end(&run), 5);
	test_str(run.out[1], "done\n");
	container_let_go();
}

static void many_stall_at_once(void)
{
	static struct run runs[10];
	static char ids[10][8];

	container_hold();
	for (int i = 0; i < 10; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "u%d", i);
		begin_unread(&runs[i], ids[i]);
	}
	for (int i = 0; i < 10; i++)
		until_stalled(&runs[i]);
	expect_others_served();
	for (int i = 0; i < 10; i++) {
		read_all(&runs[i]);
		test_int(run_end(&runs[i]), 5);
	}
	container_let_go();
}

/* It is in a write that nobody will ever take, and still can be ended. */
static void what_stalls_can_be_killed(void)
{
	struct run run;

	container_hold();
	begin_unread(&run, "unread");
	until_stalled(&run);
	test_int(harness_kill("unread", SIGKILL, false), TTRPC_OK);
	harness_until(&run.wait.done);
	test_int(((Containerd__Task__V2__WaitResponse *)run.wait.response)->exit_status, 137);
	test_int(harness_delete("unread", NULL), TTRPC_OK);
	harness_done(&run.wait);
	/* What it had written is the host's until it goes. */
	test_true(process_next(&harness_task.processes, NULL));
	run_close(&run);
	expect_others_served();
	container_let_go();
}

int main(void)
{
	container_begin();
	test_run(only_that_stream_stalls);
	test_run(many_stall_at_once);
	test_run(what_stalls_can_be_killed);
	container_end();
	return 0;
}
