/* SPDX-License-Identifier: Apache-2.0 */
#include "image/change.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/json.h"

/**
 * struct change - an instruction on its way
 * @rest: what comes after its name
 * @key: the member that it is about
 */
struct change {
	struct json_object *config;
	const char *name, *rest, *key;
	struct err *err;
};

static int refuse(const struct change *c, const char *why)
{
	return err_set(c->err, -EINVAL, "--change \"%s%s%s\": %s", c->name, *c->rest ? " " : "",
		       c->rest, why);
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* One word, as a Dockerfile has it: quotes and backslashes as a shell's, nothing else is special. */
static int next_word(const struct change *c, const char **at, char **ret)
{
	char *word = xmalloc(strlen(*at) + 1), *out = word, quote = '\0';
	const char *s = *at;

	for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
		if (*s == quote)
			quote = '\0';
		else if (!quote && (*s == '"' || *s == '\''))
			quote = *s;
		else if (*s == '\\' && quote != '\'' && s[1])
			*out++ = *++s;
		else
			*out++ = *s;
	}
	*out = '\0';
	*at = skip_blanks(s);
	if (quote) {
		free(word);
		return refuse(c, "a quotation mark is not closed");
	}
	*ret = word;
	return 0;
}

static int words_of(const struct change *c, struct strv *ret)
{
	const char *at = c->rest;
	char *word = NULL;
	int r = 0;

	while (r == 0 && *at) {
		r = next_word(c, &at, &word);
		if (r == 0)
			strv_take(ret, word);
	}
	return r == 0 && ret->n == 0 ? refuse(c, "there is nothing after it") : r;
}

/* ["a","b"]; if it is not that, *@ret is NULL. */
static void json_form(const struct change *c, struct json_object **ret)
{
	*ret = NULL;
	if (*c->rest != '[' ||
	    json_read(c->rest, strlen(c->rest), json_type_array, "", ret, NULL) < 0)
		return;
	for (size_t i = 0; i < json_object_array_length(*ret); i++)
		if (!json_object_is_type(json_object_array_get_idx(*ret, i), json_type_string)) {
			json_object_put(take_ptr(*ret));
			return;
		}
}

static int set_command(const struct change *c)
{
	char *const shell[] = {(char *)"/bin/sh", (char *)"-c", (char *)c->rest};
	struct json_object *list;

	json_form(c, &list);
	if (list)
		json_object_object_add(c->config, c->key, list);
	else
		json_set_list(c->config, c->key, shell, ARRAY_SIZE(shell));
	return 0;
}

/* The image's Cmd was meant for another program. */
static int set_entrypoint(const struct change *c)
{
	json_object_object_del(c->config, "Cmd");
	return set_command(c);
}

static int set_text(const struct change *c)
{
	_cleanup_strv_ struct strv words = STRV_NULL;
	int r = words_of(c, &words);

	if (r == 0 && words.n > 1)
		r = refuse(c, "it takes one word");
	if (r == 0)
		json_set(c->config, c->key, words.v[0]);
	return r;
}

static int set_stop_signal(const struct change *c)
{
	return signal_from_name(c->rest) < 0 ? refuse(c, "there is no such signal") : set_text(c);
}

/* A relative one goes on from the one that was there. */
static int set_workdir(const struct change *c)
{
	_cleanup_free_ char *joined = NULL;
	struct json_object *old;
	const char *base = "";
	int r;

	if (*c->rest == '/')
		return set_text(c);
	if (json_object_object_get_ex(c->config, c->key, &old))
		base = json_object_get_string(old);
	joined = xasprintf("%s/%s", base && strcmp(base, "/") != 0 ? base : "", c->rest);
	r = set_text(c);
	if (r == 0)
		json_set(c->config, c->key, joined);
	return r;
}

/* The member, made if it is not there. */
static struct json_object *member(const struct change *c, enum json_type type)
{
	struct json_object *o = NULL;

	if (json_object_object_get_ex(c->config, c->key, &o) && json_object_is_type(o, type))
		return o;
	o = type == json_type_array ? json_object_new_array() : json_object_new_object();
	json_object_object_add(c->config, c->key, o);
	return o;
}

static int add_trigger(const struct change *c)
{
	if (!*c->rest)
		return refuse(c, "there is nothing after it");
	json_object_array_add(member(c, json_type_array), json_object_new_string(c->rest));
	return 0;
}

