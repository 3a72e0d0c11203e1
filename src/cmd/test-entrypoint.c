/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/entrypoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"
#include "guest/init/entrypoint.h"
#include "guest/init/init-conf.h"

/* What is made is what vminitd reads. */
static struct init_conf conf;
static const char *args[INIT_CONF_ARGS_MAX + 1];
static struct entrypoint made;
static struct image_config config;
static struct err err;

static void begin(void)
{
	config = (struct image_config)IMAGE_CONFIG_NULL;
	image_config_empty(&config);
	err = (struct err)ERR_NULL;
}

static int make(char **words)
{
	static char *none[] = {NULL};
	int r = entrypoint_make(&config, words ? words : none, &made, &err);

	if (r < 0)
		return r;
	test_int(init_conf_parse(made.conf, made.conf_len, entrypoint_end(made.conf, made.conf_len),
				 &conf, NULL),
		 0);
	return entrypoint_split(made.args, made.args_len, args, INIT_CONF_ARGS_MAX);
}

static void end(void)
{
	entrypoint_done(&made);
	image_config_done(&config);
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static void test_an_image(void)
{
	begin();
	strv_add(&config.entrypoint, "/bin/server");
	strv_add(&config.cmd, "--port");
	strv_add(&config.cmd, "");
	strv_add(&config.env, "PATH=/bin");
	strv_add(&config.env, "B= \"x\" ");
	set(&config.user, "1000:5");
	set(&config.working_dir, "srv");
	test_int(make(NULL), 3);
	test_str(args[0], "/bin/server");
	test_str(args[2], "");
	test_str(conf.user, "1000:5");
	test_str(conf.workdir, "/srv");
	test_str(made.folder, "/srv");
	test_int(conf.on_exit, INIT_CONF_POWEROFF);
	test_int(conf.n_env, 2);
	test_str(conf.env[0], "PATH=/bin");
	test_str(conf.env[1], "B= \"x\" ");
	end();
}

static void test_newlines(void)
{
	char *words[] = {(char *)"-c", (char *)"echo a\necho b\n", (char *)"c\td\r", NULL};

	begin();
	strv_add(&config.entrypoint, "sh");
	strv_add(&config.cmd, "not this");
	strv_add(&config.env, "A=1\n2\n");
	strv_add(&config.env, "B=\r");
	test_int(make(words), 4);
	for (size_t i = 0; words[i]; i++)
		test_str(args[i + 1], words[i]);
	test_int(conf.n_env, 3);
	test_str(conf.env[1], "A=1\n2\n");
	test_str(conf.env[2], "B=\r");
	test_str(conf.workdir, "/");
	end();
}

static void test_hundreds(void)
{
	begin();
	for (int i = 0; i < INIT_CONF_ARGS_MAX; i++)
		strv_addf(&config.cmd, "%d", i);
	for (int i = 0; i < 1000; i++)
		strv_addf(&config.env, "V%d=%0100d", i, i);
	test_int(make(NULL), INIT_CONF_ARGS_MAX);
	test_str(args[INIT_CONF_ARGS_MAX - 1], "4095");
	test_int(conf.n_env, 1001);
	end();
}

static void refused(const char *word)
{
	test_int(make(NULL), -EINVAL);
	test_true(strstr(err.text, word));
	end();
}

static void test_what_cannot_be(void)
{
	begin();
	refused("no command");
	begin();
	strv_add(&config.cmd, "x");
	set(&config.user, "a b");
	refused("the image's user must be");
	begin();
	strv_add(&config.cmd, "x");
	for (int i = 0; i < 30; i++) {
		_cleanup_free_ char *large = xmalloc(100001);

		memset(large, 'x', 100000);
		large[100000] = '\0';
		strv_add(&config.cmd, large);
	}
	refused("bytes");
	begin();
	for (int i = 0; i <= INIT_CONF_ARGS_MAX; i++)
		strv_add(&config.cmd, "x");
	refused("words");
}

int main(void)
{
	test_run(test_an_image);
	test_run(test_newlines);
	test_run(test_hundreds);
	test_run(test_what_cannot_be);
	return 0;
}
