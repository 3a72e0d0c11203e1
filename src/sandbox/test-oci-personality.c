/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-personality.h"

#include "base/mem.h"
#include "base/test.h"

static void becomes(const char *before, const char *after)
{
	char *json = xstrdup(before);

	oci_personality_add(&json);
	test_str(json, after);
	free(json);
}

static void where_there_is_none(void)
{
	becomes("{\"linux\":{\"a\":1}}",
		"{\"linux\":{\"a\":1,\"personality\":{\"domain\":\"LINUX\"}}}");
}

static void one_that_is_there_stays(void)
{
	becomes("{\"linux\":{\"personality\":{\"domain\":\"LINUX32\"}}}",
		"{\"linux\":{\"personality\":{\"domain\":\"LINUX32\"}}}");
	becomes("{\"linux\": 1}", "{\"linux\": 1}");
	becomes("nonsense", "nonsense");
}

int main(void)
{
	test_run(where_there_is_none);
	test_run(one_that_is_there_stays);
	return 0;
}
