/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/compose.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/test.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct image_config config;
static struct sandbox_spec spec;
static struct strv given;
static struct compose how;
static struct err err;
static char *no_words[] = {NULL};

static void add_all(struct strv *list, const char *const *words)
{
	for (; words && *words; words++)
		strv_add(list, *words);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void begin(const char *const *entrypoint, const char *const *cmd, const char *const *env)
{
	config = (struct image_config)IMAGE_CONFIG_NULL;
	spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	given = (struct strv)STRV_NULL;
	err = (struct err)ERR_NULL;
	config.user = xstrdup("");
	config.working_dir = xstrdup("");
	add_all(&config.entrypoint, entrypoint);
	add_all(&config.cmd, cmd);
	add_all(&config.env, env);
	how = (struct compose){.words = no_words, .env = &given};
}

static void end(void)
{
	image_config_done(&config);
	sandbox_spec_done(&spec);
	strv_done(&given);
}

static void compose(void)
{
	if (compose_spec(&how, &config, &spec, &err) < 0)
		test_fail("%s", err.text);
}

static char *join(const struct strv *list)
{
	char *line = xstrdup("");

	for (size_t i = 0; i < list->n; i++) {
		_cleanup_free_ char *before = line;

		line = xasprintf("%s[%s]", before, list->v[i]);
	}
	return line;
}

/* The table that Docker's documentation has, and the options on top. */
static void commands_are_put_together(void)
{
	static char *words[] = {(char *)"w", (char *)"-x", NULL};
	static const struct {
		bool entrypoint, cmd;
		const char *option;
		bool words;
		const char *args; /* "": refused */
	} rows[] = {
		{false, false, NULL, false, ""},
		{false, true, NULL, false, "[c][1]"},
		{true, false, NULL, false, "[e][0]"},
		{true, true, NULL, false, "[e][0][c][1]"},
		{false, false, NULL, true, "[w][-x]"},
		{false, true, NULL, true, "[w][-x]"},
		{true, false, NULL, true, "[e][0][w][-x]"},
		{true, true, NULL, true, "[e][0][w][-x]"},
		{true, true, "o p", false, "[o p]"},
		{true, true, "o", true, "[o][w][-x]"},
		{false, true, "o", false, "[o]"},
		{true, true, "", false, ""},
		{true, true, "", true, "[w][-x]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *args = NULL;
		int r;

		begin(rows[i].entrypoint ? LIST("e", "0") : NULL,
		      rows[i].cmd ? LIST("c", "1") : NULL, NULL);
		how.entrypoint = rows[i].option;
		if (rows[i].words)
			how.words = words;
		r = compose_spec(&how, &config, &spec, &err);
		test_int(r, *rows[i].args ? 0 : -EINVAL);
		args = join(&spec.args);
		test_str(args, rows[i].args);
		test_true(r == 0 || strstr(err.text, "names no command"));
		end();
	}
}

static void options_win_over_the_image(void)
{
	begin(LIST("e"), NULL, NULL);
	free(config.user);
	free(config.working_dir);
	config.user = xstrdup("1000:audio");
	config.working_dir = xstrdup("/srv");
	config.stop_signal = SIGQUIT;
	compose();
	test_str(spec.user, "1000:audio");
	test_str(spec.cwd, "/srv");
	test_int(spec.stop_signal, SIGQUIT);
	test_true(!spec.terminal);
	sandbox_spec_done(&spec);
	how.user = "0";
	how.workdir = "/tmp";
	how.terminal = true;
	compose();
	test_str(spec.user, "0");
	test_str(spec.cwd, "/tmp");
	test_true(spec.terminal);
	sandbox_spec_done(&spec);
	how.user = how.workdir = "";
	compose();
	test_str(spec.user, "1000:audio");
	test_str(spec.cwd, "/srv");
	end();
}

static void what_nobody_set_has_a_default(void)
{
	begin(LIST("e"), NULL, NULL);
	config.stop_signal = 0;
	compose();
	test_str(spec.user, "");
	test_str(spec.cwd, "");
	test_int(spec.stop_signal, SIGTERM);
	/* CapEff in /proc/self/status of a container of Docker's. */
	test_true(spec.capabilities == 0xa80425fb);
	test_str(strv_env_get(&spec.env, "PATH"), PATH_DEFAULT);
	test_true(!strv_env_get(&spec.env, "TERM"));
	end();
	begin(LIST("e"), NULL, NULL);
	how.terminal = true;
	compose();
	test_str(strv_env_get(&spec.env, "TERM"), "xterm");
	end();
}

static void each_variable_is_there_once(void)
{
	_cleanup_free_ char *env = NULL;

	begin(LIST("e"), NULL, LIST("PATH=/image", "A=1", "B=2", "A=3"));
	add_all(&given, LIST("B=four=4", "TERM=vt100", "C=", "B=5"));
	how.terminal = true;
	compose();
	env = join(&spec.env);
	test_str(env, "[PATH=/image][HOSTNAME=][TERM=vt100][A=3][B=5][C=]");
	end();
}

static void bare_names_are_taken_from_here(void)
{
	test_int(setenv("TEST_COMPOSE", "a=b", 1), 0);
	test_int(setenv("TEST_COMPOSE_EMPTY", "", 1), 0);
	test_int(unsetenv("TEST_COMPOSE_NOT"), 0);
	begin(LIST("e"), NULL, LIST("TEST_COMPOSE=image", "TEST_COMPOSE_NOT=image", "Z=1"));
	add_all(&given,
		LIST("TEST_COMPOSE", "TEST_COMPOSE_EMPTY", "TEST_COMPOSE_NOT", "NOT_EITHER"));
	compose();
	test_str(strv_env_get(&spec.env, "TEST_COMPOSE"), "a=b");
	test_str(strv_env_get(&spec.env, "TEST_COMPOSE_EMPTY"), "");
	/* What is not set here is not set there, whatever the image says. */
	test_true(!strv_env_get(&spec.env, "TEST_COMPOSE_NOT"));
	test_str(strv_env_get(&spec.env, "Z"), "1");
	for (size_t i = 0; i < spec.env.n; i++)
		test_true(strchr(spec.env.v[i], '='));
	test_true(!spec.env.v[spec.env.n]);
	end();
}

static void variables_need_names(void)
{
	static const char *const bad[] = {"", "=", "=value"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		begin(LIST("e"), NULL, NULL);
		strv_add(&given, bad[i]);
		test_int(compose_spec(&how, &config, &spec, &err), -EINVAL);
		test_true(strstr(err.text, "needs a name"));
		end();
	}
}

/* What HOSTNAME is in a container that is called c1; NULL: none. */
static void expect_hostname(const char *const *image, const char *const *option, const char *want)
{
	const char *have;

	begin(LIST("e"), NULL, image);
	add_all(&given, option);
	compose();
	/* A name that is taken is followed by another one. */
	for (int i = 0; i < 2; i++) {
		free(spec.id);
		spec.id = xasprintf("c%d", i);
		compose_hostname(&how, &config, &spec);
	}
	have = strv_env_get(&spec.env, "HOSTNAME");
	test_str(have ? have : "(none)", want ? want : "(none)");
	end();
}

static void the_name_is_the_hostname_unless_chosen(void)
{
	test_int(unsetenv("HOSTNAME"), 0);
	expect_hostname(NULL, NULL, "c1");
	expect_hostname(LIST("HOSTNAME=image"), NULL, "image");
	expect_hostname(NULL, LIST("HOSTNAME=option"), "option");
	expect_hostname(LIST("HOSTNAME=image"), LIST("HOSTNAME="), "");
	expect_hostname(LIST("HOSTNAMES=x"), LIST("HOSTNAME_2=y"), "c1");
	expect_hostname(LIST("HOSTNAME=image"), LIST("HOSTNAME"), NULL);
}

int main(void)
{
	test_run(commands_are_put_together);
	test_run(options_win_over_the_image);
	test_run(what_nobody_set_has_a_default);
	test_run(each_variable_is_there_once);
	test_run(bare_names_are_taken_from_here);
	test_run(variables_need_names);
	test_run(the_name_is_the_hostname_unless_chosen);
	return 0;
}
