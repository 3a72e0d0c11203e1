/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/test-request.h"

#include <stdlib.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/test.h"
#include "guest.pb-c.h"
#include "guest/mount/mount.h"
#include "guest/oci/bundle.h"
#include "guest/test-machine.h"
#include "rpc/task.h"

#define BESIDE SIZE_MAX /* the path, rather than down it */

/* google.protobuf.Any */
#define ANY_URL	  1
#define ANY_VALUE 2

/* Of a row: when it counts. */
enum when {
	ALWAYS,
	BUNDLES,
	NO_BUNDLES,
};

/* What a field is in a good request. The first row that fits counts; a field without one is absent. */
static const struct good {
	const char *request, *message, *field; /* NULL: of all */
	enum when when;
	bool nested;	  /* a good message */
	const char *text; /* NULL: none, or a number */
	uint64_t number;
} goods[] = {
	/* A container and an exec that was added, see the users of this. */
	{"CreateBundleRequest", NULL, "id", ALWAYS, false, "b", 0},
	{NULL, NULL, "id", ALWAYS, false, "c", 0},
	{"ExecProcessRequest", NULL, "exec_id", ALWAYS, false, "new", 0},
	{"KillRequest", NULL, "exec_id", ALWAYS, false, "", 0},
	{NULL, NULL, "exec_id", ALWAYS, false, "e", 0},
	{"CreateTaskRequest", NULL, "bundle", BUNDLES, false, BUNDLE_DIR "/c", 0},
	{"CreateTaskRequest", NULL, "rootfs", ALWAYS, true, NULL, 0},
	{"CreateTaskRequest", NULL, "options", NO_BUNDLES, true, NULL, 0},
	{"ExecProcessRequest", NULL, "spec", ALWAYS, true, NULL, 0},
	{"UpdateTaskRequest", NULL, "resources", ALWAYS, true, NULL, 0},
	{NULL, "Container", "process", ALWAYS, true, NULL, 0},
	{NULL, "Process", "args", ALWAYS, false, "cmd", 0},
	{"UpdateTaskRequest", "Resources", "settings", ALWAYS, true, NULL, 0},
	{NULL, "Setting", "file", ALWAYS, false, "memory.max", 0},
	{NULL, "Setting", "value", ALWAYS, false, "max", 0},
	{"MountAllRequest", NULL, "mounts", ALWAYS, true, NULL, 0},
	{NULL, "Mount", "type", ALWAYS, false, "tmpfs", 0},
	{NULL, "Mount", "source", ALWAYS, false, "none", 0},
	{"MountAllRequest", "Mount", "target", ALWAYS, false, MOUNT_DIR "/m", 0},
	{"UnmountRequest", NULL, "target", ALWAYS, false, MOUNT_DIR "/m", 0},
	{"Disk", NULL, "serial", ALWAYS, false, "s", 0},
	{"CreateBundleRequest", NULL, "files", ALWAYS, true, NULL, 0},
	{NULL, "FilesEntry", "key", ALWAYS, false, "config.json", 0},
	{NULL, "FilesEntry", "value", ALWAYS, false, "{}", 0},
	{NULL, NULL, "stream", ALWAYS, false, "stream://s", 0},
	{"SetTimeRequest", NULL, "now", ALWAYS, true, NULL, 0},
	{"ConfigureRequest", NULL, "interfaces", ALWAYS, true, NULL, 0},
	{NULL, "Interface", "nic", ALWAYS, false, MACHINE_NIC, 0},
	{NULL, "Interface", "name", ALWAYS, false, "eth0", 0},
	{NULL, "Interface", "addresses", ALWAYS, true, NULL, 0},
	{NULL, "Address", "ip", ALWAYS, false, "\x0a\x01\x02\x03", 0},
	{NULL, "Address", "prefix", ALWAYS, false, NULL, 24},
	{"ListenRequest", NULL, "sockets", ALWAYS, true, NULL, 0},
	{NULL, "Socket", "port", ALWAYS, false, NULL, 2048},
	{NULL, "Socket", "mode", ALWAYS, false, NULL, 0600},
	{"ConfigureRequest", NULL, "routes", ALWAYS, true, NULL, 0},
	{NULL, "Route", "interface", ALWAYS, false, "eth0", 0},
	{NULL, "Route", "destination", ALWAYS, false, "\x0a\x09\x09\x09", 0},
	{NULL, "Route", "prefix", ALWAYS, false, NULL, 32},
	{NULL, "Timestamp", "seconds", ALWAYS, false, NULL, 1700000000},
	{NULL, "ReseedRequest", "seed", ALWAYS, false, "0123456789abcdef0123456789abcdef", 0},
};

static const struct {
	const ProtobufCMessageDescriptor *message;
	const char *field;
	const ProtobufCMessageDescriptor *holds;
} anys[] = {
	{&containerd__task__v2__create_task_request__descriptor, "options",
	 &caisson__guest__v1__container__descriptor},
	{&containerd__task__v2__exec_process_request__descriptor, "spec",
	 &caisson__guest__v1__process__descriptor},
	{&containerd__task__v2__update_task_request__descriptor, "resources",
	 &caisson__guest__v1__resources__descriptor},
};

