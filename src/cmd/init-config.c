/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/init-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/compose.h"
#include "guest/init/init-conf.h"

#define BLANKS " \t\r"

/* The complaint that vminitd would have, as ours. */
static int refuse(const struct init_conf_complaint *wrong, const struct strv *lines,
		  struct err *err)
{
	const char *text =
		wrong->line > 0 && wrong->line <= lines->n ? lines->v[wrong->line - 1] : "";
	const char *value = strstr(text, " = ");

	if (value && strcmp(wrong->key, "command") != 0)
		return err_set(err, -EINVAL, "--%s %.200s: %s",
			       strcmp(wrong->key, "on_exit") == 0 ? "on-exit" : wrong->key,
			       value + 3, wrong->why);
	return err_set(err, -EINVAL, "%s %s", wrong->key, wrong->why);
}

static bool has_blank_ends(const char *value)
{
	size_t len = strlen(value);

	return len > 0 && (strchr(BLANKS, value[0]) || strchr(BLANKS, value[len - 1]));
}

static int check_value(const char *key, const char *value, struct err *err)
{
	if (!strpbrk(value, "\n\r"))
		return 0;
	return err_set(err, -EINVAL, "%s has a line break in it, which %s cannot hold", key,
		       ABI_INIT_CONF);
}

/* What stands between the key and the end of the line as it is. */
static int add_plain(struct strv *lines, const char *key, const char *value, struct err *err)
{
	int r = value ? check_value(key, value, err) : 0;

	if (!value || r < 0)
		return r;
	if (has_blank_ends(value))
		return err_set(err, -EINVAL, "%s \"%s\" begins or ends with a blank", key, value);
	strv_addf(lines, "%s = %s", key, value);
	return 0;
}

static int add_each(struct strv *lines, const char *key, const struct strv *values, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < values->n && r == 0; i++)
		r = add_plain(lines, key, values->v[i], err);
	return r;
}

static char *quoted(const char *word)
{
	char *out = xmalloc(2 * strlen(word) + 3), *p = out;

	*p++ = '"';
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			*p++ = '\\';
		*p++ = *word;
	}
	*p++ = '"';
	*p = '\0';
	return out;
}

char *init_config_env(const char *assignment)
{
	bool plain = *assignment != '"' && !has_blank_ends(assignment);
	_cleanup_free_ char *text = plain ? xstrdup(assignment) : quoted(assignment);

	return xasprintf("env = %s", text);
}

static int add_env(struct strv *lines, const struct strv *words, struct err *err)
{
	_cleanup_strv_ struct strv env = STRV_NULL;
	int r = compose_env(&env, words, err);

	for (size_t i = 0; i < env.n && r == 0; i++) {
		r = check_value("env", env.v[i], err);
		if (r == 0)
			strv_take(lines, init_config_env(env.v[i]));
	}
	return r;
}

static int add_command(struct strv *lines, char **words, struct err *err)
{
	char *line = xstrdup("command =");
	int r = 0;

	for (; *words && r == 0; words++) {
		bool plain = **words && !strpbrk(*words, BLANKS "\"'\\");
		_cleanup_free_ char *word = plain ? xstrdup(*words) : quoted(*words);
		char *longer = xasprintf("%s %s", line, word);

		free(line);
		line = longer;
		r = check_value("command", word, err);
	}
	strv_take(lines, line);
	return r;
}

static int add_all(struct strv *lines, const struct init_config *config, struct err *err)
{
	const struct {
		const char *key, *value;
	} plain[] = {
		{"hostname", config->hostname}, {"user", config->user},
		{"owner", config->owner},	{"workspace", config->workspace},
		{"workdir", config->workdir},	{"on_exit", config->on_exit},
		{"shell", config->shell},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(plain) && r == 0; i++)
		r = add_plain(lines, plain[i].key, plain[i].value, err);
	if (r == 0)
		r = add_each(lines, "dns", &config->dns, err);
	if (r == 0)
		r = add_each(lines, "require", &config->require, err);
	if (r == 0)
		r = add_env(lines, &config->env, err);
	return r < 0 ? r : add_command(lines, config->command, err);
}

static char *join(const struct strv *lines)
{
	size_t len = 0;
	char *text, *p;

	for (size_t i = 0; i < lines->n; i++)
		len += strlen(lines->v[i]) + 1;
	text = p = xmalloc(len + 1);
	for (size_t i = 0; i < lines->n; i++)
		p += sprintf(p, "%s\n", lines->v[i]);
	*p = '\0';
	return text;
}

int init_config_text(const struct init_config *config, char **ret, struct err *err)
{
	_cleanup_strv_ struct strv lines = STRV_NULL;
	_cleanup_free_ char *text = NULL, *copy = NULL;
	struct init_conf_complaint wrong;
	struct init_conf conf;
	int r = add_all(&lines, config, err);

	if (r < 0)
		return r;
	text = join(&lines);
	if (strlen(text) > ABI_INIT_CONF_MAX)
		return err_set(err, -EINVAL, "all this does not fit the %d bytes of %s",
			       ABI_INIT_CONF_MAX, ABI_INIT_CONF);
	copy = xstrdup(text);
	if (init_conf_check(copy, strlen(copy), '\n', &conf, &wrong) < 0)
		return refuse(&wrong, &lines, err);
	*ret = take_ptr(text);
	return 0;
}

void init_config_done(struct init_config *config)
{
	strv_done(&config->dns);
	strv_done(&config->env);
	strv_done(&config->require);
}
