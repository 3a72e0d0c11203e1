/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/init-conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/test.h"
#include "guest/init/words.h"

static char text[65536];
static struct init_conf conf;
static char complaints[1024];

static void note(struct init_conf_sink *sink, unsigned int line, const char *key, const char *why)
{
	size_t at = strlen(complaints);

	(void)sink;
	test_true(*why);
	(void)snprintf(complaints + at, sizeof(complaints) - at, "%u:%s ", line, key);
}

static unsigned int parse_bytes(const char *data, size_t len)
{
	struct init_conf_sink sink = {.wrong = note};

	complaints[0] = '\0';
	memcpy(text, data, len);
	text[len] = '\0';
	return init_conf_parse(text, len, '\n', &conf, &sink);
}

static unsigned int parse(const char *data)
{
	return parse_bytes(data, strlen(data));
}

static void test_nothing(void)
{
	test_int(parse(""), 0);
	test_str(conf.user, "");
	test_int(conf.n_command, 0);
	test_true(!conf.command[0]);
	test_int(conf.on_exit, INIT_CONF_RESTART);
	test_int(parse("\n# user = x\n  \t\r\n   # more"), 0);
	test_str(conf.user, "");
}

static void test_all_keys(void)
{
	test_int(parse("hostname=a-1.b\r\n  user =\tanna:5 \nowner = 7\nworkspace = /w s\n"
		       "workdir = /f\nrequire = /a\nrequire = /b\nshell = /bin/sh\n"
		       "on_exit = poweroff\ndns = 1.2.3.4\ndns = fd00::1\n"
		       "env = A=b c = d\nenv = \"B= x \\\" \"\nenv=C=\ncommand = /x  y"),
		 0);
	test_str(conf.hostname, "a-1.b");
	test_str(conf.user, "anna:5");
	test_str(conf.owner, "7");
	test_str(conf.workspace, "/w s");
	test_str(conf.workdir, "/f");
	test_int(conf.n_require, 2);
	test_str(conf.require[1], "/b");
	test_str(conf.shell, "/bin/sh");
	test_int(conf.on_exit, INIT_CONF_POWEROFF);
	test_int(conf.n_dns, 2);
	test_str(conf.dns[1], "fd00::1");
	test_int(conf.n_env, 3);
	test_str(conf.env[0], "A=b c = d");
	test_str(conf.env[1], "B= x \" ");
	test_str(conf.env[2], "C=");
	test_int(conf.n_command, 2);
	test_str(conf.command[1], "y");
	test_true(!conf.command[2]);
}

static void test_wrong_lines(void)
{
	test_int(parse("user = a\nuser\nusr = b\nuser =\n= x\n"), 4);
	test_str(complaints, "2:user 3:usr 4:user 5: ");
	test_str(conf.user, "a");
	test_int(parse("hostname = a b\nhostname =\ndns = x\ndns = 1.2.3\nenv = A\nenv = =b\n"
		       "env = \"A=b\nenv = \"A=b\" c\nworkspace = w\nworkdir =\nshell = sh\n"
		       "on_exit = no\nrequire = x\ncommand =\ncommand = 'a\ncommand = \"\""),
		 16);
	test_int(conf.n_env + conf.n_dns + conf.n_require + conf.n_command, 0);
	test_int(parse_bytes("user = a\0b\nworkdir = /x\n", 24), 1);
	test_str(complaints, "1: ");
	test_str(conf.user, "");
	test_str(conf.workdir, "/x");
}

static void test_check_keeps_the_first_complaint(void)
{
	static const char wrong[] = "user = a\nusr = b\nhostname = a b\n", right[] = "user = a\n";
	struct init_conf_complaint first;

	memcpy(text, wrong, sizeof(wrong));
	test_int(init_conf_check(text, sizeof(wrong) - 1, '\n', &conf, &first), -EINVAL);
	test_int(first.line, 2);
	test_str(first.key, "usr");
	test_str(first.why, "is not a known key");
	test_str(conf.user, "a");
	memcpy(text, right, sizeof(right));
	test_int(init_conf_check(text, sizeof(right) - 1, '\n', &conf, &first), 0);
	test_true(!first.why);
}

