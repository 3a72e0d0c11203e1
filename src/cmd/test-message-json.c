/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "cmd/message-json.h"
#include "system.pb-c.h"

static void expect(const ProtobufCMessage *message, const char *want)
{
	struct json_object *o = message_to_json(message);

	test_str(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), want);
	json_object_put(o);
}

static void defaults_are_seen(void)
{
	Caisson__Guest__V1__InfoResponse info = CAISSON__GUEST__V1__INFO_RESPONSE__INIT;

	expect(&info.base, "{\"version\":\"\",\"kernel_version\":\"\",\"cgroup_controllers\":[],"
			   "\"features\":[],\"init_rss_kb\":0,\"init_context_switches\":0,"
			   "\"supervisor\":null}");
}

static void all_kinds_of_fields(void)
{
	Caisson__Guest__V1__InfoResponse info = CAISSON__GUEST__V1__INFO_RESPONSE__INIT;
	Caisson__Guest__V1__Supervisor supervisor = CAISSON__GUEST__V1__SUPERVISOR__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	char *words[] = {(char *)"a\"b", (char *)"c"};

	at.seconds = 1795564276;
	at.nanos = 5000000;
	supervisor.state = CAISSON__GUEST__V1__SUPERVISOR__STATE__GIVEN_UP;
	supervisor.restarts = UINT32_MAX;
	supervisor.last_exited_at = &at;
	info.features = words;
	info.n_features = 2;
	info.init_rss_kb = UINT64_MAX;
	info.supervisor = &supervisor;
	expect(&info.base,
	       "{\"version\":\"\",\"kernel_version\":\"\",\"cgroup_controllers\":[],"
	       "\"features\":[\"a\\\"b\",\"c\"],\"init_rss_kb\":18446744073709551615,"
	       "\"init_context_switches\":0,\"supervisor\":{\"state\":\"given-up\",\"pid\":0,"
	       "\"restarts\":4294967295,\"last_exit_status\":0,"
	       "\"last_exited_at\":\"2026-11-24T23:51:16.005Z\",\"last_error\":\"\"}}");
	/* From a newer guest. */
	supervisor.state = (Caisson__Guest__V1__Supervisor__State)99;
	supervisor.last_exited_at = NULL;
	expect(&supervisor.base, "{\"state\":99,\"pid\":0,\"restarts\":4294967295,"
				 "\"last_exit_status\":0,\"last_exited_at\":null,"
				 "\"last_error\":\"\"}");
}

int main(void)
{
	test_run(defaults_are_seen);
	test_run(all_kinds_of_fields);
	return 0;
}
