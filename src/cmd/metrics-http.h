/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

/* A scraper sends some hundred bytes. */
#define METRICS_REQUEST_MAX 8192
#define METRICS_PATH	    "/metrics"

/**
 * struct metrics_request - a request of HTTP, as it comes
 * @len: bytes so far
 * @whole: its head has come, and nothing more is read
 */
struct metrics_request {
	http_parser parser;
	char url[128];
	size_t url_len, len;
	bool whole;
};

/** metrics_request_begin() - nothing has come yet */
void metrics_request_begin(struct metrics_request *request);

/**
 * metrics_request_take() - something has come
 *
 * Return: 0: the rest is to come; or the status of the answer: 200 for a GET or HEAD of METRICS_PATH,
 * whatever its query.
 */
unsigned int metrics_request_take(struct metrics_request *request, const char *data, size_t len);

/** metrics_request_is_head() - is only the head of the answer wanted? */
bool metrics_request_is_head(const struct metrics_request *request);

/**
 * metrics_answer() - what is sent for it, after which the connection ends
 * @status: one of those
 * @head_only: without the body, whose length it tells all the same
 * @body: of 200
 * @ret_len: its length
 *
 * Return: a new string
 */
char *metrics_answer(unsigned int status, bool head_only, const char *body, size_t len,
		     size_t *ret_len);
