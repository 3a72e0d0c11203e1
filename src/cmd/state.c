/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "sandbox/record.h"

/* What a container without a shim is to OCI, whether somebody saw its end or not. */
#define STOPPED "stopped"

static struct json_object *time_to_json(time_t at)
{
	struct tm tm;
	char text[32] = "";

	if (gmtime_r(&at, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_object_new_string(text);
}

struct told {
	const char *status;
	pid_t pid;
	struct json_object *guest;
};

/* Return: 0; -ETIMEDOUT with a message: there is somebody to tell, who does not. */
static int ask(const struct record *record, struct told *told, struct err *err)
{
	struct client client = CLIENT_NULL;
	int recorded, r;

	/* If somebody answers all the same, that is for those who visit its files. */
	if (record_state(record, &recorded) != RECORD_RUNNING)
		return 0;
	r = client_connect(&client, record, err);
	if (r == 0) {
		told->status = describe_state(&client, record->id, err);
		told->pid = describe_shim(&client, record->id, err);
		told->guest = describe_guest(&client, err);
		r = told->guest ? 0 : err->code;
	}
	/* It is there, and so is the container. */
	if (client.mute) {
		told->status = record_state_name(record_state(record, &recorded));
		told->pid = client.shim;
	}
	client_disconnect(&client);
	return r == -ETIMEDOUT ? r : 0;
}

static struct json_object *annotations_of(const struct sandbox_spec *spec)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < spec->annotations.n; i++) {
		const char *word = spec->annotations.v[i], *equals = strchr(word, '=');
		_cleanup_free_ char *name = equals ? xstrndup(word, (size_t)(equals - word)) : NULL;

		if (name)
			json_object_object_add(o, name, json_object_new_string(equals + 1));
	}
	return o;
}

/* The fields of OCI's runtime specification (runtime.md, "State"), and the supervisor. */
static struct json_object *to_json(const struct record *record, const struct sandbox_spec *spec,
				   const struct told *told)
{
	struct json_object *o = json_object_new_object(), *supervisor = NULL;
	const char *status = told->status;
	bool lives;

	/* On its way out the shim still answers. */
	lives = status && strcmp(status, STOPPED) != 0;
	if (told->guest && json_object_object_get_ex(told->guest, "supervisor", &supervisor))
		json_object_get(supervisor);
	json_object_object_add(o, "ociVersion", json_object_new_string(OCI_VERSION));
	json_object_object_add(o, "id", json_object_new_string(record->id));
	json_object_object_add(o, "status", json_object_new_string(status ? status : STOPPED));
	json_object_object_add(o, "pid", json_object_new_int(lives ? told->pid : 0));
	json_object_object_add(
		o, "bundle",
		json_object_new_string(*spec->bundle ? spec->bundle : record->dir_path));
	json_object_object_add(o, "rootfs", json_object_new_string(spec->rootfs));
	json_object_object_add(o, "created", time_to_json((time_t)spec->created));
	json_object_object_add(o, "annotations", annotations_of(spec));
	json_object_object_add(o, "owner", json_object_new_string(""));
	json_object_object_add(o, "supervisor", supervisor);
	return o;
}

static int state_one(const struct paths *paths, const char *name, void *userdata _unused_,
		     struct err *err)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;
	struct told told = {.status = NULL};
	struct json_object *o;
	int r;

	r = record_open(paths, name, &record, err);
	if (r == 0)
		r = record_load(&record, &spec, err);
	if (r == 0) {
		r = ask(&record, &told, err);
		o = to_json(&record, &spec, &told);
		puts(json_object_to_json_string_ext(o, DESCRIBE_JSON));
		json_object_put(o);
		json_object_put(told.guest);
	}
	sandbox_spec_done(&spec);
	record_done(&record);
	return r;
}

static int state_main(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);

	if (at >= 0 && opts_check_words(self, argv + at, 1, 1, "which container?", &err) < 0)
		at = -EINVAL;
	return at < 0 ? cmd_fail(self, &err) : cmd_each(self, argv + at, state_one, NULL);
}

const struct command command_state = {
	.name = "state",
	.usage = "NAME",
	.summary = "Show the state of a container as OCI runtimes do, as JSON.",
	.details = "The pid is that of its shim, which lives as long as the container; "
		   "\"supervisor\"\n"
		   "says how the agent beside it is doing, where there is a guest to ask.\n",
	.failure = 1,
	.needs_root = true,
	.run = state_main,
};
