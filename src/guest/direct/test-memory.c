/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/direct/test-container.h"

/*
 * Each allocation fails once, in vminitd or in its child before the command: the answer says so, or
 * nothing is amiss; nothing is left of what could not be made, and what was made goes on.
 *
 * malloc() and calloc() are those of this file: the linker is told so.
 */

/* Allocations until one fails; shared with children. */
static atomic_int *left;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool fails(void)
{
	return left && harness_serving && atomic_fetch_sub(left, 1) == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

static enum ttrpc_code make(struct run *run)
{
	if (*run->exec_id)
		return harness_exec(run->exec_id, &run->process, run->names[0], run->names[1],
				    run->names[2]);
	return harness_create(&run->create);
}

static void expect_answer(enum ttrpc_code code, bool failed)
{
	if (code == TTRPC_OK)
		return;
	test_true(failed);
	if (code != TTRPC_RESOURCE_EXHAUSTED)
		test_true(strstr(harness_text, "memory"));
}

/* What was made can be started at the second try at the latest, or has ended; and be waited for. */
static void finish(struct run *run, enum ttrpc_code started)
{
	if (started != TTRPC_OK)
		(void)harness_start_process(run->exec_id);
	while (!run->wait.done)
		harness_wait();
	if (run->wait.code != TTRPC_OK) {
		harness_done(&run->wait);
		harness_start_wait(&run->wait, run->exec_id);
	}
	(void)run_end(run);
}

/* Return: whether there were so many allocations that one failed. */
static bool try(atomic_int *counter, int n, const char *exec_id, bool terminal)
{
	enum ttrpc_code made, started = TTRPC_OK;
	struct run run;

	run_init(&run, exec_id, "exit 3");
	run.process.terminal = terminal;
	run_streams(&run);
	atomic_store(counter, n);
	left = counter;
	made = make(&run);
	expect_answer(made, atomic_load(counter) < 0);
	if (made == TTRPC_OK) {
		harness_start_wait(&run.wait, exec_id);
		started = harness_start_process(exec_id);
		expect_answer(started, atomic_load(counter) < 0);
	}
	left = NULL;
	if (made == TTRPC_OK)
		finish(&run, started);
	else
		run_close(&run);
	harness_turn();
	test_true(!process_find(&harness_task.processes, "c", exec_id));
	return atomic_load(counter) < 0;
}

static void try_all(const char *exec_id, bool terminal)
{
	atomic_int *counter = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int n = 0;

	test_true(counter != MAP_FAILED);
	while (try(counter, n, exec_id, terminal))
		n++;
	test_true(n > 5);
	munmap(counter, sizeof(*counter));
}

static void containers(void)
{
	try_all("", false);
	container_expect("echo alive", "alive\n");
}

static void containers_with_a_terminal(void)
{
	try_all("", true);
	container_expect("echo alive", "alive\n");
}

static void execs(void)
{
	container_hold();
	try_all("e", false);
	try_all("e", true);
	container_let_go();
}

int main(void)
{
	container_begin();
	test_run(containers);
	test_run(containers_with_a_terminal);
	test_run(execs);
	container_end();
	return 0;
}
