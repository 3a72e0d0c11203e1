/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "empty.pb-c.h"
#include "sandbox/record.h"
#include "shim/lifeline.h"
#include "vmm/vmm.h"

/* What cannot be had now is of the last minute. */
static void flush_figures(struct client *client, const struct record *record)
{
	_cleanup_free_ char *path = path_join(record->run_path, VMM_FIRECRACKER_METRICS);
	Google__Protobuf__Empty request = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct err ignored = ERR_NULL;

	if (access(path, F_OK) == 0)
		(void)client_call_service(client, SHIM_SERVICE, "FlushMetrics", &request.base, NULL,
					  NULL, &ignored);
}

/* Return: the state, or NULL when nobody tells. @err: why there is no guest. */
static const char *ask(const struct record *record, struct json_object **ret_guest, struct err *err)
{
	struct client client = CLIENT_NULL;
	const char *state = NULL;

	if (client_connect(&client, record, err) == 0) {
		state = describe_state(&client, record->id, err);
		*ret_guest = describe_guest(&client, err);
		if (*ret_guest)
			flush_figures(&client, record);
	}
	client_disconnect(&client);
	return state;
}

/* Return: what a VNC viewer is given, a new string; NULL: there is none, or it is another container's. */
static char *display_of(const struct record *record, const struct sandbox_spec *spec)
{
	if (!sandbox_spec_has_vnc(spec) || sandbox_spec_shares_vm(spec))
		return NULL;
	return *spec->vnc ? xasprintf("127.0.0.1:%s", spec->vnc)
			  : xasprintf("unix:%s/" RECORD_VNC, record->run_path);
}

static void add_path(struct json_object *o, const char *key, const struct record *record,
		     const char *name)
{
	_cleanup_free_ char *path = path_join(record->run_path, name);

	if (access(path, F_OK) == 0)
		json_object_object_add(o, key, json_object_new_string(path));
}

/* What else there is of its VM for a person to look at, while it runs. */
static void add_places(const struct record *record, const struct sandbox_spec *spec,
		       struct json_object *o)
{
	_cleanup_free_ char *display = display_of(record, spec);

	if (display)
		json_object_object_add(o, "display_at", json_object_new_string(display));
	add_path(o, "firecracker_socket", record,
		 VMM_FIRECRACKER_FOLDER "/" VMM_FIRECRACKER_SOCKET);
	add_path(o, "firecracker_metrics", record, VMM_FIRECRACKER_METRICS);
	add_path(o, "firecracker_log", record, VMM_FIRECRACKER_FOLDER "/" VMM_FIRECRACKER_LOG);
}

/*
 * It may end at any time: what nobody can tell any more is what the record says.
 *
 * Return: 0; -ETIMEDOUT with a message: somebody should be able to tell, and does not.
 */
static int describe(const struct record *record, const struct sandbox_spec *spec,
		    struct json_object *o, struct err *err)
{
	struct json_object *guest = NULL;
	const char *state = ask(record, &guest, err);
	enum record_state recorded;
	_cleanup_free_ char *why = NULL;
	int status;

	recorded = record_state(record, &status);
	if (!state || recorded != RECORD_RUNNING)
		state = record_state_name(recorded);
	if (recorded != RECORD_RUNNING) {
		json_object_put(guest);
		guest = NULL;
	}
	json_object_object_add(o, "state", json_object_new_string(state));
	why = record_failure(record);
	json_object_object_add(o, "exit_status",
			       recorded == RECORD_STOPPED ? json_object_new_int(status) : NULL);
	json_object_object_add(o, "failure", why ? json_object_new_string(why) : NULL);
	json_object_object_add(o, "guest", guest);
	if (recorded == RECORD_RUNNING)
		add_places(record, spec, o);
	json_object_object_add(
		o, "guest_error",
		recorded == RECORD_RUNNING && !guest ? json_object_new_string(err->text) : NULL);
	return recorded == RECORD_RUNNING && !guest && err->code == -ETIMEDOUT ? err->code : 0;
}

static int inspect_one(const struct paths *paths, const char *name, void *userdata _unused_,
		       struct err *err)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;
	_cleanup_free_ char *text = NULL;
	struct json_object *o;
	int r;

	r = record_open(paths, name, &record, err);
	if (r == 0)
		r = record_load(&record, &spec, err);
	if (r == 0) {
		text = sandbox_spec_describe(&spec);
		o = json_tokener_parse(text);
		r = describe(&record, &spec, o, err);
		puts(json_object_to_json_string_ext(o, DESCRIBE_JSON));
		json_object_put(o);
	}
	sandbox_spec_done(&spec);
	record_done(&record);
	return r;
}

static int inspect_main(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);

	return at < 0 ? cmd_fail(self, &err) : cmd_each(self, argv + at, inspect_one, NULL);
}

const struct command command_inspect = {
	.name = "inspect",
	.usage = "NAME...",
	.summary = "Show all there is to know about containers, as JSON.",
	.details = "One object a container: what it was made with, its state, why it has\n"
		   "not ended by itself (\"failure\"), and what the guest says of itself, which is "
		   "null\n"
		   "when it does not run. When it does not answer\n"
		   "within five seconds \"guest_error\" says so, and the exit status is 1.\n",
	.failure = 1,
	.run = inspect_main,
};
