/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/process.h"

#include "abi/abi.h"
#include "base/test.h"

#define REFUSED	 TTRPC_FAILED_PRECONDITION
#define FINISHED TTRPC_NOT_FOUND, "process already finished"

/* What callers of containerd's shims were told by runc's, and match on. */
static void refusals_have_their_texts(void)
{
	static const struct {
		enum process_op op;
		enum process_state state;
		enum ttrpc_code code;
		const char *text;
	} rows[] = {
		{PROCESS_OP_START, PROCESS_RUNNING, REFUSED, "cannot start a running process"},
		{PROCESS_OP_START, PROCESS_STOPPED, REFUSED, "cannot start a stopped process"},
		{PROCESS_OP_DELETE, PROCESS_RUNNING, REFUSED, "cannot delete a running process"},
		{PROCESS_OP_DELETE, PROCESS_STOPPING, REFUSED, "cannot delete a running process"},
		{PROCESS_OP_KILL, PROCESS_ADDED, REFUSED, "process not created"},
		{PROCESS_OP_KILL, PROCESS_STOPPING, FINISHED},
		{PROCESS_OP_KILL, PROCESS_STOPPED, FINISHED},
		{PROCESS_OP_EXEC, PROCESS_STOPPED, REFUSED, "cannot exec in a stopped container"},
		{PROCESS_OP_RESIZE, PROCESS_STOPPED, REFUSED, "cannot resize a stopped container"},
		{PROCESS_OP_PIDS, PROCESS_STOPPED, FINISHED},
		{PROCESS_OP_EXEC, PROCESS_PAUSED, REFUSED, "cannot exec in a paused container"},
		{PROCESS_OP_START, PROCESS_PAUSED, REFUSED, "cannot start a paused process"},
	};
	const char *text;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_int(process_allows(rows[i].state, rows[i].op, &text), rows[i].code);
		test_str(text, rows[i].text);
	}
}

/* In the order of enum process_state; "y": yes. */
static void each_state_allows_what_it_should(void)
{
	static const char *const want[PROCESS_OP_MAX_] = {
		[PROCESS_OP_START] = "--yy-------",  [PROCESS_OP_DELETE] = "--yy------y",
		[PROCESS_OP_KILL] = "y--yyyyyy--",   [PROCESS_OP_EXEC] = "---yyy-----",
		[PROCESS_OP_RESIZE] = "yyyyyyyyy--", [PROCESS_OP_PIDS] = "yyyyyyyyy--",
		[PROCESS_OP_PAUSE] = "-----y-----",  [PROCESS_OP_RESUME] = "------yy---",
		[PROCESS_OP_UPDATE] = "---yyyyy---", [PROCESS_OP_STATS] = "---yyyyyy--",
	};
	const char *text;

	for (int op = 0; op < PROCESS_OP_MAX_; op++) {
		for (int state = 0; state < PROCESS_STATE_MAX_; state++) {
			enum ttrpc_code code = process_allows(state, op, &text);

			if ((code == TTRPC_OK) != (want[op][state] == 'y'))
				test_fail("operation %d in state %d: %d", op, state, code);
			test_int(text != NULL, code != TTRPC_OK);
		}
	}
}

static void ids(void)
{
	static const char *const good[] = {"a", "0", "Z9_.-", "e0123456789abcdef", "a."};
	static const char *const bad[] = {"",	".a",  "-a",  "_a",	 "a/b",
					  "..", "a b", "a\n", "\xc3\xa4"};
	char longest[ABI_ID_MAX + 2] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		test_true(process_id_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (process_id_valid(bad[i]))
			test_fail("\"%s\" is valid", bad[i]);
	memset(longest, 'x', ABI_ID_MAX);
	test_true(process_id_valid(longest));
	longest[ABI_ID_MAX] = 'x';
	test_true(!process_id_valid(longest));
}

int main(void)
{
	test_run(refusals_have_their_texts);
	test_run(each_state_allows_what_it_should);
	test_run(ids);
	return 0;
}
