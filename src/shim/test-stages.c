/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a command's way into the guest, for whoever asks for that. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "shim/test-shim.h"

static struct asked create, start, exec;

/* Of its console, where there is no VM that would have one. Return: "": nothing is kept. */
static char *kept(void)
{
	char *text;
	int r = file_slurp_at(t.record.dir, RECORD_CONSOLE, 65536, &text, NULL);

	test_true(r == 0 || r == -ENOENT);
	return r == 0 ? text : xstrdup("");
}

static void create_with(bool stages, const char *console)
{
	test_shim_begin(false);
	t.spec.stages = stages;
	t.spec.console = xstrdup(console);
	test_shim_boot();
	ask_create(&create, "c1");
}

static void expect_kept(const char *const *lines, size_t n)
{
	_cleanup_free_ char *text = kept();
	char *at = text, *line;

	for (size_t i = 0; i < n; i++) {
		line = strsep(&at, "\n");
		if (!at || strncmp(line, lines[i], strlen(lines[i])) != 0)
			test_fail("\"%s\" is not what begins with \"%s\"", line, lines[i]);
	}
	test_str(n > 0 ? at : text, "");
}

static void each_stage_is_told(void)
{
	static const char *const lines[] = {
		"entrypoint captured: 2 words of 9 bytes, 1 variables of 3 bytes",
		"entrypoint packed: a request of ",
		"entrypoint read: the guest has it as its process 7",
		"entrypoint executed: its program runs",
	};

	create_with(true, "");
	guest_creates();
	expect(&create, TTRPC_OK, "");
	expect_kept(lines, 3);
	ask_start(&start, "");
	guest_starts();
	expect(&start, TTRPC_OK, "");
	expect_kept(lines, ARRAY_SIZE(lines));
	/* Others have no such way. */
	ask_exec_with(t.client, &exec, "e1", "", "");
	guest_execs();
	expect(&exec, TTRPC_OK, "");
	expect_kept(lines, ARRAY_SIZE(lines));
	test_shim_end();
}

static void where_it_ends_is_told(void)
{
	static const char *const lines[] = {
		"entrypoint captured: ",
		"entrypoint packed: ",
		"entrypoint not read: no such user",
	};

	create_with(true, "");
	rpc_free(asked_of_guest("Create", &containerd__task__v2__create_task_request__descriptor));
	guest_fails(TTRPC_INVALID_ARGUMENT, "no such user");
	expect(&create, TTRPC_INVALID_ARGUMENT, "no such user");
	expect_kept(lines, ARRAY_SIZE(lines));
	test_shim_end();
}

static void nobody_else_gets_it(void)
{
	static const char *const consoles[] = {"", SANDBOX_CONSOLE_KEPT, SANDBOX_CONSOLE_DEBUG};

	for (size_t i = 0; i < ARRAY_SIZE(consoles); i++) {
		create_with(false, consoles[i]);
		guest_creates();
		expect(&create, TTRPC_OK, "");
		expect_kept(NULL, 0);
		test_shim_end();
	}
}

/* Nothing of it comes to the guest. */
static void what_is_hollow_has_none(void)
{
	test_shim_begin(false);
	test_shim_hollow();
	t.spec.stages = true;
	t.spec.console = xstrdup("");
	test_shim_boot();
	ask_create(&create, "c1");
	guest_mounts_all();
	expect(&create, TTRPC_OK, "");
	ask_start(&start, "");
	expect(&start, TTRPC_OK, "");
	expect_kept(NULL, 0);
	test_shim_hollow_end();
}

int main(void)
{
	test_run(each_stage_is_told);
	test_run(where_it_ends_is_told);
	test_run(nobody_else_gets_it);
	test_run(what_is_hollow_has_none);
	return 0;
}
