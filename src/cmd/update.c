/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/task-call.h"
#include "oci/oci-limits.h"
#include "rpc/task.h"
#include "sandbox/conf.h"
#include "sandbox/rates.h"
#include "sandbox/setting.h"
#include "task.pb-c.h"

/* What one container's limits may take as text. */
#define RESOURCES_MAX (1u << 20)

/* What can be given as an option of its own, in the order of limits[]. */
enum limit {
	LIMIT_MEMORY,
	LIMIT_RESERVATION,
	LIMIT_SWAP,
	LIMIT_PERIOD,
	LIMIT_QUOTA,
	LIMIT_SHARE,
	LIMIT_CPUS,
	LIMIT_MEMS,
	LIMIT_PIDS,
	LIMIT_MAX,
};

/* In the order of rates[]. */
enum rate { RATE_DISK, RATE_DISK_IOPS, RATE_NET, RATE_MAX };

struct update {
	const char *resources;
	const char *limits[LIMIT_MAX];
	const char *rates[RATE_MAX];
};

#define LIMIT(word, limit, argument, help) \
	OPT(update, 0, word, OPT_STRING, limits[LIMIT_##limit], argument, help)

static const struct opt options[] = {
	OPT(update, 'r', "resources", OPT_STRING, resources, "FILE",
	    "limits as JSON of OCI; \"-\": from stdin"),
	LIMIT("memory", MEMORY, "SIZE", "bytes, or 512M; -1: all that the VM has"),
	LIMIT("memory-reservation", RESERVATION, "SIZE", "what it keeps if memory is scarce"),
	LIMIT("memory-swap", SWAP, "SIZE", "memory and swap together; -1: no limit"),
	LIMIT("cpu-period", PERIOD, "N", "microseconds that the quota is for"),
	LIMIT("cpu-quota", QUOTA, "N", "microseconds of CPU time in a period; -1: no limit"),
	LIMIT("cpu-share", SHARE, "N", "share of the CPUs where they are scarce, 2 to 262144"),
	LIMIT("cpuset-cpus", CPUS, "LIST", "CPUs of the host, such as 0-1,3"),
	LIMIT("cpuset-mems", MEMS, "LIST", "memory nodes of the host"),
	LIMIT("pids-limit", PIDS, "N", "processes; -1: no limit"),
	OPT(update, 0, "disk-rate", OPT_STRING, rates[RATE_DISK], "SIZE",
	    "bytes a second that each disk of the VM reads and writes; -1: no limit"),
	OPT(update, 0, "disk-iops", OPT_STRING, rates[RATE_DISK_IOPS], "N", "and requests"),
	OPT(update, 0, "net-rate", OPT_STRING, rates[RATE_NET], "SIZE",
	    "bytes a second that each network interface receives, and sends; -1: no limit"),
	{.kind = OPT_END},
};

/* What the shim calls them. */
static const struct {
	const char *option, *name;
} rates[] = {
	[RATE_DISK] = {"--disk-rate", "disk_rate"},
	[RATE_DISK_IOPS] = {"--disk-iops", "disk_iops"},
	[RATE_NET] = {"--net-rate", "net_rate"},
};

static bool has_rates(const struct update *u)
{
	for (enum rate i = 0; i < RATE_MAX; i++)
		if (u->rates[i])
			return true;
	return false;
}

static int check_rates(const struct update *u, struct err *err)
{
	struct vmm_rates ignored;
	int r = 0;

	for (enum rate i = 0; r == 0 && i < RATE_MAX; i++)
		if (u->rates[i])
			r = rates_take(&ignored, rates[i].name, u->rates[i], rates[i].option, err);
	return r;
}

static struct json_object *as_text(const char *value)
{
	return json_object_new_string(value);
}

static struct json_object *as_number(const char *value)
{
	const char *digits = value + (*value == '-');
	uint64_t n;

	if (parse_u64(digits, 0, INT64_MAX, &n) < 0)
		return NULL;
	return json_object_new_int64(*value == '-' ? -(int64_t)n : (int64_t)n);
}

static struct json_object *as_size(const char *value)
{
	uint64_t bytes;

	if (parse_size(value, &bytes) == 0 && bytes <= INT64_MAX)
		return json_object_new_int64((int64_t)bytes);
	return strcmp(value, "-1") == 0 ? json_object_new_int64(-1) : NULL;
}

/* Where each stands in OCI's JSON. */
static const struct {
	const char *option, *object, *member;
	struct json_object *(*read)(const char *value);
} limits[] = {
	[LIMIT_MEMORY] = {"memory", "memory", "limit", as_size},
	[LIMIT_RESERVATION] = {"memory-reservation", "memory", "reservation", as_size},
	[LIMIT_SWAP] = {"memory-swap", "memory", "swap", as_size},
	[LIMIT_PERIOD] = {"cpu-period", "cpu", "period", as_number},
	[LIMIT_QUOTA] = {"cpu-quota", "cpu", "quota", as_number},
	[LIMIT_SHARE] = {"cpu-share", "cpu", "shares", as_number},
	[LIMIT_CPUS] = {"cpuset-cpus", "cpu", "cpus", as_text},
	[LIMIT_MEMS] = {"cpuset-mems", "cpu", "mems", as_text},
	[LIMIT_PIDS] = {"pids-limit", "pids", "limit", as_number},
};

static int put_limit(struct json_object *o, enum limit i, const char *value, struct err *err)
{
	struct json_object *read = limits[i].read(value), *object;

	if (!read)
		return err_set(err, -EINVAL, "--%s %s: not a %s", limits[i].option, value,
			       limits[i].read == as_size ? "size" : "number");
	if (!json_object_object_get_ex(o, limits[i].object, &object)) {
		object = json_object_new_object();
		json_object_object_add(o, limits[i].object, object);
	}
	json_object_object_add(object, limits[i].member, read);
	return 0;
}

/* @ret: NULL: none was given */
static int make_resources(const struct update *u, char **ret, struct err *err)
{
	struct json_object *o = json_object_new_object();
	int r = 0;

	for (enum limit i = 0; r == 0 && i < LIMIT_MAX; i++)
		if (u->limits[i])
			r = put_limit(o, i, u->limits[i], err);
	if (r == 0 && json_object_object_length(o) > 0)
		*ret = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return r;
}

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

/* By annotations: OCI's resources have no word for them. */
static int ask_rates(struct client *client, const struct update *u, struct err *err)
{
	Containerd__Task__V2__UpdateTaskRequest request =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Containerd__Task__V2__UpdateTaskRequest__AnnotationsEntry rows[RATE_MAX], *list[RATE_MAX];
	char names[RATE_MAX][48];

	for (enum rate i = 0; i < RATE_MAX; i++) {
		size_t n = request.n_annotations;

		if (!u->rates[i])
			continue;
		containerd__task__v2__update_task_request__annotations_entry__init(&rows[n]);
		(void)snprintf(names[n], sizeof(names[n]), SETTING_ANNOTATION "%s", rates[i].name);
		rows[n].key = names[n];
		rows[n].value = rpc_str(u->rates[i]);
		list[n] = &rows[n];
		request.n_annotations++;
	}
	request.id = client->record->id;
	request.annotations = list;
	return client_call(client, "Update", &request.base, NULL, NULL, err);
}

/* A VM may be larger than what is configured by now. What makes no sense its shim will refuse. */
static int check_configured(const char *json, size_t len, struct err *err)
{
	struct conf conf = CONF_NULL;
	struct oci_limits asked;
	int r = conf_load(&conf, err);

	if (r == 0 && conf.limit_memory > 0 && oci_limits_parse(json, len, &asked, NULL) == 0 &&
	    asked.memory > 0 && (uint64_t)asked.memory > conf.limit_memory)
		r = err_set(err, -EPERM,
			    "%lluM of memory are more than " CONF_LIMIT_MEMORY
			    " in %s lets a VM have: %lluM",
			    (unsigned long long)asked.memory >> 20, conf.path,
			    (unsigned long long)conf.limit_memory >> 20);
	conf_done(&conf);
	return r;
}

/* @json: NULL: rates only */
static int update(const char *name, const struct update *u, const char *json, size_t len,
		  struct err *err)
{
	struct client client = CLIENT_NULL;
	struct record record = RECORD_NULL;
	struct paths paths = PATHS_NULL;
	int r = json ? check_configured(json, len, err) : 0;

	if (r == 0)
		r = paths_find(&paths, err);
	if (r == 0)
		r = record_open(&paths, name, &record, err);
	if (r == 0)
		r = client_connect(&client, &record, err);
	if (r == 0 && json)
		r = ask(&client, json, len, err);
	if (r == 0 && has_rates(u))
		r = ask_rates(&client, u, err);
	client_disconnect(&client);
	record_done(&record);
	paths_done(&paths);
	return r;
}

static int update_main(const struct command *self, int argc, char **argv)
{
	struct update given = {.resources = NULL};
	_cleanup_free_ char *json = NULL;
	struct err err = ERR_NULL;
	size_t len = 0;
	int at = opts_parse(self, argc, argv, &given, &err), r = at;

	if (r >= 0)
		r = opts_check_words(self, argv + at, 1, 1, "which container?", &err);
	if (r >= 0)
		r = check_rates(&given, &err);
	if (r >= 0)
		r = make_resources(&given, &json, &err);
	if (r >= 0 && (json || !has_rates(&given)) && !json == !given.resources)
		r = err_set(&err, -EINVAL,
			    json ? "--resources: either a file, or limits as options"
				 : "which limits? See `caisson update --help`");
	if (r >= 0 && json)
		len = strlen(json);
	else if (r >= 0 && given.resources)
		r = read_resources(given.resources, &json, &len, &err);
	if (r >= 0)
		r = update(argv[at], &given, json, len, &err);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_update = {
	.name = "update",
	.usage = "OPTIONS NAME",
	.summary = "Change the limits of a running container.",
	.opts = options,
	.failure = 1,
	.run = update_main,
};
