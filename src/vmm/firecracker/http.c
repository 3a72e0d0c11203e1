/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/http.h"

#include <errno.h>
#include <string.h>

static int take_body(http_parser *parser, const char *data, size_t len)
{
	struct fc_http *http = parser->data;

	if (len >= sizeof(http->body) - http->len) {
		http->too_long = true;
		return -1;
	}
	memcpy(http->body + http->len, data, len);
	http->len += len;
	http->body[http->len] = '\0';
	return 0;
}

/* After "100 Continue" and the like another one follows; what comes after that is nothing we asked for. */
static int take_end(http_parser *parser)
{
	struct fc_http *http = parser->data;

	http->whole = parser->status_code >= 200 ||
		      parser->status_code == HTTP_STATUS_SWITCHING_PROTOCOLS;
	if (http->whole)
		http_parser_pause(parser, 1);
	return 0;
}

void fc_http_begin(struct fc_http *http)
{
	http_parser_init(&http->parser, HTTP_RESPONSE);
	http->parser.data = http;
	http->len = 0;
	http->body[0] = '\0';
	http->whole = http->too_long = false;
}

int fc_http_take(struct fc_http *http, const char *data, size_t len)
{
	static const http_parser_settings settings = {
		.on_body = take_body,
		.on_message_complete = take_end,
	};

	(void)http_parser_execute(&http->parser, &settings, data, len);
	if (http->whole)
		return 1;
	if (http->too_long)
		return -EMSGSIZE;
	if (len == 0)
		return -ECONNRESET;
	return HTTP_PARSER_ERRNO(&http->parser) == HPE_OK ? 0 : -EPROTO;
}

const char *fc_http_flaw(const struct fc_http *http)
{
	return http_errno_description(HTTP_PARSER_ERRNO(&http->parser));
}
