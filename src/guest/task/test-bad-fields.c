/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "guest/task/test-session.h"
#include "rpc/task.h"
#include "ttrpc/text.h"

/*
 * Every field of every request of the Task service, with what clients should not send. Which those
 * are is read from the service's own tables: whatever is added to it is tested as well. Each case
 * has a container with a process that runs, but for Create, and an exec that was added.
 */

#define MESSAGE_MAX (5u << 20)

static struct bytes {
	uint8_t data[MESSAGE_MAX];
	size_t len;
} payload, nested;

static size_t n_cases;

static void put_varint(struct bytes *to, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		to->data[to->len++] = (uint8_t)(value | 0x80);
	to->data[to->len++] = (uint8_t)value;
}

static void put_tag(struct bytes *to, uint32_t number, enum ttrpc_wire wire)
{
	put_varint(to, (uint64_t)number << 3 | wire);
}

static void put_bytes(struct bytes *to, uint32_t number, const void *data, size_t len)
{
	put_tag(to, number, TTRPC_WIRE_BYTES);
	put_varint(to, len);
	memcpy(to->data + to->len, data, len);
	to->len += len;
}

/* A good request, but for one field. */

static const struct {
	const char *method, *field; /* NULL: of all */
	const char *text;
} good_texts[] = {
	{NULL, "id", "c"},
	{"Exec", "exec_id", "new"},
	{NULL, "exec_id", "e"},
};

static void put_good_any(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t packed[256] = {0};
	size_t len;

	test_int(rpc_any_pack(message, &any), 0);
	len = protobuf_c_message_pack(&any.base, packed);
	put_bytes(&payload, field->id, packed, len);
	rpc_any_done(&any);
}

static void put_good_message(const char *method, const ProtobufCFieldDescriptor *field)
{
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	Caisson__Guest__V1__Container container = CAISSON__GUEST__V1__CONTAINER__INIT;
	char *words[] = {rpc_str("cmd")};

	process.args = words;
	process.n_args = 1;
	container.process = &process;
	if (strcmp(field->name, "rootfs") == 0)
		put_bytes(&payload, field->id, "\x0a\x08virtiofs", 10);
	else if (strcmp(method, "Create") == 0 && strcmp(field->name, "options") == 0)
		put_good_any(field, &container.base);
	else if (strcmp(field->name, "spec") == 0)
		put_good_any(field, &process.base);
}

static void put_good_field(const char *method, const ProtobufCFieldDescriptor *field)
{
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		put_good_message(method, field);
	for (size_t i = 0; i < ARRAY_SIZE(good_texts); i++)
		if (strcmp(field->name, good_texts[i].field) == 0 &&
		    (!good_texts[i].method || strcmp(method, good_texts[i].method) == 0)) {
			put_bytes(&payload, field->id, good_texts[i].text,
				  strlen(good_texts[i].text));
			return;
		}
}

static void put_good_but(const struct ttrpc_method *method, const ProtobufCFieldDescriptor *bad)
{
	const ProtobufCMessageDescriptor *type = ((const struct rpc_types *)method->data)->request;

	payload.len = 0;
	for (unsigned int i = 0; i < type->n_fields; i++)
		if (&type->fields[i] != bad)
			put_good_field(method->name, &type->fields[i]);
}

/* What must come of it. */

enum want {
	WANT_SENSE, /* a code that fits; the field's name says more */
	WANT_TEXT,  /* INVALID_ARGUMENT that names the field */
	WANT_PARSE, /* no message at all */
};

struct answer {
	size_t n;
	int32_t code;
	char text[TTRPC_TEXT_MAX + 1];
};

