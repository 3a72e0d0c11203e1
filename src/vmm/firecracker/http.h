/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmm/firecracker/api.h"

/**
 * struct fc_http - an answer of HTTP/1.1, as it comes
 * @parser: its status_code is the answer's
 * @body, @len: of what has come, and a NUL
 */
struct fc_http {
	http_parser parser;
	char body[FC_API_ANSWER_MAX];
	size_t len;
	bool whole, too_long;
};

/** fc_http_begin() - nothing has come yet */
void fc_http_begin(struct fc_http *http);

/**
 * fc_http_take() - something has come
 * @len: 0: the connection's end, which is some answers' end
 *
 * Return: 1: this was the answer; 0: the rest is to come; or negative errno: -ECONNRESET: it does not come; -EMSGSIZE:
 * it has more than FC_API_ANSWER_MAX bytes; -EPROTO: it is no HTTP.
 */
int fc_http_take(struct fc_http *http, const char *data, size_t len);

/** fc_http_flaw() - why it is no HTTP, in some words */
const char *fc_http_flaw(const struct fc_http *http);