static void test_users(void)
{
	static const char *const bad[] = {"a b", "a\tb", "a:b:c", ":b", "a:", ":", "a:b c"};
	char line[64];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(line, sizeof(line), "user = %s\nowner = %s", bad[i], bad[i]);
		test_int(parse(line), 2);
		test_str(conf.user, "");
	}
	test_int(parse("user = 5:6\nowner = a.b-c_d$"), 0);
}

/* It is given to a user with all that is in it. */
static void test_workspace_is_a_folder_of_its_own(void)
{
	static const char *const bad[] = {"/", "//", "/.", "/./", "/..", "/a/..", "/a/../b"};
	char line[64];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(line, sizeof(line), "workspace = %s", bad[i]);
		test_int(parse(line), 1);
		test_str(conf.workspace, "");
	}
	test_int(parse("workspace = /a.b"), 0);
}

static void test_shell_policy_needs_a_shell(void)
{
	test_int(parse("on_exit = shell"), 1);
	test_str(complaints, "0:on_exit ");
	test_int(conf.on_exit, INIT_CONF_RESTART);
	test_int(parse("on_exit = shell\nshell = /bin/sh"), 0);
	test_int(conf.on_exit, INIT_CONF_SHELL);
}

static void test_values_with_newlines(void)
{
	static const char data[] = "env = A=b\nc\0env = \"B=\n d\n \"\0\0user = x";

	memcpy(text, data, sizeof(data));
	test_int(init_conf_parse(text, sizeof(data) - 1, '\0', &conf, NULL), 0);
	test_int(conf.n_env, 2);
	test_str(conf.env[0], "A=b\nc");
	test_str(conf.env[1], "B=\n d\n ");
	test_str(conf.user, "x");
}

static void test_limits(void)
{
	text[0] = '\0';
	for (int i = 0; i < INIT_CONF_ARGS_MAX + 1; i++)
		strcpy(text + (i ? 9 + 2 * i : 0), i ? " x" : "command = x");
	test_int(init_conf_parse(text, strlen(text), '\n', &conf, NULL), 1);
	test_int(conf.n_command, 0);
	text[0] = '\0';
	for (int i = 0; i < INIT_CONF_ENV_MAX + 2; i++)
		strcpy(text + 8 * i, "env=A=b\n");
	test_int(init_conf_parse(text, strlen(text), '\n', &conf, NULL), 2);
	test_int(conf.n_env, INIT_CONF_ENV_MAX);
	text[0] = '\0';
	for (int i = 0; i < INIT_CONF_DNS_MAX + 1; i++)
		strcat(text, "dns=1.1.1.1\n");
	test_int(init_conf_parse(text, strlen(text), '\n', &conf, NULL), 1);
	test_int(parse("hostname = "
		       "0123456789012345678901234567890123456789012345678901234567890123"),
		 0);
	test_int(parse("hostname = "
		       "01234567890123456789012345678901234567890123456789012345678901234"),
		 1);
}

static void test_words(void)
{
	const char *words[5];
	char line[] = "  a\t'b  \\' \"c \\\" 'd'\" e\\ f''\\\\ ";

	test_int(words_split(line, words, 4), 4);
	test_str(words[0], "a");
	test_str(words[1], "b  \\");
	test_str(words[2], "c \" 'd'");
	test_str(words[3], "e f\\");
	test_true(!words[4]);
	strcpy(line, "'' \"\"");
	test_int(words_split(line, words, 4), 2);
	test_str(words[0], "");
	test_str(words[1], "");
	strcpy(line, " ");
	test_int(words_split(line, words, 4), 0);
	test_true(!words[0]);
	strcpy(line, "a b c");
	test_int(words_split(line, words, 2), -E2BIG);
	strcpy(line, "a\\");
	test_int(words_split(line, words, 2), 1);
	test_str(words[0], "a\\");
	strcpy(line, "a \"b");
	test_int(words_split(line, words, 2), -EINVAL);
}

int main(void)
{
	test_run(test_nothing);
	test_run(test_all_keys);
	test_run(test_wrong_lines);
	test_run(test_check_keeps_the_first_complaint);
	test_run(test_users);
	test_run(test_workspace_is_a_folder_of_its_own);
	test_run(test_shell_policy_needs_a_shell);
	test_run(test_values_with_newlines);
	test_run(test_limits);
	test_run(test_words);
	return 0;
}
