/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/metrics-http.h"

#include <string.h>

#include "base/mem.h"
#include "base/test.h"

static unsigned int ask(const char *request)
{
	struct metrics_request r;
	unsigned int whole, status = 0;

	metrics_request_begin(&r);
	whole = metrics_request_take(&r, request, strlen(request));
	/* However it comes. */
	metrics_request_begin(&r);
	for (const char *p = request; *p && status == 0; p++)
		status = metrics_request_take(&r, p, 1);
	test_int(status, whole);
	return whole;
}

static void requests_are_read(void)
{
	_cleanup_free_ char *longer = xasprintf("GET /metrics%0200d HTTP/1.1\r\n\r\n", 0),
			    *too_long = xasprintf("GET /metrics HTTP/1.1\r\nA: %09000d\r\n\r\n", 0),
			    *long_query = xasprintf("GET /metrics?%0200d HTTP/1.1\r\n\r\n", 0);

	test_int(ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
	test_int(ask("GET /metrics HTTP/1.0\r\n\r\n"), 200);
	test_int(ask("GET /metrics HTTP/1.1\r\nHost: a\r\n"), 0);
	test_int(ask("GET /metrics?x=1&y HTTP/1.1\r\n\r\n"), 200);
	test_int(ask("GET /metrics? HTTP/1.1\r\n\r\n"), 200);
	test_int(ask(long_query), 200);
	test_int(ask("HEAD /metrics HTTP/1.1\r\n\r\n"), 200);
	test_int(ask("HEAD / HTTP/1.1\r\n\r\n"), 404);
	test_int(ask("GET / HTTP/1.1\r\n\r\n"), 404);
	test_int(ask("GET /?/metrics HTTP/1.1\r\n\r\n"), 404);
	test_int(ask("GET /metrics/x HTTP/1.1\r\n\r\n"), 404);
	test_int(ask(longer), 404);
	test_int(ask("POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"), 405);
	test_int(ask("hello\r\n\r\n"), 400);
	test_int(ask(too_long), 431);
}

static void answers_are_whole(void)
{
	size_t len;
	_cleanup_free_ char *good = metrics_answer(200, false, "a 1\n", 4, &len), *bad = NULL;

	test_int(len, strlen(good));
	test_true(strstr(good, "HTTP/1.1 200 OK\r\n") == good);
	test_true(strstr(good, "\r\nContent-Length: 4\r\n"));
	test_true(strstr(good, "\r\n\r\na 1\n"));
	bad = metrics_answer(405, false, NULL, 0, &len);
	test_true(strstr(bad, "\r\nAllow: GET, HEAD\r\n"));
}

/* All that the answer to a GET has, but what it is about. */
static void heads_have_no_body(void)
{
	static const unsigned int statuses[] = {200, 404, 405};

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		size_t len, head_len;
		_cleanup_free_ char *whole = metrics_answer(statuses[i], false, "a 1\n", 4, &len),
				    *head = metrics_answer(statuses[i], true, "a 1\n", 4,
							   &head_len);

		test_int(head_len, strlen(head));
		test_int(head_len, strstr(whole, "\r\n\r\n") + 4 - whole);
		test_true(len > head_len && strncmp(whole, head, head_len) == 0);
	}
}

static void heads_are_known(void)
{
	static const char head[] = "HEAD /metrics HTTP/1.1\r\n\r\n",
			  get[] = "GET /metrics HTTP/1.1\r\n\r\n";
	struct metrics_request r;

	metrics_request_begin(&r);
	test_true(!metrics_request_is_head(&r));
	test_int(metrics_request_take(&r, head, strlen(head)), 200);
	test_true(metrics_request_is_head(&r));
	metrics_request_begin(&r);
	test_int(metrics_request_take(&r, get, strlen(get)), 200);
	test_true(!metrics_request_is_head(&r));
}

int main(void)
{
	test_run(requests_are_read);
	test_run(answers_are_whole);
	test_run(heads_have_no_body);
	test_run(heads_are_known);
	return 0;
}