static bool sane(int32_t code)
{
	static const enum ttrpc_code codes[] = {
		TTRPC_OK,
		TTRPC_INVALID_ARGUMENT,
		TTRPC_NOT_FOUND,
		TTRPC_ALREADY_EXISTS,
		TTRPC_RESOURCE_EXHAUSTED,
		TTRPC_FAILED_PRECONDITION,
		TTRPC_UNIMPLEMENTED,
		TTRPC_UNAVAILABLE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (code == (int32_t)codes[i])
			return true;
	return false;
}

/* Ids in none of the values below are known; but an empty exec_id is the container's process. */
static bool must_fail(const char *method, const char *field, bool empty)
{
	bool exec = strcmp(method, "Exec") == 0;

	if (strcmp(field, "id") == 0)
		return strcmp(method, "Create") != 0 && strcmp(method, "Connect") != 0 &&
		       !(empty && strcmp(method, "Shutdown") == 0);
	return strcmp(field, "exec_id") == 0 && (empty ? exec : !exec);
}

static void check(const struct answer *answer, const char *method, const char *field,
		  enum want want, bool empty)
{
	char names[64];

	n_cases++;
	(void)snprintf(names, sizeof(names), "%.*s: ", (int)strcspn(field, "_"), field);
	if (answer->n != 1)
		test_fail("%s with a bad %s: %zu answers", method, field, answer->n);
	if (want == WANT_TEXT && (answer->code != TTRPC_INVALID_ARGUMENT ||
				  strncmp(answer->text, names, strcspn(names, ":_")) != 0))
		test_fail("%s with a bad %s: %d %s", method, field, answer->code, answer->text);
	if (want == WANT_PARSE && answer->code != TTRPC_INTERNAL)
		test_fail("%s without sense in %s: %d", method, field, answer->code);
	if (want == WANT_SENSE && !sane(answer->code))
		test_fail("%s with a bad %s: %d %s", method, field, answer->code, answer->text);
	if (want == WANT_SENSE && must_fail(method, field, empty) &&
	    answer->code != TTRPC_NOT_FOUND && answer->code != TTRPC_INVALID_ARGUMENT)
		test_fail("%s with a bad %s: %d %s", method, field, answer->code, answer->text);
}

/* Asking */

static void ask(struct peer *peer, uint32_t id, const char *method, const void *data, size_t len)
{
	peer_put_request(peer, id, 0, RPC_SERVICE_TASK_V3, method, data, len);
	peer_pump(peer);
	session_tell_all();
	peer_pump(peer);
}

static void prepare(struct peer *peer)
{
	static const struct ttrpc_method create = {.name = "Create"}, exec = {.name = "Exec"};
	static const struct rpc_types create_types = {
		.request = &containerd__task__v2__create_task_request__descriptor};
	static const struct rpc_types exec_types = {
		.request = &containerd__task__v2__exec_process_request__descriptor};
	struct ttrpc_response_envelope response;
	struct ttrpc_method method = create;
	uint32_t id;

	method.data = &create_types;
	put_good_but(&method, NULL);
	ask(peer, 1, "Create", payload.data, payload.len);
	ask(peer, 3, "Start",
	    "\x0a\x01"
	    "c",
	    3);
	method = exec;
	method.data = &exec_types;
	put_good_but(&method, NULL);
	/* The last field wins. */
	put_bytes(&payload, 2, "e", 1);
	ask(peer, 5, "Exec", payload.data, payload.len);
	for (int i = 0; i < 3; i++) {
		test_true(session_answer(peer, &id, &response));
		test_int(response.code, TTRPC_OK);
	}
}

static void take_answers(struct peer *peer, struct answer *answer)
{
	struct ttrpc_response_envelope response;
	uint32_t id;

	while (session_answer(peer, &id, &response)) {
		answer->n++;
		answer->code = response.code;
		test_true(response.message.len <= TTRPC_TEXT_MAX);
		test_true(ttrpc_text_valid(response.message.data, response.message.len));
		(void)snprintf(answer->text, sizeof(answer->text), "%.*s",
			       (int)response.message.len, response.message.data);
	}
}

/* What is not answered at once is when all have ended and are deleted. */
static void try(const struct ttrpc_method *method, const char *field, enum want want, bool empty)
{
	static struct bytes request;
	struct answer answer = {.n = 0};
	struct peer peer;

	request.len = payload.len;
	memcpy(request.data, payload.data, payload.len);
	session_begin();
	session_connect(&peer);
	if (strcmp(method->name, "Create") != 0)
		prepare(&peer);
	ask(&peer, 7, method->name, request.data, request.len);
	take_answers(&peer, &answer);
	for (struct process *p = NULL; (p = process_next(&session_task.processes, p));)
		test_true(process_id_valid(p->id));
	session_forget_all();
	peer_pump(&peer);
	take_answers(&peer, &answer);
	check(&answer, method->name, field, want, empty);
	peer_done(&peer);
	session_end();
}

/* What may be wrong with a field of each type. */

static const struct {
	struct ttrpc_bytes bytes;
	enum want want;
} bad_texts[] = {
#define BAD(bytes, want)                                            \
	{                                                           \
		{(const uint8_t *)(bytes), sizeof(bytes) - 1}, want \
	}
	BAD("", WANT_SENSE),
	BAD("nobody", WANT_SENSE),
	BAD("..", WANT_SENSE),
	BAD("../../etc/passwd", WANT_SENSE),
	BAD("c/../c", WANT_SENSE),
	BAD("/", WANT_SENSE),
	BAD("-", WANT_SENSE),
	BAD(" c", WANT_SENSE),
	BAD("a\n\x1b[31mb\x7f", WANT_SENSE),
	BAD("%s%n%d", WANT_SENSE),
	BAD("stream://", WANT_SENSE),
	BAD("stream://nobody", WANT_SENSE),
	BAD("stream://../..", WANT_SENSE),
	BAD("\xc3\xa4", WANT_SENSE),
	BAD("\xff", WANT_TEXT),
	BAD("\xc3(", WANT_TEXT),
	BAD("\xed\xa0\x80", WANT_TEXT),
	BAD("c\0", WANT_TEXT),
	BAD("\0", WANT_TEXT),
#undef BAD
};

static const uint64_t bad_numbers[] = {0,
				       1,
				       65,
				       65536,
				       INT32_MAX,
				       UINT32_MAX,
				       UINT64_C(1) << 32,
				       INT64_MAX, /* and what is negative on the wire */
				       UINT64_MAX,
				       (uint64_t)INT32_MIN,
				       (uint64_t)INT64_MIN};

static void try_wrong_wire(const struct ttrpc_method *method, const ProtobufCFieldDescriptor *field,
			   enum ttrpc_wire wire)
{
	put_good_but(method, field);
	put_tag(&payload, field->id, wire);
	/* One byte of length, and one that it announces; or a number, and then no field. */
	memcpy(payload.data + payload.len, "\x01\x00", 2);
	payload.len += 2;
	try(method, field->name, WANT_PARSE, false);
}

static void try_texts(const struct ttrpc_method *method, const ProtobufCFieldDescriptor *field)
{
	static const size_t sizes[] = {77, 4096, 1 << 20, TTRPC_FRAME_DATA_MAX - 512};
	static uint8_t huge[TTRPC_FRAME_DATA_MAX];

	memset(huge, 'x', sizeof(huge));
	for (size_t i = 0; i < ARRAY_SIZE(bad_texts); i++) {
		put_good_but(method, field);
		put_bytes(&payload, field->id, bad_texts[i].bytes.data, bad_texts[i].bytes.len);
		try(method, field->name, bad_texts[i].want, bad_texts[i].bytes.len == 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		put_good_but(method, field);
		put_bytes(&payload, field->id, huge, sizes[i]);
		try(method, field->name, WANT_SENSE, false);
	}
	try_wrong_wire(method, field, TTRPC_WIRE_VARINT);
}

static void try_numbers(const struct ttrpc_method *method, const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_numbers); i++) {
		put_good_but(method, field);
		put_tag(&payload, field->id, TTRPC_WIRE_VARINT);
		put_varint(&payload, bad_numbers[i]);
		try(method, field->name, WANT_SENSE, false);
	}
	put_good_but(method, field);
	put_tag(&payload, field->id, TTRPC_WIRE_VARINT);
	memset(payload.data + payload.len, 0xff, 11);
	payload.len += 11;
	try(method, field->name, WANT_PARSE, false);
}

