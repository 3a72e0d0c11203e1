/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers in Firecracker's place, as any other program would. The first byte of the input says in how large
 * pieces an answer comes (0: at once); the rest are answers, with SEPARATOR between them: each goes to one request.
 * Where nothing goes on, the connection ends.
 */
#include <ctype.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"
#include "loop/test-clock.h"
#include "vmm/firecracker/api.h"
#include "vmm/firecracker/command.h"

#define SEPARATOR    0x1e
#define REQUESTS_MAX 4
#define TURNS_MAX    100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/caisson-fuzz-fc-api.XXXXXX";
static int folder = -EBADF, listener, conn;
static struct loop loop;
static const uint8_t *answer;
static size_t answer_len, piece;
static bool answering;
static int n_done;

static void remove_folder(void)
{
	(void)path_remove_tree(AT_FDCWD, dir);
}

static void prepare(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (folder >= 0)
		return;
	test_true(mkdtemp(dir) != NULL);
	(void)atexit(remove_folder);
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/" VMM_FIRECRACKER_SOCKET, dir);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	test_int(bind(listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	test_int(listen(listener, 4), 0);
}

/* Whatever was answered is one line that a terminal may get. */
static void check_text(const char *text)
{
	for (; *text; text++)
		test_true(isprint((unsigned char)*text));
}

static void answered(void *data _unused_, const struct fc_answer *a)
{
	struct err err = ERR_NULL;
	unsigned int minor;

	n_done++;
	test_true(a->r <= 0 && a->text != NULL && strlen(a->text) < FC_API_ANSWER_MAX);
	if (a->r < 0)
		check_text(a->text);
	else if (fc_check_version(a->text, &minor, &err) < 0)
		check_text(err.text);
	loop_quit(&loop, 0);
}

/* Return: whether there was anything to take. */
static bool take_request(void)
{
	char buf[4096];

	if (conn < 0)
		conn = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (conn < 0)
		return false;
	if (recv(conn, buf, sizeof(buf), 0) <= 0)
		return false;
	answering = true;
	return true;
}

/* Return: whether there was anything to say. */
static bool say_more(void)
{
	size_t len = piece > 0 ? MIN(piece, answer_len) : answer_len;
	ssize_t n;

	if (!answering || len == 0)
		return false;
	n = send(conn, answer, len, MSG_NOSIGNAL);
	if (n <= 0)
		return false;
	answer += n;
	answer_len -= (size_t)n;
	return true;
}

static void serve(void)
{
	if (take_request() || say_more())
		return;
	conn = fd_close(conn);
	answering = false;
}

static void take_turns(void)
{
	for (int i = 0; n_done == 0; i++) {
		test_true(i < TURNS_MAX);
		(void)test_turn(&loop);
		serve();
	}
	test_int(n_done, 1);
}

/* Return: whether another one follows. */
static bool next_answer(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, SEPARATOR, *size);

	answer = *data;
	answer_len = end ? (size_t)(end - *data) : *size;
	answering = false;
	*data += answer_len + (end != NULL);
	*size -= answer_len + (end != NULL);
	return end != NULL;
}

static void ask(struct fc_api *api, int i)
{
	static const char *const methods[] = {"GET", "PUT", "PATCH"};

	n_done = 0;
	test_int(fc_api_send(api, methods[i % 3], "/version", i % 3 ? "{}" : NULL, answered, NULL),
		 0);
	take_turns();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fc_api *api;
	bool more = true;

	if (size == 0)
		return 0;
	prepare();
	piece = *data++;
	size--;
	conn = -EBADF;
	test_int(loop_init(&loop), 0);
	api = fc_api_new(&loop);
	test_int(fc_api_at(api, folder), 0);
	for (int i = 0; more && i < REQUESTS_MAX; i++) {
		more = next_answer(&data, &size);
		ask(api, i);
	}
	fc_api_free(api);
	fd_close(conn);
	/* Of a connection that was made in vain. */
	while ((conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		fd_close(conn);
	loop_deinit(&loop);
	return 0;
}
