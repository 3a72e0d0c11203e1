/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/task-call.h"
#include "rpc/task.h"
#include "task.pb-c.h"

/* What one container's limits may take as text. */
#define RESOURCES_MAX (1u << 20)

struct update {
	const char *resources;
};

static const struct opt options[] = {
	OPT(update, 'r', "resources", OPT_STRING, resources, "FILE",
	    "limits as JSON of OCI; \"-\": from stdin"),
	{.kind = OPT_END},
};

static int read_resources(const char *path, char **ret, size_t *len, struct err *err)
{
	bool input = strcmp(path, "-") == 0;
	int r = input ? fd_slurp(STDIN_FILENO, RESOURCES_MAX, ret, len)
		      : file_slurp_at(AT_FDCWD, path, RESOURCES_MAX, ret, len);

	return r < 0 ? err_errno(err, r, "cannot read %s", input ? "stdin" : path) : 0;
}

static int ask(struct client *client, const char *json, size_t len, struct err *err)
{
	Containerd__Task__V2__UpdateTaskRequest request =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.type_url = rpc_str(RPC_TYPE_RESOURCES);
	any.value.data = (uint8_t *)json;
	any.value.len = len;
	request.id = client->record->id;
	request.resources = &any;
	return client_call(client, "Update", &request.base, NULL, NULL, err);
}

static int update(const char *name, const char *json, size_t len, struct err *err)
{
	struct client client = CLIENT_NULL;
	struct record record = RECORD_NULL;
	struct paths paths = PATHS_NULL;
	int r = paths_init(&paths, err);

	if (r == 0)
		r = record_open(&paths, name, &record, err);
	if (r == 0)
		r = client_connect(&client, &record, err);
	if (r == 0)
		r = ask(&client, json, len, err);
	client_disconnect(&client);
	record_done(&record);
	paths_done(&paths);
	return r;
}

static int update_main(const struct command *self, int argc, char **argv)
{
	struct update options_given = {.resources = NULL};
	_cleanup_free_ char *json = NULL;
	struct err err = ERR_NULL;
	size_t len = 0;
	int at = opts_parse(self, argc, argv, &options_given, &err), r = at;

	if (r >= 0 && argc - at != 1)
		r = err_set(&err, -EINVAL, "which container? See `caisson update --help`");
	if (r >= 0 && !options_given.resources)
		r = err_set(&err, -EINVAL, "--resources: which limits?");
	if (r >= 0)
		r = read_resources(options_given.resources, &json, &len, &err);
	if (r >= 0)
		r = update(argv[at], json, len, &err);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_update = {
	.name = "update",
	.usage = "--resources FILE NAME",
	.summary = "Change the limits of a running container.",
	.opts = options,
	.failure = 1,
	.needs_root = true,
	.run = update_main,
};
