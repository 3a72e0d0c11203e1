/* SPDX-License-Identifier: Apache-2.0 */

#include "base/test.h"
#include "guest/oci/bundle.h"
#include "guest/task/test-session.h"
#include "guest/test-machine.h"
#include "guest/test-request.h"
#include "rpc/task.h"
#include "ttrpc/text.h"

/*
 * Every field of every request of every service, with what clients should not send. Which those are
 * is read from the tables that vminitd serves: whatever is added to them is tested as well. There is
 * a container "c" with a process that runs, but for Create, and an exec "e" that was added.
 *
 * Whatever comes, there is one answer, with a code that fits, and a good call is answered as before.
 * What was refused has changed nothing; what was not is undone, and then nothing is left.
 */

static size_t n_cases;

/* What a request is about. */
static const struct ttrpc_service *service;
static const struct ttrpc_method *method;
static bool bundles;

/* What must come of it. */
enum want {
	WANT_SENSE, /* a code that fits; the field's name says more */
	WANT_GOOD,  /* what a good request is answered with */
	WANT_TEXT,  /* INVALID_ARGUMENT that names the field */
	WANT_PARSE, /* no message at all */
	WANT_LARGE, /* a frame larger than there may be */
};

struct answer {
	size_t n;
	int32_t code;
	char text[TTRPC_TEXT_MAX + 1];
};

/* The machine as it is between two requests. */

static struct peer peer;
static uint32_t next_id;
static bool staged;

static bool creates(void)
{
	return strcmp(method->name, "Create") == 0 &&
	       service->methods == session_services[0].methods;
}

