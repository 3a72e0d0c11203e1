/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/init-conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"
#include "guest/init/words.h"

#define BLANKS	  " \t\r"
#define NAME_SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

/* Values: each function returns NULL, or why the value makes no sense. */

static const char *check_hostname(const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len > ABI_HOSTNAME_MAX || strspn(value, NAME_SAFE) != len)
		return "must be 1 to 64 letters, digits, \".\", \"-\" and \"_\"";
	return NULL;
}

static const char *check_user(const char *value)
{
	const char *colon = strchr(value, ':');

	if (strlen(value) > INIT_CONF_NAME_MAX || strpbrk(value, BLANKS) || !*value ||
	    colon == value || (colon && (!colon[1] || strchr(colon + 1, ':'))))
		return "must be USER or USER:GROUP";
	return NULL;
}

static const char *check_path(const char *value)
{
	return *value != '/' || strlen(value) >= PATH_MAX ? "must be an absolute path" : NULL;
}

static const char *check_workspace(const char *value)
{
	/* It is given away with all that is in it. */
	if (*value == '/' && (value[strspn(value, "/.")] == '\0' || strstr(value, "/..")))
		return "must be a folder below /, without \"..\"";
	return check_path(value);
}

static const char *add_dns(struct init_conf *conf, char *value)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, value, address) != 1 && inet_pton(AF_INET6, value, address) != 1)
		return "must be an IPv4 or IPv6 address";
	if (conf->n_dns == INIT_CONF_DNS_MAX)
		return "may be given 3 times at most";
	conf->dns[conf->n_dns++] = value;
	return NULL;
}

/* Quoted when blanks at its ends count. */
static const char *add_env(struct init_conf *conf, char *value)
{
	const char *words[2];

	if (*value == '"' && words_split(value, words, 1) != 1)
		return "must be one quoted text when it begins with a quote";
	if (*value == '=' || !strchr(value, '='))
		return "must be NAME=VALUE";
	if (conf->n_env == INIT_CONF_ENV_MAX)
		return "may be given 4096 times at most";
	conf->env[conf->n_env++] = value;
	return NULL;
}

static const char *add_require(struct init_conf *conf, char *value)
{
	const char *why = check_path(value);

	if (!why && conf->n_require == INIT_CONF_REQUIRE_MAX)
		return "may be given 8 times at most";
	if (!why)
		conf->require[conf->n_require++] = value;
	return why;
}

static const char *set_on_exit(struct init_conf *conf, char *value)
{
	static const char *const names[] = {
		[INIT_CONF_RESTART] = "restart",
		[INIT_CONF_SHELL] = "shell",
		[INIT_CONF_POWEROFF] = "poweroff",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			conf->on_exit = (enum init_conf_exit)i;
			return NULL;
		}
	}
	return "must be restart, shell or poweroff";
}

static const char *check_command(const struct init_conf *conf, int n)
{
	if (n == -E2BIG)
		return "has more than 4096 words";
	if (n < 0)
		return "has a quote without its end";
	return n == 0 || !*conf->command[0] ? "must name a program" : NULL;
}

static const char *set_command(struct init_conf *conf, char *value)
{
	int n = words_split(value, conf->command, INIT_CONF_ARGS_MAX);
	const char *why = check_command(conf, n);

	conf->n_command = why ? 0 : (size_t)n;
	conf->command[conf->n_command] = NULL;
	return why;
}

/* Of these the last one counts, as it stands there. */
static const struct {
	const char *name;
	const char *(*check)(const char *value);
	size_t offset;
} texts[] = {
	{"hostname", check_hostname, offsetof(struct init_conf, hostname)},
	{"user", check_user, offsetof(struct init_conf, user)},
	{"owner", check_user, offsetof(struct init_conf, owner)},
	{"workspace", check_workspace, offsetof(struct init_conf, workspace)},
	{"workdir", check_path, offsetof(struct init_conf, workdir)},
	{"shell", check_path, offsetof(struct init_conf, shell)},
};

static const struct {
	const char *name;
	const char *(*set)(struct init_conf *conf, char *value);
} others[] = {
	{"dns", add_dns},	  {"env", add_env},	    {"require", add_require},
	{"command", set_command}, {"on_exit", set_on_exit},
};

static const char *set_key(struct init_conf *conf, const char *key, char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *why;

		if (strcmp(key, texts[i].name) != 0)
			continue;
		why = texts[i].check(value);
		if (!why)
			*(const char **)((char *)conf + texts[i].offset) = value;
		return why;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(key, others[i].name) == 0)
			return others[i].set(conf, value);
	return *key ? "is not a known key" : "there is no key before the \"=\"";
}

/* The line's key and value, both without blanks around. Return: false: there is no "=". */
static bool cut(char *line, char **key, char **value)
{
	char *equals = strchr(line, '='), *end;

	*key = line;
	if (!equals)
		return false;
	for (end = equals; end > line && strchr(BLANKS, end[-1]); end--)
		;
	*end = '\0';
	*value = equals + 1 + strspn(equals + 1, BLANKS);
	for (end = *value + strlen(*value); end > *value && strchr(BLANKS, end[-1]); end--)
		;
	*end = '\0';
	return true;
}

static const char *parse_line(struct init_conf *conf, char *line, size_t len, char **key)
{
	char *value;

	if (memchr(line, '\0', len)) {
		*key = line + len;
		return "holds a NUL byte";
	}
	line += strspn(line, BLANKS);
	*key = line;
	if (!*line || *line == '#')
		return NULL;
	if (!cut(line, key, &value))
		return "has no \"=\": lines are KEY = VALUE";
	return set_key(conf, *key, value);
}

static void complain(struct init_conf_sink *sink, unsigned int line, const char *key,
		     const char *why)
{
	if (sink)
		sink->wrong(sink, line, key, why);
}

unsigned int init_conf_parse(char *text, size_t len, char end, struct init_conf *ret,
			     struct init_conf_sink *sink)
{
	char *next, *line = text, *const last = text + len;
	unsigned int number = 0, wrong = 0;
	const char *why;
	char *key;

	*ret = (struct init_conf){.hostname = "",
				  .user = "",
				  .owner = "",
				  .workspace = "",
				  .workdir = "",
				  .shell = ""};
	for (; line < last; line = next + 1) {
		next = memchr(line, end, (size_t)(last - line));
		if (!next)
			next = last;
		*next = '\0';
		number++;
		why = parse_line(ret, line, (size_t)(next - line), &key);
		if (!why)
			continue;
		complain(sink, number, key, why);
		wrong++;
	}
	if (ret->on_exit == INIT_CONF_SHELL && !*ret->shell) {
		complain(sink, 0, "on_exit", "is shell, but no shell is given; restart instead");
		ret->on_exit = INIT_CONF_RESTART;
		wrong++;
	}
	return wrong;
}

struct keeper {
	struct init_conf_sink sink;
	struct init_conf_complaint *first;
};

static void keep_first(struct init_conf_sink *sink, unsigned int line, const char *key,
		       const char *why)
{
	struct init_conf_complaint *first = container_of(sink, struct keeper, sink)->first;

	if (!first->why)
		*first = (struct init_conf_complaint){.line = line, .key = key, .why = why};
}

int init_conf_check(char *text, size_t len, char end, struct init_conf *ret,
		    struct init_conf_complaint *first)
{
	struct keeper keeper = {.sink.wrong = keep_first, .first = first};

	*first = (struct init_conf_complaint){.key = ""};
	return init_conf_parse(text, len, end, ret, &keeper.sink) > 0 ? -EINVAL : 0;
}