/* A request that is being made. */
struct making {
	const char *request;
	bool bundles;
	const struct request_path *path;
	const struct bytes *instead;
};

void bytes_put(struct bytes *to, const void *data, size_t len)
{
	bool own = data == to->data;

	if (to->len + len > to->size) {
		to->size = 2 * (to->len + len);
		to->data = realloc(to->data, to->size);
		test_true(to->data);
	}
	if (len > 0)
		memcpy(to->data + to->len, own ? to->data : data, len);
	to->len += len;
}

void bytes_put_varint(struct bytes *to, uint64_t value)
{
	uint8_t buf[10];
	size_t n = 0;

	for (; value > 0x7f; value >>= 7)
		buf[n++] = (uint8_t)(value | 0x80);
	buf[n++] = (uint8_t)value;
	bytes_put(to, buf, n);
}

void bytes_put_tag(struct bytes *to, uint32_t number, enum ttrpc_wire wire)
{
	bytes_put_varint(to, (uint64_t)number << 3 | wire);
}

void bytes_put_field(struct bytes *to, uint32_t number, const void *data, size_t len)
{
	bytes_put_tag(to, number, TTRPC_WIRE_BYTES);
	bytes_put_varint(to, len);
	bytes_put(to, data, len);
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){.data = NULL};
}

const ProtobufCMessageDescriptor *request_any(const ProtobufCMessageDescriptor *type,
					      const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(anys); i++)
		if (anys[i].message == type && strcmp(anys[i].field, field->name) == 0)
			return anys[i].holds;
	return NULL;
}

static bool fits(const char *pattern, const char *name)
{
	return !pattern || strcmp(pattern, name) == 0;
}

static const struct good *find_good(const struct making *making,
				    const ProtobufCMessageDescriptor *type,
				    const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(goods); i++)
		if (fits(goods[i].request, making->request) &&
		    (goods[i].message ? strcmp(goods[i].message, type->short_name) == 0
				      : strcmp(making->request, type->short_name) == 0) &&
		    fits(goods[i].field, field->name) &&
		    (goods[i].when == ALWAYS || (goods[i].when == BUNDLES) == making->bundles))
			return &goods[i];
	return NULL;
}

/* @depth: how far down the path this is, or BESIDE. */
static void put_message(struct bytes *to, const struct making *making,
			const ProtobufCMessageDescriptor *type, size_t depth);

/* @spoilt: which of the Any's own fields is something else; 0: none. */
static void put_any(struct bytes *to, const struct making *making,
		    const ProtobufCMessageDescriptor *holds, uint32_t spoilt, size_t depth)
{
	struct bytes value = {.data = NULL};
	bool json = making->bundles && holds == &caisson__guest__v1__process__descriptor;
	const char *url = json ? ABI_TYPE_OCI_PROCESS : holds->name;

	if (json)
		bytes_put(&value, "{}", 2);
	else
		put_message(&value, making, holds, depth);
	if (spoilt != ANY_URL)
		bytes_put_field(to, ANY_URL, url, strlen(url));
	if (spoilt != ANY_VALUE)
		bytes_put_field(to, ANY_VALUE, value.data, value.len);
	if (spoilt && making->instead)
		bytes_put(to, making->instead->data, making->instead->len);
	bytes_free(&value);
}

static void put_nested(struct bytes *to, const struct making *making,
		       const ProtobufCMessageDescriptor *type,
		       const ProtobufCFieldDescriptor *field, size_t depth)
{
	struct bytes nested = {.data = NULL};
	const ProtobufCMessageDescriptor *holds = request_any(type, field);
	const struct request_path *path = making->path;

	if (!holds)
		put_message(&nested, making, field->descriptor, depth);
	else if (depth < REQUEST_DEPTH_MAX && path->steps[depth].within == field->descriptor)
		put_any(&nested, making, holds, path->steps[depth].field->id, BESIDE);
	else
		put_any(&nested, making, holds, 0, depth);
	bytes_put_field(to, field->id, nested.data, nested.len);
	bytes_free(&nested);
}

static void put_good(struct bytes *to, const struct making *making,
		     const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field)
{
	const struct good *good = find_good(making, type, field);

	if (!good)
		return;
	if (good->nested) {
		put_nested(to, making, type, field, BESIDE);
	} else if (good->text) {
		bytes_put_field(to, field->id, good->text, strlen(good->text));
	} else {
		bytes_put_tag(to, field->id, TTRPC_WIRE_VARINT);
		bytes_put_varint(to, good->number);
	}
}

static void put_message(struct bytes *to, const struct making *making,
			const ProtobufCMessageDescriptor *type, size_t depth)
{
	const struct request_path *path = making->path;

	for (unsigned int i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];

		if (!path || depth >= path->n || path->steps[depth].field != field)
			put_good(to, making, type, field);
		else if (depth + 1 < path->n)
			put_nested(to, making, type, field, depth + 1);
		else if (making->instead)
			bytes_put(to, making->instead->data, making->instead->len);
	}
}

void request_put(struct bytes *to, const ProtobufCMessageDescriptor *type, bool bundles,
		 const struct request_path *path, const struct bytes *instead)
{
	const struct making making = {
		.request = type->short_name, .bundles = bundles, .path = path, .instead = instead};

	put_message(to, &making, type, path ? 0 : BESIDE);
}