static const struct ttrpc_method *find_method(const struct ttrpc_service *of, const char *name)
{
	for (const struct ttrpc_method *m = of->methods; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	test_fail("%s has no %s", of->name, name);
}

static const struct ttrpc_service *find_service(const char *name)
{
	for (const struct ttrpc_service *s = session_services; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	test_fail("there is no %s", name);
}

static const ProtobufCMessageDescriptor *request_of(const struct ttrpc_method *m)
{
	return ((const struct rpc_types *)m->data)->request;
}

static void ask(const char *to, const char *name, const struct bytes *request)
{
	peer_put_request(&peer, next_id, 0, to, name, request->data, request->len);
	next_id += 2;
	session_pump(&peer);
	session_tell_all();
	session_pump(&peer);
}

static void take_answers(struct answer *answer)
{
	struct ttrpc_response_envelope response;
	uint32_t id;

	while (session_answer(&peer, &id, &response)) {
		answer->n++;
		answer->code = response.code;
		test_true(response.message.len <= TTRPC_TEXT_MAX);
		test_true(ttrpc_text_valid(response.message.data, response.message.len));
		(void)snprintf(answer->text, sizeof(answer->text), "%.*s",
			       (int)response.message.len, response.message.data);
	}
}

static void expect_ok(const char *to, const char *name, const struct bytes *request)
{
	struct answer answer = {.n = 0};

	ask(to, name, request);
	take_answers(&answer);
	if (answer.n != 1 || answer.code != TTRPC_OK)
		test_fail("%s: %zu answers, %d %s, though all is well", name, answer.n, answer.code,
			  answer.text);
}

static void good(const char *to, const char *name)
{
	struct bytes request = {.data = NULL};

	request_put(&request, request_of(find_method(find_service(to), name)), bundles, NULL, NULL);
	expect_ok(to, name, &request);
	bytes_free(&request);
}

static void make_bundle(void)
{
	static uint8_t id[] = {0x0a, 1, 'c'};
	struct bytes request = {.data = id, .len = sizeof(id)};

	if (bundles)
		expect_ok(RPC_SERVICE_BUNDLE, "Create", &request);
}

static void make_container(void)
{
	static uint8_t start[] = {0x0a, 1, 'c'};
	static const uint8_t exec_id[] = {0x12, 1, 'e'}; /* the last one counts */
	struct bytes request = {.data = start, .len = sizeof(start)};

	good(RPC_SERVICE_TASK_V2, "Create");
	expect_ok(RPC_SERVICE_TASK_V2, "Start", &request);
	request = (struct bytes){.data = NULL};
	request_put(&request, &containerd__task__v2__exec_process_request__descriptor, bundles,
		    NULL, NULL);
	bytes_put(&request, exec_id, sizeof(exec_id));
	expect_ok(RPC_SERVICE_TASK_V2, "Exec", &request);
	bytes_free(&request);
}

static void stage(void)
{
	if (staged)
		return;
	session_begin();
	session_task.bundles = bundles ? &session_bundles.base : NULL;
	session_connect(&peer);
	next_id = 1;
	make_bundle();
	if (!creates())
		make_container();
	if (strncmp(method->name, "Unmount", 7) == 0)
		good(RPC_SERVICE_MOUNT, "MountAll");
	staged = true;
}

/* What is not answered at once is when all have ended and are deleted. */
static void unstage(struct answer *answer)
{
	struct bytes nothing = {.data = NULL};

	if (!staged)
		return;
	session_forget_all();
	session_pump(&peer);
	if (answer)
		take_answers(answer);
	if (strcmp(service->name, RPC_SERVICE_MOUNT) == 0)
		expect_ok(RPC_SERVICE_MOUNT, "UnmountAll", &nothing);
	if (strcmp(service->name, RPC_SERVICE_SOCKETS) == 0)
		expect_ok(RPC_SERVICE_SOCKETS, "Listen", &nothing);
	session_reap_children();
	peer_done(&peer);
	session_end();
	machine_clean();
	machine_expect_clean();
	staged = false;
}

/* Checks */

/* Good requests that are refused all the same. The control groups here are no more than folders. */
static int32_t good_code(void)
{
	static const struct {
		const char *method;
		enum ttrpc_code code;
	} refused[] = {
		{"Answer", TTRPC_NOT_FOUND},
		{"Checkpoint", TTRPC_FAILED_PRECONDITION}, /* it is not paused */
		{"FindDisk", TTRPC_NOT_FOUND},
		{"Pause", TTRPC_NOT_FOUND},
		{"Processes", TTRPC_NOT_FOUND}, /* there is no such stream */
		{"Resume", TTRPC_FAILED_PRECONDITION},
		{"Serve", TTRPC_FAILED_PRECONDITION},
		{"Stats", TTRPC_UNKNOWN},
		{"Update", TTRPC_FAILED_PRECONDITION},
		{"Wait", TTRPC_NOT_FOUND}, /* it is deleted meanwhile */
	};

	/* There is no such stream. */
	if (strcmp(service->name, RPC_SERVICE_COPY) == 0 ||
	    strcmp(service->name, RPC_SERVICE_LAYER) == 0)
		return TTRPC_NOT_FOUND;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (strcmp(method->name, refused[i].method) == 0)
			return (int32_t)refused[i].code;
	return TTRPC_OK;
}

static bool sane(const struct answer *answer)
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
		if (answer->code == (int32_t)codes[i])
			return true;
	/* What only the kernel's mount knows to be wrong. */
	return answer->code == good_code() ||
	       (answer->code == TTRPC_INTERNAL && strstr(answer->text, "cannot mount \""));
}

/* Ids in none of the values below are known; but an empty exec_id is the container's process. */
static bool must_fail(const struct request_path *path, bool empty)
{
	const char *field = path->n == 1 ? path->steps[0].field->name : "";
	bool exec = strcmp(method->name, "Exec") == 0;

	if (strcmp(field, "id") == 0 && service->methods == session_services[0].methods)
		return !creates() && strcmp(method->name, "Connect") != 0 &&
		       !(empty && strcmp(method->name, "Shutdown") == 0);
	return strcmp(field, "exec_id") == 0 && (empty ? exec : !exec);
}

static bool in_any(const struct request_path *path)
{
	for (size_t i = 0; i + 1 < path->n; i++)
		if (request_any(path->steps[i].within, path->steps[i].field) &&
		    path->steps[i + 1].within != path->steps[i].field->descriptor)
			return true;
	return false;
}

static const char *name_of(const struct request_path *path)
{
	static char name[256];
	size_t len = 0;

	name[0] = '\0';
	for (size_t i = 0; i < path->n; i++)
		len += (size_t)snprintf(name + len, sizeof(name) - len, "%s%s", i ? "." : "",
					path->steps[i].field->name);
	return name;
}

static bool as_wanted(const struct answer *answer, const struct request_path *path, enum want want,
		      bool empty)
{
	const char *field = path->n ? path->steps[path->n - 1].field->name : "";
	size_t len = strcspn(field, "_");

	switch (want) {
	case WANT_GOOD:
		return answer->code == good_code();
	case WANT_LARGE:
		return answer->code == TTRPC_RESOURCE_EXHAUSTED;
	case WANT_PARSE:
		return answer->code == (in_any(path) ? TTRPC_INVALID_ARGUMENT : TTRPC_INTERNAL);
	case WANT_TEXT:
		return answer->code == TTRPC_INVALID_ARGUMENT &&
		       (in_any(path) || strncmp(answer->text, field, len) == 0);
	default:
		if (must_fail(path, empty) && answer->code != TTRPC_NOT_FOUND &&
		    answer->code != TTRPC_INVALID_ARGUMENT)
			return false;
		return sane(answer);
	}
}

static void check(const struct answer *answer, const struct request_path *path, enum want want,
		  bool empty, const struct bytes *bad)
{
	bool stream = method->stream != TTRPC_UNARY;

	n_cases++;
	if (answer->n == 0 && stream && want != WANT_PARSE && want != WANT_LARGE)
		return;
	if (answer->n == 1 && as_wanted(answer, path, want, empty))
		return;
	fprintf(stderr, "%s.%s, %s: %zu bytes:", service->name, method->name, name_of(path),
		bad ? bad->len : 0);
	for (size_t i = 0; bad && i < MIN(bad->len, 24); i++)
		fprintf(stderr, " %02x", bad->data[i]);
	test_fail("%zu answers: %d %s (wanted: %d)", answer->n, answer->code, answer->text, want);
}

static void expect_unchanged(void)
{
	size_t n = 0;

	for (struct process *p = NULL; (p = process_next(&session_task.processes, p)); n++)
		test_int(p->state, process_is_exec(p) ? PROCESS_ADDED : PROCESS_RUNNING);
	test_int(n, creates() ? 0 : 2);
	test_true(!session_task.closing);
}

static void expect_alive(void)
{
	static uint8_t id[] = {0x0a, 1, 'c'};
	struct bytes request = {.data = id, .len = sizeof(id)};

	expect_ok(RPC_SERVICE_TASK_V3, creates() ? "Connect" : "State", &request);
}

static void send(const struct request_path *path, const struct bytes *bad,
		 const struct bytes *request, enum want want, bool empty)
{
	struct answer answer = {.n = 0};

	stage();
	ask(service->name, method->name, request);
	take_answers(&answer);
	expect_alive();
	if (answer.n == 1 && answer.code != TTRPC_OK)
		expect_unchanged();
	/* Of a bundle nothing may be left when it cannot become a container. */
	if (answer.n != 1 || answer.code == TTRPC_OK || (bundles && creates()))
		unstage(&answer);
	check(&answer, path, want, empty, bad);
}

static void try(const struct request_path *path, const struct bytes *bad, enum want want,
		bool empty)
{
	struct bytes request = {.data = NULL};

	request_put(&request, request_of(method), bundles, path->n ? path : NULL, bad);
	send(path, bad, &request, want, empty);
	bytes_free(&request);
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
	BAD("/run/mounts/../bundles/c", WANT_SENSE),
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

static const struct bytes *bad_field(const ProtobufCFieldDescriptor *field, const void *data,
				     size_t len)
{
	static struct bytes bad;

	bad.len = 0;
	bytes_put_field(&bad, field->id, data, len);
	return &bad;
}

static void try_wrong_wire(const struct request_path *path, const ProtobufCFieldDescriptor *field)
{
	struct bytes bad = {.data = NULL};

	bytes_put_tag(&bad, field->id, TTRPC_WIRE_VARINT);
	/* One byte of length, and one that it announces; or a number, and then no field. */
	bytes_put(&bad, "\x01\x00", 2);
	try(path, &bad, WANT_PARSE, false);
	bytes_free(&bad);
}

/* The same field once more, and again: each two bytes would become something. */
static void try_many(const struct request_path *path, const ProtobufCFieldDescriptor *field)
{
	struct bytes bad = {.data = NULL};

	if (field->label != PROTOBUF_C_LABEL_REPEATED || bundles)
		return;
	bytes_put_field(&bad, field->id, "", 0);
	while (bad.len < 2 << 20)
		bytes_put(&bad, bad.data, bad.len);
	try(path, &bad, WANT_SENSE, false);
	bytes_free(&bad);
}

static void try_sizes(const struct request_path *path, const ProtobufCFieldDescriptor *field)
{
	static const size_t sizes[] = {77, 300, 4096, TTRPC_FRAME_DATA_MAX - 1024,
				       TTRPC_FRAME_DATA_MAX};
	/* What is done before anybody knows what it is about is done often enough. */
	size_t n = ARRAY_SIZE(sizes) - (path->n > 1) - bundles;
	static uint8_t huge[TTRPC_FRAME_DATA_MAX];

	memset(huge, 'x', sizeof(huge));
	for (size_t i = 0; i < n; i++)
		try(path, bad_field(field, huge, sizes[i]),
		    sizes[i] < TTRPC_FRAME_DATA_MAX ? WANT_SENSE : WANT_LARGE, false);
}

static void try_texts(const struct request_path *path, const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_texts); i++) {
		const struct ttrpc_bytes *bytes = &bad_texts[i].bytes;
		enum want want = bad_texts[i].want;

		/* Words of a command, say, are whatever the kernel takes. */
		if (field->type != PROTOBUF_C_TYPE_STRING ||
		    (in_any(path) && !memchr(bytes->data, '\0', bytes->len)))
			want = WANT_SENSE;
		try(path, bad_field(field, bytes->data, bytes->len), want, bytes->len == 0);
	}
	try_sizes(path, field);
	try_wrong_wire(path, field);
	try_many(path, field);
}

