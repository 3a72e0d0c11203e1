/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A config.json with all that Docker writes, of which each part in turn is absent, of another type, or absurd:
 * there is a container to be made, or one sentence that says why not. How it ends otherwise, ASan tells.
 */
#include "sandbox/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "oci/oci-limits.h"
#include "oci/resources.h"

#define CAPS  "[\"CAP_CHOWN\",\"CAP_NET_RAW\"]"
#define LIMIT "{\"type\":\"RLIMIT_NOFILE\",\"hard\":20,\"soft\":10}"
#define HOOK  "{\"path\":\"/bin/hook\",\"args\":[\"hook\",\"a\"],\"env\":[\"A=b\"],\"timeout\":5}"
#define DEVICE              \
	"{\"path\":\"/dev/" \
	"fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,\"fileMode\":438,\"uid\":0,\"gid\":0}"

static const char good[] =
	"{\"ociVersion\":\"1.0.2\",\"hostname\":\"box\",\"domainname\":\"x\","
	"\"process\":{\"terminal\":false,\"consoleSize\":{\"height\":24,\"width\":80},"
	"\"user\":{\"uid\":1,\"gid\":2,\"umask\":18,\"additionalGids\":[3,4]},"
	"\"args\":[\"sh\",\"-c\",\"true\"],\"env\":[\"PATH=/"
	"bin\",\"RUNCVM_MEM_SIZE=256M\"],\"cwd\":\"/tmp\","
	"\"capabilities\":{\"bounding\":" CAPS ",\"effective\":" CAPS ",\"permitted\":" CAPS
	",\"inheritable\":[],\"ambient\":[]},\"rlimits\":[" LIMIT "],\"noNewPrivileges\":true,"
	"\"oomScoreAdj\":100,\"apparmorProfile\":\"docker-default\",\"selinuxLabel\":\"\"},"
	"\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
	"\"mounts\":[{\"destination\":\"/"
	"proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\"]},"
	"{\"destination\":\"/dev/"
	"shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"size=65536k\"]},"
	"{\"destination\":\"/"
	"data\",\"type\":\"bind\",\"source\":\"rootfs\",\"options\":[\"rbind\",\"ro\"]}],"
	"\"hooks\":{\"prestart\":[" HOOK "],\"createRuntime\":[" HOOK "],\"poststop\":[" HOOK "]},"
	"\"annotations\":{\"io.caisson.cpus\":\"1\",\"else\":\"x\"},"
	"\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"kernel.sem\":\"1 2 3 4\"},"
	"\"uidMappings\":[],\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],"
	"\"memory\":{\"limit\":104857600,\"swap\":209715200,\"reservation\":1048576},"
	"\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000,\"cpus\":\"0\",\"mems\":\"0\"},"
	"\"pids\":{\"limit\":50},\"blockIO\":{\"weight\":100},\"hugepageLimits\":[],"
	"\"unified\":{\"memory.high\":\"1048576\"}},"
	"\"cgroupsPath\":\"/"
	"box\",\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"network\"}],"
	"\"devices\":[" DEVICE
	"],\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":"
	"[\"SCMP_ARCH_X86_64\"],\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]"
	"},"
	"\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"]}}";

static const char *const absurd[] = {
	"null",
	"true",
	"-1",
	"9223372036854775807",
	"-9223372036854775808",
	"1e300",
	"\"\"",
	"\"x\"",
	"\"../../..\"",
	"\"a\\u0000b\"",
	"\"line\\nline\"",
	"[]",
	"{}",
	"[[[[]]]]",
	"[null,\"x\",{}]",
	"{\"\":\"\"}",
};

static char folder[] = "/tmp/test-bundle-XXXXXX";
static size_t n_cases, n_refused;
static const char *what;

/* What is limited is looked at later, by the shim. */
static int limit(const char *resources, struct err *err)
{
	struct oci_limits limits;
	struct oci_settings settings;
	int r = oci_limits_parse_known(resources, strlen(resources), &limits, err);

	if (r == 0)
		r = oci_resources_guest(&limits, true, &settings, err);
	return r < 0 ? r : oci_resources_host(&limits, 256 << 20, true, &settings, err);
}

static void expect_sentence(int r, const struct err *err, const char *json)
{
	if (r < 0 && err->code < 0 && *err->text && !strchr(err->text, '\n'))
		return;
	test_fail("%s: %d \"%s\" for %s", what, r, err->text, json);
}

static void expect_json(const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	test_true(json_object_is_type(o, json_type_object));
	json_object_put(o);
}

static int load(const char *json)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct bundle bundle = BUNDLE_NULL;
	struct err err = ERR_NULL;
	_cleanup_close_ int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	test_int(file_write_atomic_at(dir, "config.json", json, strlen(json), 0600), 0);
	spec.id = xstrdup("box");
	r = bundle_load(folder, BUNDLE_CGROUPS_PATH, NULL, &spec, &bundle, &err);
	if (r == 0) {
		expect_json(bundle.config);
		if (spec.args.n == 0 || !spec.netns || !spec.rootfs)
			test_fail("%s: no args, netns or rootfs of %s", what, json);
	}
	if (r == 0 && spec.resources)
		r = limit(spec.resources, &err);
	if (r < 0)
		expect_sentence(r, &err, json);
	n_cases++;
	n_refused += r < 0;
	bundle_done(&bundle);
	sandbox_spec_done(&spec);
	return r;
}

