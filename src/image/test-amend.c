/* SPDX-License-Identifier: Apache-2.0 */
#include "image/amend.h"

#include <errno.h>
#include <json-c/json.h>

#include "base/mem.h"
#include "base/test.h"
#include "image/change.h"

static void change(const char *before, const char *instruction, const char *after)
{
	struct json_object *config = json_tokener_parse(before);
	struct err err = ERR_NULL;

	if (change_apply(config, instruction, &err) < 0)
		test_fail("%s", err.text);
	test_str(json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE),
		 after);
	json_object_put(config);
}

static void instructions_are_dockers(void)
{
	change("{}", "CMD [\"a\", \"b c\"]", "{\"Cmd\":[\"a\",\"b c\"]}");
	change("{}", "cmd a 'b c'", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"a 'b c'\"]}");
	change("{}", "CMD [a]", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[a]\"]}");
	change("{\"Cmd\":[\"x\"]}", "ENTRYPOINT [\"a\"]", "{\"Entrypoint\":[\"a\"]}");
	change("{\"Env\":[\"A=1\",\"B=2\"]}", "ENV B=\"3 4\" C=5\\ 6",
	       "{\"Env\":[\"A=1\",\"B=3 4\",\"C=5 6\"]}");
	change("{}", "ENV A b c", "{\"Env\":[\"A=b c\"]}");
	change("{}", "EXPOSE 80 53/udp", "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}}");
	change("{}", "EXPOSE 1-65535/sctp", "{\"ExposedPorts\":{\"1-65535/sctp\":{}}}");
	change("{\"Labels\":{\"a\":\"1\"}}", "LABEL a=2 'b c'=d",
	       "{\"Labels\":{\"a\":\"2\",\"b c\":\"d\"}}");
	change("{\"OnBuild\":[\"RUN a\"]}", "ONBUILD RUN b", "{\"OnBuild\":[\"RUN a\",\"RUN b\"]}");
	change("{}", "STOPSIGNAL SIGQUIT", "{\"StopSignal\":\"SIGQUIT\"}");
	change("{\"User\":\"a\"}", "USER b:c", "{\"User\":\"b:c\"}");
	change("{}", "VOLUME [\"/a b\", \"/c\"]", "{\"Volumes\":{\"/a b\":{},\"/c\":{}}}");
	change("{}", "VOLUME /a /b", "{\"Volumes\":{\"/a\":{},\"/b\":{}}}");
	change("{\"WorkingDir\":\"/a\"}", "WORKDIR b", "{\"WorkingDir\":\"/a/b\"}");
	change("{}", "WORKDIR b", "{\"WorkingDir\":\"/b\"}");
	change("{}", "WORKDIR /c", "{\"WorkingDir\":\"/c\"}");
}

static void refused(const char *instruction, const char *part)
{
	struct json_object *config = json_object_new_object();
	struct err err = ERR_NULL;

	test_int(change_apply(config, instruction, &err), -EINVAL);
	if (!strstr(err.text, part))
		test_fail("\"%s\" is not in: %s", part, err.text);
	json_object_put(config);
}

static void what_makes_no_sense_is_refused(void)
{
	refused("RUN x", "CMD, ENTRYPOINT");
	refused("CM", "CMD, ENTRYPOINT");
	refused("", "CMD, ENTRYPOINT");
	refused("ENV", "a name");
	refused("ENV A", "NAME=VALUE");
	refused("ENV A=1 B", "NAME=VALUE");
	refused("ENV A='1", "quotation mark");
	refused("LABEL =x", "a name");
	refused("USER a b", "one word");
	refused("USER", "nothing after it");
	refused("STOPSIGNAL NONE", "no such signal");
	refused("ONBUILD", "nothing after it");
	refused("ENV", "\"ENV\"");
	refused("EXPOSE web", "ports");
	refused("EXPOSE 0", "ports");
	refused("EXPOSE 80 65536", "ports");
	refused("EXPOSE 80/tcpx", "ports");
	refused("EXPOSE 90-80", "ports");
}