static void try_numbers(const struct request_path *path, const ProtobufCFieldDescriptor *field)
{
	struct bytes bad = {.data = NULL};

	for (size_t i = 0; i < ARRAY_SIZE(bad_numbers); i++) {
		bad.len = 0;
		bytes_put_tag(&bad, field->id, TTRPC_WIRE_VARINT);
		bytes_put_varint(&bad, bad_numbers[i]);
		try(path, &bad, WANT_SENSE, false);
	}
	bad.len = 0;
	bytes_put_tag(&bad, field->id, TTRPC_WIRE_VARINT);
	bytes_put(&bad, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11);
	try(path, &bad, WANT_PARSE, false);
	bytes_free(&bad);
	try_many(path, field);
}

static void try_fields(struct request_path *path, const ProtobufCMessageDescriptor *type);

static void try_message(struct request_path *path, const ProtobufCMessageDescriptor *type,
			const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *holds = request_any(type, field);

	try(path, bad_field(field, "", 0), WANT_SENSE, false);
	try(path, bad_field(field, "\xff\xff\xff", 3), WANT_PARSE, false);
	try_wrong_wire(path, field);
	try_many(path, field);
	try_fields(path, field->descriptor);
	/* That is not what containers from bundles are made of. */
	if (holds && !bundles)
		try_fields(path, holds);
}