static void try_within(const struct ttrpc_method *method, const ProtobufCFieldDescriptor *field,
		       const ProtobufCFieldDescriptor *inner)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_texts); i++) {
		bool text = inner->type == PROTOBUF_C_TYPE_STRING;

		nested.len = 0;
		put_bytes(&nested, inner->id, bad_texts[i].bytes.data, bad_texts[i].bytes.len);
		put_good_but(method, field);
		put_bytes(&payload, field->id, nested.data, nested.len);
		try(method, inner->name, text ? bad_texts[i].want : WANT_SENSE, false);
	}
}

static void try_messages(const struct ttrpc_method *method, const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;

	put_good_but(method, field);
	put_bytes(&payload, field->id, "", 0);
	try(method, field->name, WANT_SENSE, false);
	put_good_but(method, field);
	put_bytes(&payload, field->id, "\xff\xff\xff", 3);
	try(method, field->name, WANT_PARSE, false);
	/* Many: each two bytes would become a message. */
	put_good_but(method, field);
	for (size_t i = 0; i < 1 << 20; i++)
		put_bytes(&payload, field->id, "", 0);
	try(method, field->name, WANT_SENSE, false);
	try_wrong_wire(method, field, TTRPC_WIRE_VARINT);
	for (unsigned int i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_STRING ||
		    type->fields[i].type == PROTOBUF_C_TYPE_BYTES)
			try_within(method, field, &type->fields[i]);
}

