/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-pause.h"

#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"

#define SANDBOX	   "{\"io.kubernetes.cri.container-type\":\"sandbox\"}"
#define ARGS(args) "{\"args\":[" args "],\"cwd\":\"/\",\"env\":[\"PATH=/bin\"]}"
#define PAUSE	   ARGS("\"/pause\"")
#define NAMESPACES                                                            \
	"{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":" \
	"\"mount\"}"
#define NETWORK	   ",{\"type\":\"network\",\"path\":\"/run/netns/a\"}"
#define LINUX(all) "{\"namespaces\":[" NAMESPACES NETWORK "]," all "}"
#define PLAIN	   LINUX("\"cgroupsPath\":\"/a/b\",\"resources\":{\"cpu\":{\"shares\":2}}")
#define MOUNTS                                                                                     \
	"{\"destination\":\"/proc\",\"type\":\"proc\"},{\"destination\":\"/dev\",\"type\":"        \
	"\"tmpfs\"},{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\"},{\"destination\":"       \
	"\"/sys\",\"type\":\"sysfs\"},{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":" \
	"\"/s\",\"options\":[\"rbind\",\"ro\"]},{\"destination\":\"/etc/resolv.conf\",\"type\":"   \
	"\"bind\",\"source\":\"/r\",\"options\":[\"rbind\",\"ro\"]}"

/* struct config - in what it may be another one; NULL: as containerd has it */
struct config {
	const char *annotations, *process, *own, *mounts, *more;
};

static struct json_object *make(const struct config *config)
{
	_cleanup_free_ char *json = xasprintf(
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
		"\"annotations\":%s,\"process\":%s,\"linux\":%s,\"mounts\":[%s]%s}",
		config->annotations ? config->annotations : SANDBOX,
		config->process ? config->process : PAUSE, config->own ? config->own : PLAIN,
		config->mounts ? config->mounts : MOUNTS,
		config->more ? config->more : ",\"hostname\":\"web-0\"");
	struct json_object *o = json_tokener_parse(json);

	if (!o)
		test_fail("no JSON: %s", json);
	return o;
}

static void expect(const struct config *config, const char *host)
{
	struct json_object *o = make(config);
	const char *have = oci_pause_host(o);

	if (!host && have)
		test_fail("it is taken for one: %s", json_object_to_json_string(o));
	if (host && (!have || strcmp(have, host) != 0))
		test_fail("it is not taken for one: %s", json_object_to_json_string(o));
	json_object_put(o);
}

#define LONGEST "0123456789012345678901234567890123456789012345678901234567890123"

static void those_that_are(void)
{
	static const struct config configs[] = {
		{.process = "{\"args\":[\"/pause\"],\"capabilities\":{\"bounding\":[\"CAP_KILL\","
			    "\"CAP_SYS_ADMIN\"]}}"},
		{.own = NULL},
		{.process = ARGS("\"/caisson-pause\"")},
		{.own = "{\"namespaces\":[" NAMESPACES
			",{\"type\":\"network\"},{\"type\":\"cgroup\"}]}"},
		{.own = LINUX("\"sysctl\":{\"net.core.somaxconn\":\"1\",\"net/ipv4/a\":\"1\"}")},
		{.own = LINUX("\"devices\":[],\"uidMappings\":null,\"seccomp\":{\"a\":1},"
			      "\"maskedPaths\":[\"/proc/x\"],\"readonlyPaths\":[]")},
		{.mounts = ""},
		{.more = ",\"hostname\":\"web-0\",\"mounts\":null"},
		{.more = ",\"hostname\":\"web-0\",\"hooks\":{},\"domainname\":\"\""},
		{.process = "{\"args\":[\"/pause\"],\"terminal\":false,\"capabilities\":"
			    "{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"]}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(configs); i++)
		expect(&configs[i], "web-0");
	expect(&(struct config){.more = ",\"hostname\":\"" LONGEST "\""}, LONGEST);
}

#define MOUNT(where, type) \
	MOUNTS ",{\"destination\":\"" where "\",\"type\":\"" type "\",\"source\":\"/s\"}"