static struct json_object *amended(const char *base, const char *args[], const char *change_)
{
	struct strv words = STRV_NULL, env = STRV_NULL, changes = STRV_NULL;
	struct digest layers[2];
	struct amend a = {
		.base = base,
		.args = &words,
		.env = &env,
		.changes = &changes,
		.cwd = "/srv",
		.user = "nobody",
		.message = "why",
		.author = "me",
		.created = "2024-01-02T03:04:05Z",
		.layers = layers,
		.n_layers = 2,
	};
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_NULL;

	digest_of("a", 1, &layers[0]);
	digest_of("b", 1, &layers[1]);
	for (; *args; args++)
		strv_add(&words, *args);
	strv_add(&env, "HOSTNAME=0123");
	strv_add(&env, "A=1");
	strv_add(&changes, change_);
	if (amend_config(&a, &text, &err) < 0)
		test_fail("%s", err.text);
	strv_done(&words);
	strv_done(&env);
	strv_done(&changes);
	return json_tokener_parse(text);
}

static struct json_object *at(struct json_object *o, const char *path)
{
	struct json_object *found = NULL;

	if (json_pointer_get(o, path, &found) < 0)
		test_fail("there is no %s", path);
	return found;
}

static void expect(struct json_object *o, const char *path, const char *want)
{
	test_str(json_object_to_json_string_ext(
			 at(o, path), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		 want);
}

#define BASE                                                                                     \
	"{\"os\":\"linux\",\"architecture\":\"arm64\",\"created\":\"2020-01-01T00:00:00Z\","     \
	"\"variant\":\"v8\",\"config\":{\"Entrypoint\":[\"e\",\"f\"],\"Cmd\":[\"c\"],"           \
	"\"Labels\":{\"l\":\"1\"}},\"history\":[{\"created_by\":\"x\"},{\"empty_layer\":true}]," \
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:00\"]}}"

static void a_container_becomes_an_image(void)
{
	struct json_object *o = amended(BASE, (const char *[]){"e", "f", "g", NULL}, "LABEL m=2");

	expect(o, "/config/Entrypoint", "[\"e\",\"f\"]");
	expect(o, "/config/Cmd", "[\"g\"]");
	expect(o, "/config/Env", "[\"A=1\"]");
	expect(o, "/config/User", "\"nobody\"");
	expect(o, "/config/WorkingDir", "\"/srv\"");
	expect(o, "/config/Labels", "{\"l\":\"1\",\"m\":\"2\"}");
	expect(o, "/architecture", "\"arm64\"");
	expect(o, "/variant", "\"v8\"");
	expect(o, "/created", "\"2024-01-02T03:04:05Z\"");
	expect(o, "/author", "\"me\"");
	test_int(json_object_array_length(at(o, "/rootfs/diff_ids")), 2);
	test_int(json_object_array_length(at(o, "/history")), 2);
	expect(o, "/history/0/created", "\"2020-01-01T00:00:00Z\"");
	expect(o, "/history/1",
	       "{\"created\":\"2024-01-02T03:04:05Z\",\"created_by\":\"e f g\",\"comment\":\"why\","
	       "\"author\":\"me\"}");
	json_object_put(o);
}

static void another_command_takes_the_entrypoints_place(void)
{
	struct json_object *o = amended(BASE, (const char *[]){"e", "x", NULL}, "LABEL m=2"), *gone;

	expect(o, "/config/Cmd", "[\"e\",\"x\"]");
	test_true(json_pointer_get(o, "/config/Entrypoint", &gone) < 0);
	json_object_put(o);
}

static void an_image_may_have_said_nothing(void)
{
	struct json_object *o = amended(NULL, (const char *[]){"a", NULL}, "CMD [\"b\"]");

	expect(o, "/config/Cmd", "[\"b\"]");
	expect(o, "/os", "\"linux\"");
	json_object_put(o);
}

int main(void)
{
	test_run(instructions_are_dockers);
	test_run(what_makes_no_sense_is_refused);
	test_run(a_container_becomes_an_image);
	test_run(another_command_takes_the_entrypoints_place);
	test_run(an_image_may_have_said_nothing);
	return 0;
}