static void load_object(struct json_object *root)
{
	(void)load(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
}

static void vary(struct json_object *root, struct json_object *parent);

/* @index: of a list; else @name */
static void put(struct json_object *parent, const char *name, size_t index,
		struct json_object *value)
{
	if (name)
		json_object_object_add(parent, name, value);
	else
		json_object_array_put_idx(parent, index, value);
}

static void vary_one(struct json_object *root, struct json_object *parent, const char *name,
		     size_t index, struct json_object *value)
{
	_cleanup_free_ char *text = xstrdup(json_object_to_json_string(value));

	what = name ? name : "an item of a list";
	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		put(parent, name, index, json_tokener_parse(absurd[i]));
		load_object(root);
	}
	put(parent, name, index, json_tokener_parse(text));
}

static void vary_object(struct json_object *root, struct json_object *parent)
{
	_cleanup_strv_ struct strv names = STRV_NULL;

	json_object_object_foreach(parent, name, value)
	{
		(void)value;
		strv_add(&names, name);
	}
	for (size_t i = 0; i < names.n; i++) {
		struct json_object *child = json_object_object_get(parent, names.v[i]);

		vary_one(root, parent, names.v[i], 0, child);
		vary(root, json_object_object_get(parent, names.v[i]));
		child = json_object_get(json_object_object_get(parent, names.v[i]));
		json_object_object_del(parent, names.v[i]);
		load_object(root);
		json_object_object_add(parent, names.v[i], child);
	}
}

static void vary(struct json_object *root, struct json_object *parent)
{
	if (json_object_is_type(parent, json_type_object))
		vary_object(root, parent);
	if (!json_object_is_type(parent, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(parent); i++) {
		vary_one(root, parent, NULL, i, json_object_array_get_idx(parent, i));
		vary(root, json_object_array_get_idx(parent, i));
	}
}

static void each_field_may_be_anything(void)
{
	struct json_object *root = json_tokener_parse(good);

	test_true(root);
	what = "all of it";
	test_int(load(good), 0);
	vary(root, root);
	test_int(load(json_object_to_json_string(root)), 0);
	json_object_put(root);
	/* Each of the two is most of the time what is to be. */
	test_true(n_cases > 2000);
	test_true(n_refused > n_cases / 10 && n_refused < n_cases);
}

static void cut_short_it_is_refused(void)
{
	_cleanup_free_ char *text = xstrdup(good);

	what = "cut short";
	for (size_t len = strlen(text); len-- > 0;) {
		text[len] = '\0';
		test_true(load(text) < 0);
	}
}

static void what_else_is_refused(void)
{
	static const char *const texts[] = {"",	  "[]", "null",		 "\"x\"",
					    "{}", "1",	"{\"process\":", "\xff"};
	_cleanup_free_ char *deep = xcalloc(100001, 1);

	what = "no object";
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		test_true(load(texts[i]) < 0);
	memset(deep, '[', 100000);
	test_true(load(deep) < 0);
}

/* A scope of systemd's, or that there is no systemd. */
static bool is_scope(const char *groups, enum bundle_cgroups words)
{
	struct json_object *o = json_tokener_parse(good);
	_cleanup_close_ int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct bundle bundle = BUNDLE_NULL;
	struct err err = ERR_NULL;
	const char *text;
	bool scope;
	int r;

	json_object_object_add(json_object_object_get(o, "linux"), "cgroupsPath",
			       json_object_new_string(groups));
	text = json_object_to_json_string(o);
	test_int(file_write_atomic_at(dir, "config.json", text, strlen(text), 0600), 0);
	json_object_put(o);
	spec.id = xstrdup("box");
	r = bundle_load(folder, words, NULL, &spec, &bundle, &err);
	if (r < 0 && r != -EOPNOTSUPP)
		test_fail("%s: %s", groups, err.text);
	scope = r < 0 || (spec.cgroups.n > 0 && strstr(spec.cgroups.v[0], ".scope"));
	bundle_done(&bundle);
	sandbox_spec_done(&spec);
	return scope;
}

static void whose_words_groups_are_in(void)
{
	static const char *const paths[] = {"/box", "/kube/pod:a:b", "a:b:c", "a.slice:b",
					    "/a.slice:b:c"};
	static const char scope[] = "kubepods-pod1.slice:cri-containerd:box";

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		test_true(!is_scope(paths[i], BUNDLE_CGROUPS_EITHER));
	test_true(is_scope(scope, BUNDLE_CGROUPS_EITHER));
	test_true(is_scope(scope, BUNDLE_CGROUPS_SYSTEMD));
	test_true(!is_scope(scope, BUNDLE_CGROUPS_PATH));
}

/* Disks are mounted for what is run. */
static void with_disks_it_is_not_hollow(void)
{
	static const char *const volumes[] = {"rw:/", "disk:/"};

	for (size_t i = 0; i < ARRAY_SIZE(volumes); i++) {
		struct sandbox_spec spec = SANDBOX_SPEC_NULL;
		struct bundle bundle = BUNDLE_NULL;
		struct err err = ERR_NULL;

		spec.id = xstrdup("box");
		spec.pod_host = xstrdup("web");
		strv_add(&spec.volumes, volumes[i]);
		strv_add(&spec.volume_targets, "/d");
		(void)bundle_choose_machine(&bundle, &spec, &err);
		test_int(sandbox_spec_is_hollow(&spec), i == 0);
		bundle_done(&bundle);
		sandbox_spec_done(&spec);
	}
}

int main(void)
{
	_cleanup_free_ char *root = NULL;

	test_true(mkdtemp(folder));
	root = path_join(folder, "rootfs");
	test_int(mkdir(root, 0700), 0);
	test_run(each_field_may_be_anything);
	test_run(cut_short_it_is_refused);
	test_run(what_else_is_refused);
	test_run(whose_words_groups_are_in);
	test_run(with_disks_it_is_not_hollow);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
