/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "cmd/oci-state.h"

static int state_one(const struct paths *paths, const char *name, void *userdata _unused_,
		     struct err *err)
{
	struct json_object *o, *supervisor = NULL;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;
	struct oci_state state = {.guest = NULL};
	int r;

	r = record_open(paths, name, &record, err);
	if (r == 0)
		r = record_load(&record, &spec, err);
	if (r == 0) {
		r = oci_state_ask(&record, true, &state, err);
		o = oci_state_to_json(&record, &spec, &state);
		if (state.guest &&
		    json_object_object_get_ex(state.guest, "supervisor", &supervisor))
			json_object_get(supervisor);
		json_object_object_add(o, "supervisor", supervisor);
		puts(json_object_to_json_string_ext(o, DESCRIBE_JSON));
		json_object_put(o);
		json_object_put(state.guest);
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
	.run = state_main,
};