/* Each has something that not all have: it may be what somebody wants run. */
static void those_that_are_not(void)
{
	static const struct config configs[] = {
		{.annotations = "{}"},
		{.annotations = "{\"io.kubernetes.cri.container-type\":\"container\"}"},
		{.annotations = "{\"io.kubernetes.cri.container-type\":1}"},
		{.process = ARGS("")},
		{.process = ARGS("\"/pause\",\"-v\"")},
		{.process = ARGS("\"pause\"")},
		{.process = ARGS("\"/bin/sh\"")},
		{.process = ARGS("null")},
		{.process = "{\"args\":[\"/pause\"],\"terminal\":true}"},
		{.process = "[]"},
		{.own = "{\"namespaces\":[" NAMESPACES "]}"},
		{.own = "{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":"
			"\"uts\"}" NETWORK "]}"},
		{.own = "{\"namespaces\":[{\"type\":\"ipc\"},{\"type\":\"mount\"},{\"type\":"
			"\"uts\"}" NETWORK "]}"},
		{.own = "{\"namespaces\":[" NAMESPACES NETWORK ",{\"type\":\"user\"}]}"},
		{.own = "{\"namespaces\":[" NAMESPACES NETWORK ",{\"type\":\"pid\"}]}"},
		{.own = "{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"},{\"type\":"
			"\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}" NETWORK "]}"},
		{.own = "{\"namespaces\":[1]}"},
		{.own = "{}"},
		{.own = LINUX("\"sysctl\":{\"kernel.shm_rmid_forced\":\"1\"}")},
		{.own = LINUX("\"sysctl\":{\"network.x\":\"1\"}")},
		{.own = LINUX("\"devices\":[{\"path\":\"/dev/a\"}]")},
		{.own = LINUX("\"uidMappings\":[{\"size\":1}]")},
		{.own = LINUX("\"rootfsPropagation\":\"shared\"")},
		{.mounts = MOUNT("/v", "bind")},
		{.mounts = MOUNT("/v", "tmpfs")},
		{.mounts = MOUNT("/proc", "bind")},
		{.mounts = "{\"destination\":\"/proc\",\"type\":\"none\",\"options\":[\"rbind\"]}"},
		{.mounts = "1"},
		{.more = ""},
		{.more = ",\"hostname\":\"\""},
		{.more = ",\"hostname\":\"a b\""},
		{.more = ",\"hostname\":\"a\\\"b\""},
		{.more = ",\"hostname\":\"" LONGEST "4\""},
		{.more = ",\"hostname\":\"a\",\"domainname\":\"b\""},
		{.more = ",\"hostname\":\"a\",\"hooks\":{\"poststop\":[]}"},
		{.more = ",\"hostname\":\"a\",\"hooks\":[]"},
		{.more = ",\"hostname\":\"a\",\"domainname\":1"},
		{.more = ",\"hostname\":\"a\",\"mounts\":{}"},
		{.own = LINUX("\"sysctl\":[]")},
		{.process = "{\"args\":[\"/pause\"],\"capabilities\":[]}"},
		{.process = "{\"args\":[\"/pause\"],\"terminal\":\"true\"}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(configs); i++)
		expect(&configs[i], NULL);
	test_true(!oci_pause_host(NULL));
}

/* It is in the namespaces that the others are in. */
static void run_after_all(void)
{
	static const struct config plain = {.own = NULL};
	struct json_object *o = make(&plain);
	char *json = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));

	json_object_put(o);
	oci_pause_enter(&json);
	test_true(strstr(json, "[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"network\""));
	test_true(!strstr(json, "hostname") && !strstr(json, "uts"));
	test_true(strstr(json, "\"args\":[\"\\/pause\"]"));
	free(json);
}

static void the_number_of_what_is_run(void)
{
	char *json = xstrdup("{\"process\":{\"args\":[\"/proc/0/ns/pid\"]},\"linux\":{"
			     "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\",\"path\":"
			     "\"/proc/0/ns/pid\"}]}}");

	test_true(oci_pause_awaited(json));
	test_true(!oci_pause_awaited("{\"linux\":{\"namespaces\":[{\"type\":\"ipc\",\"path\":"
				     "\"/proc/0/ns/pid\"}]}}"));
	oci_pause_place(42, &json);
	test_true(strstr(json, "{\"type\":\"pid\",\"path\":\"\\/proc\\/42\\/ns\\/pid\"}"));
	test_true(strstr(json, "[\"\\/proc\\/0\\/ns\\/pid\"]"));
	test_true(!oci_pause_awaited(json));
	oci_pause_place(43, &json);
	test_true(!strstr(json, "43"));
	free(json);
}

int main(void)
{
	test_run(those_that_are);
	test_run(those_that_are_not);
	test_run(run_after_all);
	test_run(the_number_of_what_is_run);
	return 0;
}