/* Sets of words, which JSON has as the names of empty objects. */
static int add_to_set(const struct change *c, const char *suffix)
{
	_cleanup_json_ struct json_object *list = NULL;
	_cleanup_strv_ struct strv words = STRV_NULL;
	int r = 0;

	json_form(c, &list);
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		strv_add(&words, json_object_get_string(json_object_array_get_idx(list, i)));
	if (!list)
		r = words_of(c, &words);
	for (size_t i = 0; r == 0 && i < words.n; i++) {
		_cleanup_free_ char *word =
			xasprintf("%s%s", words.v[i], strchr(words.v[i], '/') ? "" : suffix);

		json_object_object_add(member(c, json_type_object), word, json_object_new_object());
	}
	return r;
}

static int add_volumes(const struct change *c)
{
	return add_to_set(c, "");
}

/* "80", "8000-8010", with "/udp" and the like. */
static bool is_port(const char *word)
{
	unsigned int first, last;
	char protocol[5] = "tcp";
	int at = 0;

	if (sscanf(word, "%5u%n", &first, &at) != 1)
		return false;
	last = first;
	word += at;
	if (*word == '-' && sscanf(word, "-%5u%n", &last, &at) == 1)
		word += at;
	if (*word == '/' && sscanf(word, "/%4[a-z]%n", protocol, &at) == 1)
		word += at;
	return !*word && first > 0 && last >= first && last <= UINT16_MAX &&
	       (!strcmp(protocol, "tcp") || !strcmp(protocol, "udp") || !strcmp(protocol, "sctp"));
}

static int add_ports(const struct change *c)
{
	int r = add_to_set(c, "/tcp");

	json_object_object_foreach(member(c, json_type_object), port, value)
	{
		(void)value;
		if (r == 0 && !is_port(port))
			r = refuse(c, "it takes ports, as 80 or 53/udp");
	}
	return r;
}

/* KEY=VALUE KEY=VALUE, or one KEY VALUE, whose value is all the rest. */
static int pairs_of(const struct change *c, struct strv *ret)
{
	size_t len = strcspn(c->rest, " \t=");
	int r;

	if (len == 0)
		return refuse(c, "it needs a name");
	if (c->rest[len] != '=') {
		const char *value = skip_blanks(c->rest + len);

		if (!*value)
			return refuse(c, "it needs NAME=VALUE");
		strv_addf(ret, "%.*s=%s", (int)len, c->rest, value);
		return 0;
	}
	r = words_of(c, ret);
	for (size_t i = 0; r == 0 && i < ret->n; i++)
		if (!strchr(ret->v[i], '=') || *ret->v[i] == '=')
			r = refuse(c, "it needs NAME=VALUE");
	return r;
}

static int add_labels(const struct change *c)
{
	_cleanup_strv_ struct strv pairs = STRV_NULL;
	int r = pairs_of(c, &pairs);

	for (size_t i = 0; r == 0 && i < pairs.n; i++) {
		char *value = strchr(pairs.v[i], '=');

		*value++ = '\0';
		json_set(member(c, json_type_object), pairs.v[i], value);
	}
	return r;
}

static int add_env(const struct change *c)
{
	_cleanup_strv_ struct strv env = STRV_NULL, pairs = STRV_NULL;
	int r = json_strv(c->config, c->key, "the image's configuration", &env, c->err);

	if (r == 0)
		r = pairs_of(c, &pairs);
	if (r < 0)
		return r;
	for (size_t i = 0; i < pairs.n; i++)
		strv_env_set(&env, pairs.v[i]);
	json_set_list(c->config, c->key, env.v, env.n);
	return 0;
}

static const struct {
	const char *name, *key;
	int (*apply)(const struct change *change);
} instructions[] = {
	{"CMD", "Cmd", set_command},
	{"ENTRYPOINT", "Entrypoint", set_entrypoint},
	{"ENV", "Env", add_env},
	{"EXPOSE", "ExposedPorts", add_ports},
	{"LABEL", "Labels", add_labels},
	{"ONBUILD", "OnBuild", add_trigger},
	{"USER", "User", set_text},
	{"STOPSIGNAL", "StopSignal", set_stop_signal},
	{"VOLUME", "Volumes", add_volumes},
	{"WORKDIR", "WorkingDir", set_workdir},
};

int change_apply(struct json_object *config, const char *instruction, struct err *err)
{
	size_t len = strcspn(instruction, " \t");
	struct change c = {.config = config, .rest = skip_blanks(instruction + len), .err = err};

	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		c.name = instructions[i].name;
		c.key = instructions[i].key;
		if (strlen(c.name) == len && strncasecmp(instruction, c.name, len) == 0)
			return instructions[i].apply(&c);
	}
	return err_set(err, -EINVAL,
		       "--change \"%s\": CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, "
		       "USER, VOLUME and WORKDIR are known",
		       instruction);
}