static void try_field(const struct ttrpc_method *method, const ProtobufCFieldDescriptor *field)
{
	put_good_but(method, field);
	try(method, field->name, WANT_SENSE, true);
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		try_texts(method, field);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		try_messages(method, field);
		break;
	default:
		try_numbers(method, field);
	}
}

static const struct ttrpc_method *methods(void)
{
	const struct ttrpc_method *list;

	session_begin();
	list = session_task.services[1].methods;
	session_end();
	return list;
}

static void every_field_of_every_request(void)
{
	for (const struct ttrpc_method *method = methods(); method->name; method++) {
		const struct rpc_types *types = method->data;

		put_good_but(method, NULL);
		try(method, "", WANT_SENSE, false);
		for (unsigned int i = 0; i < types->request->n_fields; i++)
			try_field(method, &types->request->fields[i]);
	}
	test_true(n_cases > 1000);
}

/* What is executed: a message in an Any, for a container within another one. */

static void try_process(const struct ttrpc_method *method, const char *name, const char *outer)
{
	const ProtobufCMessageDescriptor *type = ((const struct rpc_types *)method->data)->request;
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(type, name);
	static struct bytes container, any;

	container.len = any.len = 0;
	if (strcmp(outer, ABI_TYPE_CONTAINER) == 0)
		put_bytes(&container, 1, nested.data, nested.len);
	put_bytes(&any, 1, outer, strlen(outer));
	put_bytes(&any, 2, container.len > 0 ? container.data : nested.data,
		  container.len > 0 ? container.len : nested.len);
	put_good_but(method, field);
	put_bytes(&payload, field->id, any.data, any.len);
	try(method, name, WANT_SENSE, false);
}

static void begin_process(void)
{
	nested.len = 0;
	put_bytes(&nested, 1, "cmd", 3);
}

static void try_process_field(const struct ttrpc_method *method, const char *name,
			      const char *outer, uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_texts); i++) {
		begin_process();
		put_bytes(&nested, id, bad_texts[i].bytes.data, bad_texts[i].bytes.len);
		try_process(method, name, outer);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_numbers); i++) {
		begin_process();
		put_tag(&nested, id, TTRPC_WIRE_VARINT);
		put_varint(&nested, bad_numbers[i]);
		try_process(method, name, outer);
	}
	/* As many as a frame can hold: more than there is memory for, if they are strings. */
	begin_process();
	for (size_t i = 0; i < 1 << 20; i++)
		put_bytes(&nested, id, "", 0);
	try_process(method, name, outer);
}

static void every_field_of_a_process(void)
{
	const ProtobufCMessageDescriptor *type = &caisson__guest__v1__process__descriptor;

	for (const struct ttrpc_method *method = methods(); method->name; method++)
		for (unsigned int i = 0; i < type->n_fields; i++) {
			if (strcmp(method->name, "Create") == 0)
				try_process_field(method, "options", ABI_TYPE_CONTAINER,
						  type->fields[i].id);
			else if (strcmp(method->name, "Exec") == 0)
				try_process_field(method, "spec", ABI_TYPE_PROCESS,
						  type->fields[i].id);
		}
}

/* Payloads that are no message of any kind. */
static void garbage_instead_of_requests(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} garbage[] = {{"\xff", 1},
		       {"\x0a", 1},
		       {"\x0a\x05"
			"c",
			3},
		       {"\x0b\x0c", 2},
		       {"\x00\x00", 2},
		       {"\x0f", 1}};

	for (const struct ttrpc_method *method = methods(); method->name; method++)
		for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
			payload.len = garbage[i].len;
			memcpy(payload.data, garbage[i].bytes, payload.len);
			try(method, "all", WANT_PARSE, false);
		}
}

int main(void)
{
	test_run(every_field_of_every_request);
	test_run(every_field_of_a_process);
	test_run(garbage_instead_of_requests);
	return 0;
}