static void try_fields(struct request_path *path, const ProtobufCMessageDescriptor *type)
{
	size_t at = path->n++;

	test_true(at < REQUEST_DEPTH_MAX);
	for (unsigned int i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];

		path->steps[at].field = field;
		path->steps[at].within = type;
		try(path, NULL, WANT_SENSE, true);
		if (field->type == PROTOBUF_C_TYPE_MESSAGE)
			try_message(path, type, field);
		else if (field->type == PROTOBUF_C_TYPE_STRING ||
			 field->type == PROTOBUF_C_TYPE_BYTES)
			try_texts(path, field);
		else
			try_numbers(path, field);
	}
	path->n = at;
}

/* Payloads that are no message of any kind; and one with a field that nobody knows. */
static void try_payloads(void)
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
	const struct request_path none = {.n = 0};
	struct bytes request = {.data = NULL};

	request_put(&request, request_of(method), bundles, NULL, NULL);
	send(&none, NULL, &request, WANT_GOOD, false);
	bytes_put_field(&request, 1000, "\xff..", 3);
	send(&none, NULL, &request, WANT_GOOD, false);
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		request.len = 0;
		bytes_put(&request, garbage[i].bytes, garbage[i].len);
		send(&none, NULL, &request, WANT_PARSE, false);
	}
	bytes_free(&request);
}

/* The same table of methods under another name is not tried field by field again. */
static bool seen_before(const struct ttrpc_service *s)
{
	for (const struct ttrpc_service *before = session_services; before != s; before++)
		if (before->methods == s->methods)
			return true;
	return false;
}

static void try_service(const struct ttrpc_service *s)
{
	struct request_path path = {.n = 0};

	service = s;
	for (method = s->methods; method->name; method++) {
		try_payloads();
		if (!seen_before(s))
			try_fields(&path, request_of(method));
		unstage(NULL);
	}
}

static void every_field_of_every_request(void)
{
	for (const struct ttrpc_service *s = session_services; s->name; s++)
		try_service(s);
	test_true(n_cases > 1000);
}

static void containers_from_bundles(void)
{
	bundles = true;
	try_service(&session_services[0]);
	try_service(&session_services[1]);
}

int main(void)
{
	machine_begin();
	session_begin();
	session_end();
	machine_remember();
	test_run(every_field_of_every_request);
	test_run(containers_from_bundles);
	return 0;
}
