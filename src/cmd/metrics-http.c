/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/metrics-http.h"

#include <string.h>

#include "base/mem.h"

/* More than we have a use for is not kept, so that it is equal to nothing that is there. */
static int take_url(http_parser *parser, const char *data, size_t len)
{
	struct metrics_request *r = parser->data;
	size_t room = sizeof(r->url) - 1 - r->url_len;

	memcpy(r->url + r->url_len, data, MIN(len, room));
	r->url_len += MIN(len, room);
	r->url[r->url_len] = '\0';
	return 0;
}

static int take_head(http_parser *parser)
{
	struct metrics_request *r = parser->data;

	r->whole = true;
	http_parser_pause(parser, 1);
	return 0;
}

void metrics_request_begin(struct metrics_request *request)
{
	*request = (struct metrics_request){.len = 0};
	http_parser_init(&request->parser, HTTP_REQUEST);
	request->parser.data = request;
}

bool metrics_request_is_head(const struct metrics_request *request)
{
	return request->parser.method == HTTP_HEAD;
}

static unsigned int status_of(struct metrics_request *r)
{
	/* Whoever scrapes may be told to add parameters, which mean nothing here. */
	r->url[strcspn(r->url, "?")] = '\0';
	if (strcmp(r->url, METRICS_PATH) != 0)
		return 404;
	return r->parser.method == HTTP_GET || metrics_request_is_head(r) ? 200 : 405;
}

unsigned int metrics_request_take(struct metrics_request *request, const char *data, size_t len)
{
	static const http_parser_settings settings = {
		.on_url = take_url,
		.on_headers_complete = take_head,
	};

	request->len += len;
	if (request->len > METRICS_REQUEST_MAX)
		return 431;
	(void)http_parser_execute(&request->parser, &settings, data, len);
	if (request->whole)
		return status_of(request);
	return HTTP_PARSER_ERRNO(&request->parser) == HPE_OK ? 0 : 400;
}

static const struct {
	unsigned int status;
	const char *line, *type, *body;
} answers[] = {
	{200, "200 OK", "text/plain; version=0.0.4; charset=utf-8", NULL},
	{404, "404 Not Found", "text/plain", "There is " METRICS_PATH " only.\n"},
	{405, "405 Method Not Allowed\r\nAllow: GET, HEAD", "text/plain",
	 "There are GET and HEAD only.\n"},
	{431, "431 Request Header Fields Too Large", "text/plain", "That is too long.\n"},
	{400, "400 Bad Request", "text/plain", "That is no HTTP.\n"},
};

char *metrics_answer(unsigned int status, bool head_only, const char *body, size_t len,
		     size_t *ret_len)
{
	_cleanup_free_ char *head = NULL;
	size_t i = 0, head_len;
	char *answer;

	while (i < ARRAY_SIZE(answers) - 1 && answers[i].status != status)
		i++;
	if (answers[i].body) {
		body = answers[i].body;
		len = strlen(body);
	}
	head = xasprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n",
			 answers[i].line, answers[i].type, len);
	if (head_only)
		len = 0;
	head_len = strlen(head);
	*ret_len = head_len + len;
	answer = xmalloc(*ret_len + 1);
	memcpy(answer, head, head_len);
	memcpy(answer + head_len, body, len);
	answer[*ret_len] = '\0';
	return answer;
}
