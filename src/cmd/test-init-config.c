/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/init-config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"
#include "guest/init/init-conf.h"

static struct init_config config;
static struct init_conf conf;
static struct err err;
static char *text;

static int make(char **command)
{
	int r;

	free(text);
	text = NULL;
	err = (struct err)ERR_NULL;
	config.command = command;
	r = init_config_text(&config, &text, &err);
	if (r == 0)
		test_int(init_conf_parse(text, strlen(text), '\n', &conf, NULL), 0);
	init_config_done(&config);
	config = (struct init_config){.force = false};
	return r;
}

static void test_comes_out_as_it_went_in(void)
{
	char *command[] = {
		(char *)"/bin/a b", (char *)"it's",	 (char *)"", (char *)"back\\slash",
		(char *)"\"q\"",    (char *)"tab\there", NULL};
	static const char *const env[] = {"A= x ", "B=\"q\"", "C=", "D=a b", "\"E=1", "F=\\n"};

	config.hostname = "box";
	config.user = "a:b";
	config.workspace = "/work space";
	config.on_exit = "poweroff";
	for (size_t i = 0; i < ARRAY_SIZE(env); i++)
		strv_add(&config.env, env[i]);
	test_int(make(command), 0);
	test_str(conf.hostname, "box");
	test_str(conf.user, "a:b");
	test_str(conf.workspace, "/work space");
	test_int(conf.on_exit, INIT_CONF_POWEROFF);
	test_int(conf.n_env, ARRAY_SIZE(env));
	for (size_t i = 0; i < ARRAY_SIZE(env); i++)
		test_str(conf.env[i], env[i]);
	test_int(conf.n_command, ARRAY_SIZE(command) - 1);
	for (size_t i = 0; command[i]; i++)
		test_str(conf.command[i], command[i]);
}

static void test_refuses(void)
{
	char *command[] = {(char *)"x", NULL}, *broken[] = {(char *)"x", (char *)"a\nb", NULL};
	char *many[INIT_CONF_ARGS_MAX + 2] = {NULL}, *long_word = xcalloc(1, ABI_INIT_CONF_MAX);

	test_int(make(broken), -EINVAL);
	config.user = "a\nshell = /bin/sh";
	test_int(make(command), -EINVAL);
	test_true(strstr(err.text, "user has a line break"));
	strv_add(&config.env, "A=b\nshell = /bin/sh");
	test_int(make(command), -EINVAL);
	config.user = "a ";
	test_int(make(command), -EINVAL);
	config.user = "";
	test_int(make(command), -EINVAL);
	config.workdir = "x";
	test_int(make(command), -EINVAL);
	test_str(err.text, "--workdir x: must be an absolute path");
	for (size_t i = 0; i < ARRAY_SIZE(many) - 1; i++)
		many[i] = command[0];
	test_int(make(many), -EINVAL);
	memset(long_word, 'x', ABI_INIT_CONF_MAX - 1);
	command[0] = long_word;
	test_int(make(command), -EINVAL);
	free(long_word);
}

int main(void)
{
	test_run(test_comes_out_as_it_went_in);
	test_run(test_refuses);
	free(text);
	return 0;
}
