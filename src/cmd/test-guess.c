/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/guess.h"

#include <errno.h>

#include "base/macro.h"
#include "base/test.h"

static const struct command run = {.name = "run"}, list = {.name = "list"},
			    verify = {.name = "image verify"};
static const struct command *const commands[] = {&run, &list, &verify};
static const struct guess known[] = {{"ps", "list"}, {"lit", "light"}, {NULL, NULL}};

static const char *meant(const char *word)
{
	const char *here = guess_command(word, commands, ARRAY_SIZE(commands), known);

	return here ? here : "";
}

static void words_of_other_tools(void)
{
	test_str(meant("ps"), "list");
	/* Before what may be a slip. */
	test_str(meant("lit"), "light");
}

static void slips(void)
{
	test_str(meant("rum"), "run");
	test_str(meant("rn"), "run");
	test_str(meant("runx"), "run");
	test_str(meant("rrun"), "run");
	test_str(meant("rnu"), "run");
	test_str(meant("un"), "run");
	test_str(meant("ilst"), "list");
	test_str(meant("verif"), "image verify");
}

static void neither(void)
{
	test_str(meant(""), "");
	test_str(meant("r"), "");
	test_str(meant("rooms"), "");
	test_str(meant("lists!"), "");
	test_str(meant("image verify"), "");
}

static void message(void)
{
	struct err err = ERR_NULL;

	test_int(guess_refusal("image ", "ls", "image list", &err), -EINVAL);
	test_str(err.text, "unknown command \"image ls\": did you mean `caisson image list`?");
	test_int(guess_refusal("", "x\ny", NULL, &err), -EINVAL);
	test_str(err.text, "unknown command \"x\\x0ay\": see `caisson --help`");
}

int main(void)
{
	test_run(words_of_other_tools);
	test_run(slips);
	test_run(neither);
	test_run(message);
	return 0;
}
