/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/qmp.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/test.h"

/* A scripted peer: what is written at one end in pieces of an odd size, read at the other. */

#define GREETING                                                                            \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, " \
	"\"capabilities\": [\"oob\"]}}\r\n"
#define CAPABILITIES "{\"execute\":\"qmp_capabilities\",\"id\":1}\n"

static struct qmp qmp = QMP_NULL;
static int peer = -EBADF;

static void begin(void)
{
	int pair[2];
	char buf[sizeof(CAPABILITIES)];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	test_int(fd_nonblock(pair[0], true), 0);
	peer = pair[1];
	test_int(qmp_init(&qmp, pair[0]), 0);
	test_int(fd_read_full(peer, buf, sizeof(CAPABILITIES) - 1), sizeof(CAPABILITIES) - 1);
	test_mem(buf, CAPABILITIES, sizeof(CAPABILITIES) - 1);
}

static void end(void)
{
	qmp_deinit(&qmp);
	qmp_deinit(&qmp);
	peer = fd_close(peer);
}

static void say(const char *text)
{
	test_int(fd_write_full(peer, text, strlen(text)), 0);
}

/* One line in pieces: nothing is there until the last one. */
static void say_slowly(const char *text, size_t piece, struct qmp_message *m)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += piece) {
		size_t n = MIN(piece, len - at);

		test_int(fd_write_full(peer, text + at, n), 0);
		test_int(qmp_receive(&qmp, m), at + n == len ? 1 : 0);
	}
}

static void conversation_in_pieces(void)
{
	static const size_t pieces[] = {1, 3, 7, 31, 143};
	struct qmp_message m;
	uint32_t id;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		begin();
		say_slowly(GREETING, pieces[i], &m);
		test_int(m.kind, QMP_GREETING);
		say_slowly("{\"return\": {}, \"id\": 1}\r\n", pieces[i], &m);
		test_int(m.kind, QMP_RETURN);
		test_int(m.id, 1);
		test_int(qmp_send(&qmp, "stop", &id), 0);
		test_int(id, 2);
		say_slowly("{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, "
			   "\"event\": \"STOP\"}\r\n",
			   pieces[i], &m);
		test_int(m.kind, QMP_EVENT);
		test_str(m.event, "STOP");
		test_str(m.reason, "");
		say_slowly("{\"return\": {}, \"id\": 2}\r\n", pieces[i], &m);
		test_int(m.kind, QMP_RETURN);
		test_int(m.id, 2);
		end();
	}
}

static bool readable(void)
{
	struct pollfd p = {.fd = qmp.fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* What was not asked for yet stays in the socket, so that a loop goes on calling. */
static void one_message_a_call(void)
{
	struct qmp_message m;

	begin();
	say(GREETING "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
		     "\"guest-reset\"}}\r\n{\"return\": {}, \"id\": 1}\r\n{\"ret");
	test_int(qmp_receive(&qmp, &m), 1);
	test_int(m.kind, QMP_GREETING);
	test_true(readable());
	test_int(qmp_receive(&qmp, &m), 1);
	test_str(m.event, "SHUTDOWN");
	test_str(m.reason, "guest-reset");
	test_true(readable());
	test_int(qmp_receive(&qmp, &m), 1);
	test_int(m.kind, QMP_RETURN);
	test_int(qmp_receive(&qmp, &m), 0);
	test_true(!readable());
	say("urn\": null, \"id\": 4294967295}\n");
	test_int(qmp_receive(&qmp, &m), 1);
	test_int(m.kind, QMP_RETURN);
	test_int(m.id, UINT32_MAX);
	end();
}

static void errors_are_quoted(void)
{
	struct qmp_message m;

	begin();
	say("{\"id\": 9, \"error\": {\"class\": \"GenericError\", \"desc\": \"no\\u001b[2J "
	    "way\"}}\n");
	test_int(qmp_receive(&qmp, &m), 1);
	test_int(m.kind, QMP_ERROR);
	test_int(m.id, 9);
	test_str(m.desc, "no?[2J way");
	end();
}

/* Ids that are not ours count as none. */
static void strange_ids(void)
{
	static const char *const ids[] = {"\"1\"", "-1",  "4294967296", "[1]",
					  "null",  "1.5", "true",	"99999999999999999999"};
	struct qmp_message m;
	char line[128];

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		begin();
		(void)snprintf(line, sizeof(line), "{\"return\": {}, \"id\": %s}\n", ids[i]);
		say(line);
		test_int(qmp_receive(&qmp, &m), 1);
		test_int(m.id, 0);
		end();
	}
}

static void garbage_is_refused(void)
{
	static const char *const lines[] = {
		"\n",
		"hello\n",
		"{}\n",
		"[]\n",
		"null\n",
		"7\n",
		"{\"event\": 5}\n",
		"{\"event\": \"\"}\n",
		"{\"error\": \"x\"}\n",
		"{\"return\": {\n",
		"{\"return\": {}\n",
		"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}\n",
		"\xff\xfe\n",
	};
	struct qmp_message m;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		begin();
		say(lines[i]);
		if (qmp_receive(&qmp, &m) != -EPROTO)
			test_fail("taken for QMP: %s", lines[i]);
		end();
	}
}

static void zero_bytes_are_refused(void)
{
	static const char line[] = "{\"return\":\0{}}\n";
	struct qmp_message m;

	begin();
	test_int(fd_write_full(peer, line, sizeof(line) - 1), 0);
	test_int(qmp_receive(&qmp, &m), -EPROTO);
	end();
}

static void long_words_are_cut(void)
{
	struct qmp_message m;

	begin();
	say("{\"event\": \"");
	for (int i = 0; i < 50; i++)
		say("ABCDEFGHIJ");
	say("\"}\n");
	test_int(qmp_receive(&qmp, &m), 1);
	test_int(strlen(m.event), QMP_WORD_MAX - 1);
	end();
}

static void endless_line_is_refused(void)
{
	static char block[1000];
	struct qmp_message m;
	int r = 0;

	memset(block, ' ', sizeof(block));
	begin();
	for (size_t sent = 0; sent <= QMP_LINE_MAX && r == 0; sent += sizeof(block)) {
		test_int(fd_write_full(peer, block, sizeof(block)), 0);
		r = qmp_receive(&qmp, &m);
	}
	if (r == 0)
		r = qmp_receive(&qmp, &m);
	test_int(r, -EMSGSIZE);
	end();
}

static void end_of_file(void)
{
	struct qmp_message m;

	begin();
	say("{\"return\"");
	test_int(qmp_receive(&qmp, &m), 0);
	peer = fd_close(peer);
	test_int(qmp_receive(&qmp, &m), -ECONNRESET);
	test_int(qmp_send(&qmp, "quit", NULL), -EPIPE);
	end();
	test_int(qmp_send(&qmp, "quit", NULL), -ENOTCONN);
}

/* QEMU quits with commands unread: the kernel says ECONNRESET instead of an end. */
static void reset(void)
{
	struct qmp_message m;

	begin();
	test_int(qmp_send(&qmp, "quit", NULL), 0);
	peer = fd_close(peer);
	test_int(qmp_receive(&qmp, &m), -ECONNRESET);
	end();
}

int main(void)
{
	test_run(conversation_in_pieces);
	test_run(one_message_a_call);
	test_run(errors_are_quoted);
	test_run(strange_ids);
	test_run(garbage_is_refused);
	test_run(zero_bytes_are_refused);
	test_run(long_words_are_cut);
	test_run(endless_line_is_refused);
	test_run(end_of_file);
	test_run(reset);
	return 0;
}
