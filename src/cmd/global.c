/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/global.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/paths.h"

static bool systemd_cgroup;
static const char *log_path, *log_format = "text";
static bool has_root;

static int set_root(const char *value, struct err *err)
{
	int r = paths_set_root(value, err);

	has_root = r == 0;
	return r;
}

static int set_log(const char *value, struct err *err _unused_)
{
	log_path = value;
	return 0;
}

static int set_format(const char *value, struct err *err)
{
	log_format = value;
	if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
		return err_set(err, -EINVAL, "--log-format %s: must be text or json", value);
	return 0;
}

static int set_rootless(const char *value, struct err *err)
{
	if (strcmp(value, "auto") == 0 || strcmp(value, "false") == 0)
		return 0;
	return err_set(err, -ENOTSUP, "--rootless %s: the containers of bundles need root", value);
}

static int set_systemd(const char *value _unused_, struct err *err _unused_)
{
	systemd_cgroup = true;
	return 0;
}

bool global_has_root(void)
{
	return has_root;
}

enum bundle_cgroups global_cgroups(void)
{
	return systemd_cgroup ? BUNDLE_CGROUPS_SYSTEMD : BUNDLE_CGROUPS_PATH;
}

/* @set: NULL: a flag that changes nothing here, for what it is about is not there. */
static const struct global {
	const char *name, *argument, *help;
	int (*set)(const char *value, struct err *err);
} globals[] = {
	{"root", "DIR", "where containers are kept, instead of $CAISSON_ROOT", set_root},
	{"log", "FILE", "errors go there, too", set_log},
	{"log-format", "text|json", "how they are written there", set_format},
	{"rootless", "auto|false", "as runc has it; those of bundles need root", set_rootless},
	{"systemd-cgroup", NULL, "linux.cgroupsPath of bundles is SLICE:PREFIX:NAME", set_systemd},
	{"debug", NULL, "as runc has it; there is no more to tell", NULL},
};

static const struct global *find(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		if (strlen(globals[i].name) == len && strncmp(globals[i].name, word, len) == 0)
			return &globals[i];
	return NULL;
}

/* Return: how many words it took; 0: this is no option of these. */
static int parse_one(char **words, struct err *err)
{
	const char *word = str_starts(words[0], "--"), *value;
	size_t len = word ? strcspn(word, "=") : 0;
	const struct global *g = word ? find(word, len) : NULL;
	int r;

	if (!g)
		return 0;
	if (!g->argument) {
		r = word[len] ? err_set(err, -EINVAL, "--%s takes no value", g->name) : 0;
		if (r == 0 && g->set)
			r = g->set(NULL, err);
		return r < 0 ? r : 1;
	}
	value = word[len] ? word + len + 1 : words[1];
	if (!value)
		return err_set(err, -EINVAL, "--%s needs a value", g->name);
	r = g->set(value, err);
	return r < 0 ? r : word[len] ? 1 : 2;
}

int global_parse(int argc, char **argv, struct err *err)
{
	int at = 1, n = 1;

	while (at < argc && n > 0) {
		n = parse_one(argv + at, err);
		if (n < 0)
			return n;
		at += n;
	}
	return at;
}

static char *as_json(const char *message, const char *now)
{
	struct json_object *o = json_object_new_object();
	char *line;

	json_object_object_add(o, "level", json_object_new_string("error"));
	json_object_object_add(o, "msg", json_object_new_string(message));
	json_object_object_add(o, "time", json_object_new_string(now));
	line = xasprintf("%s\n",
			 json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return line;
}

static char *as_text(const char *message, const char *now)
{
	struct json_object *quoted = json_object_new_string(message);
	char *line =
		xasprintf("time=\"%s\" level=error msg=%s\n", now,
			  json_object_to_json_string_ext(quoted, JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(quoted);
	return line;
}

void global_end(void)
{
	if (has_root)
		paths_leave_root();
}

void global_log(const char *message)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *line = NULL;
	time_t seconds = time(NULL);
	struct tm tm;
	char now[32] = "";

	if (!log_path)
		return;
	if (gmtime_r(&seconds, &tm))
		(void)strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm);
	line = strcmp(log_format, "json") == 0 ? as_json(message, now) : as_text(message, now);
	fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd >= 0)
		(void)fd_write_full(fd, line, strlen(line));
}

void global_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++) {
		_cleanup_free_ char *word =
			xasprintf("--%s%s%s", globals[i].name, globals[i].argument ? " " : "",
				  globals[i].argument ? globals[i].argument : "");

		fprintf(out, "  %-24s %s\n", word, globals[i].help);
	}
}
