/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/api.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop/test-clock.h"
#include "vmm/test-files.h"
#include "vmm/vmm.h"

/*
 * In Firecracker's place a thread answers: to each request the next of some texts, whatever they are, on as many
 * connections as are made.
 */

#define PATIENCE (20 * NSEC_PER_SEC)

static struct loop loop;
static struct loop_timer watchdog;
static struct fc_api *api;
static int dir, listener;
static const char *const *answers;
static char asked[4][512];
static size_t n_asked;
static struct fc_answer last;
static char last_text[512];

static size_t body_length(const char *head)
{
	const char *field = strcasestr(head, "\r\nContent-Length:");

	return field ? strtoul(field + 17, NULL, 10) : 0;
}

/* Return: whether a whole request came. */
static bool take_request(int fd, char *buf, size_t size)
{
	size_t len = 0;

	for (;;) {
		const char *end;
		ssize_t n;

		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (end && len >= (size_t)(end + 4 - buf) + body_length(buf))
			return true;
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
	}
}

static void *serve(void *data _unused_)
{
	int fd;

	while (*answers && (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		while (*answers && take_request(fd, asked[n_asked % 4], sizeof(asked[0]))) {
			const char *answer = *answers++;

			n_asked++;
			(void)!write(fd, answer, strlen(answer));
			/* One that ends too early is followed by the connection's end, as is one that says so. */
			if (!strstr(answer, "\r\n\r\n") || strstr(answer, "1000") ||
			    strstr(answer, "close"))
				break;
		}
		(void)close(fd);
	}
	return NULL;
}

static void answered(void *data, const struct fc_answer *answer)
{
	test_true(data == &last);
	last.r = answer->r;
	(void)snprintf(last_text, sizeof(last_text), "%s", answer->text);
	loop_quit(&loop, 0);
}

static void late(struct loop_timer *timer)
{
	test_fail("nothing was answered for too long");
}

static int ask(const char *method, const char *path, const char *body)
{
	test_int(fc_api_send(api, method, path, body, answered, &last), 0);
	test_int(loop_run(&loop), 0);
	loop.quit = false;
	return last.r;
}

static void with(const char *const *texts, void (*test)(void))
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	pthread_t thread;

	files_begin();
	dir = open(files_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/" VMM_FIRECRACKER_SOCKET, files_dir);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	test_int(bind(listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	test_int(listen(listener, 4), 0);
	answers = texts;
	n_asked = 0;
	test_int(loop_init(&loop), 0);
	loop_timer_init(&watchdog);
	loop_timer_start(&loop, &watchdog, clock_now() + PATIENCE, late);
	api = fc_api_new(&loop);
	test_int(fc_api_at(api, dir), 0);
	test_int(pthread_create(&thread, NULL, serve, NULL), 0);
	test();
	fc_api_free(api);
	(void)shutdown(listener, SHUT_RDWR);
	test_int(pthread_join(thread, NULL), 0);
	loop_timer_stop(&watchdog);
	loop_deinit(&loop);
	(void)close(listener);
	(void)close(dir);
	files_end();
}

#define NO_CONTENT "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n"

static const char *const good[] = {
	"HTTP/1.1 200 \r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
	"Content-Length: 32\r\n\r\n{\"firecracker_version\":\"1.13.1\"}",
	NO_CONTENT, NO_CONTENT, NULL};

static void test_good(void)
{
	test_int(ask("GET", "/version", NULL), 0);
	test_str(last_text, "{\"firecracker_version\":\"1.13.1\"}");
	test_str(asked[0], "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	test_int(ask("PUT", "/vsock", "{\"guest_cid\":3}"), 0);
	test_str(last_text, "");
	test_true(strncmp(asked[1], "PUT /vsock HTTP/1.1\r\n", 21) == 0);
	test_true(strstr(asked[1], "Content-Type: application/json\r\n") != NULL);
	test_true(strstr(asked[1], "\r\n\r\n{\"guest_cid\":3}") != NULL);
	test_int(ask("PATCH", "/vm", "{}"), 0);
	test_true(strncmp(asked[2], "PATCH /vm HTTP/1.1\r\n", 20) == 0);
}

static const char *const bad[] = {
	"HTTP/1.1 400 \r\nContent-Length: 37\r\n\r\n{\"fault_message\":\"no such\\u001b tap\"}",
	"HTTP/1.1 500 \r\nContent-Length: 6\r\n\r\nboom!\n",
	"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 400 \r\nContent-Length: 22\r\n\r\n{\"fault_message\":null}",
	"HTTP/1.1 302 \r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 \r\nContent-Length: 1000\r\n\r\n{\"half",
	"SSH-2.0-OpenSSH_9.2\r\n",
	"HTTP/1.1 20",
	NULL};

static void test_bad(void)
{
	test_int(ask("PUT", "/a", "{}"), -EREMOTEIO);
	test_str(last_text, "Firecracker refused PUT /a: no such  tap (status 400)");
	test_int(ask("PUT", "/b", "{}"), -EREMOTEIO);
	test_str(last_text, "Firecracker refused PUT /b: boom!  (status 500)");
	test_int(ask("PUT", "/c", "{}"), -EREMOTEIO);
	test_str(last_text, "Firecracker refused PUT /c: it gave no reason (status 500)");
	test_int(ask("PUT", "/d", "{}"), -EREMOTEIO);
	test_str(last_text, "Firecracker refused PUT /d: {\"fault_message\":null} (status 400)");
	test_int(ask("PUT", "/e", "{}"), -EREMOTEIO);
	test_int(ask("GET", "/half", NULL), -EPROTO);
	test_true(strncmp(last_text, "Firecracker gave no answer to GET /half: ", 41) == 0);
	test_int(ask("GET", "/garbage", NULL), -EPROTO);
	test_true(strncmp(last_text, "Firecracker's answer to GET /garbage is no HTTP: ", 49) == 0);
	test_int(ask("GET", "/less", NULL), -EPROTO);
	test_str(last_text, "Firecracker gave no answer to GET /less: Connection reset by peer");
}

/* What HTTP allows, though Firecracker never says it so. */
static const char *const odd[] = {
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nuntil its end",
	"HTTP/1.1 204 \r\n\r\nHTTP/1.1 400 \r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
	NULL};

static void test_odd(void)
{
	test_int(ask("PUT", "/continued", "{}"), 0);
	test_str(last_text, "");
	test_int(ask("GET", "/chunked", NULL), 0);
	test_str(last_text, "{\"a\":1}");
	test_int(ask("GET", "/closed", NULL), 0);
	test_str(last_text, "until its end");
	test_int(ask("PUT", "/twice", "{}"), 0);
	test_int(ask("GET", "/other", NULL), -EREMOTEIO);
	test_str(last_text, "Firecracker refused GET /other: it gave no reason (status 101)");
}

static char flood[FC_API_ANSWER_MAX + 100];
static const char *const floods[] = {flood, NULL};

static void test_flood(void)
{
	test_int(ask("GET", "/much", NULL), -EPROTO);
	test_str(last_text, "Firecracker's answer to GET /much has more than 65536 bytes");
}

static const char *const nobody[] = {NULL};

/* Nobody is called any more, and nothing is left open. */
static void test_freed_meanwhile(void)
{
	char buf[512];
	int fd;

	loop_timer_stop(&watchdog);
	loop.now = test_clock;
	test_int(fc_api_send(api, "GET", "/version", NULL, answered, &last), 0);
	test_int(fc_api_send(api, "GET", "/version", NULL, answered, &last), -EBUSY);
	test_true(!test_pass(&loop, 1));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	test_true(take_request(fd, buf, sizeof(buf)));
	fc_api_free(api);
	api = NULL;
	test_true(!test_pass(&loop, 100 * NSEC_PER_SEC));
	test_int(read(fd, buf, 1), 0);
	(void)close(fd);
}

/* Connected, but never met. */
static void test_too_late(void)
{
	loop_timer_stop(&watchdog);
	loop.now = test_clock;
	test_int(fc_api_send(api, "GET", "/slow", NULL, answered, &last), 0);
	test_true(!test_pass(&loop, 60 * NSEC_PER_SEC - 1));
	test_true(test_pass(&loop, 1));
	test_int(last.r, -EPROTO);
	test_str(last_text, "Firecracker did not answer to GET /slow within 60 s");
}

/* More than a socket holds. */
#define LARGE (4 << 20)

static void test_large(void)
{
	static char body[LARGE + 1], took[LARGE + 512];
	size_t len = 0;
	ssize_t n;
	int fd;

	memset(body, 'x', LARGE);
	test_int(fc_api_send(api, "PUT", "/large", body, answered, &last), 0);
	(void)test_turn(&loop);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	test_true(fd >= 0);
	while ((n = read(fd, took + len, sizeof(took) - len)) > 0) {
		len += (size_t)n;
		(void)test_turn(&loop);
	}
	test_true(strstr(took, "\r\nContent-Length: 4194304\r\n\r\nx") != NULL);
	test_true(len > LARGE && took[len - 1] == 'x');
	test_true(write(fd, NO_CONTENT, strlen(NO_CONTENT)) > 0);
	test_true(test_turn(&loop));
	test_int(last.r, 0);
	(void)close(fd);
}

static void test_nobody(void)
{
	(void)close(listener);
	listener = -EBADF;
	test_int(ask("GET", "/version", NULL), -ECONNREFUSED);
}

/* Where somebody else made it. */
static void test_other_files(void)
{
	files_begin();
	dir = open(files_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(loop_init(&loop), 0);
	api = fc_api_new(&loop);
	test_int(fc_api_at(api, dir), -ENOENT);
	test_int(symlinkat("/run", dir, VMM_FIRECRACKER_SOCKET), 0);
	test_int(fc_api_at(api, dir), -ECONNREFUSED);
	fc_api_free(api);
	loop_deinit(&loop);
	(void)close(dir);
	files_end();
}

int main(void)
{
	size_t head = (size_t)sprintf(flood, "HTTP/1.1 200 \r\nContent-Length: 65550\r\n\r\n");

	memset(flood + head, 'x', 65550);
	with(good, test_good);
	with(bad, test_bad);
	with(odd, test_odd);
	with(floods, test_flood);
	with(nobody, test_freed_meanwhile);
	with(nobody, test_nobody);
	with(nobody, test_too_late);
	with(nobody, test_large);
	test_other_files();
	return 0;
}
