/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody asks `caisson metrics --listen`. The first byte of the input says in how large pieces the rest
 * arrives (0: at once): that changes nothing.
 */
#include "base/macro.h"
#include "base/test.h"
#include "cmd/metrics-http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int ask(const uint8_t *data, size_t size, size_t piece)
{
	struct metrics_request request;
	unsigned int status = 0;

	metrics_request_begin(&request);
	for (size_t at = 0; at < size && status == 0; at += piece)
		status = metrics_request_take(&request, (const char *)data + at,
					      MIN(piece, size - at));
	if (status == 200)
		test_str(request.url, METRICS_PATH);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > METRICS_REQUEST_MAX)
		return 0;
	test_int(ask(data + 1, size - 1, data[0] ? data[0] : size), ask(data + 1, size - 1, size));
	return 0;
}
