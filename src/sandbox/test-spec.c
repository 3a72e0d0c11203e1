/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spec.h"

#include <errno.h>
#include <json-c/json.h>

#include "base/mem.h"
#include "base/test.h"
#include "vmm/vmm.h"

static const char *const fields[] = {
	"id",
	"image",
	"bundle",
	"rootfs",
	"args",
	"env",
	"cwd",
	"user",
	"terminal",
	"remove",
	"kernel",
	"capabilities",
	"stop_signal",
	"accel",
	"executor",
	"hypervisor",
	"memory",
	"cpus",
	"disk_rate",
	"disk_iops",
	"net_rate",
	"created",
	"boot_timeout",
	"annotations",
	"supervisor_config",
	"rootfs_mode",
	"settings_in_image",
	"volumes",
	"volume_targets",
	"block_devices",
	"machine",
	"bios",
	"display",
	"vga",
	"vnc",
	"usb",
	"restore",
	"shm",
	"vm",
	"pod_host",
	"notes",
	"netns",
	"cgroups",
	"cgroups_path",
	"resources",
	"sysctls",
	"console",
	"kernel_append",
	"rootfs_size",
	"memory_prealloc",
	"memory_huge",
	"virtiofs_cache",
	"volume_mode",
	"placeholders",
	"placeholders_ro",
	"part",
	"readonly_rootfs",
	"network",
	"ports",
	"shares_pids",
	"systemd",
	"stages",
};

static struct sandbox_spec example(void)
{
	struct sandbox_spec spec = {
		.id = xstrdup("c1"),
		.image = xstrdup("docker.io/library/debian:12"),
		.bundle = xstrdup("/b\xff"),
		.rootfs = xstrdup("/var/lib/caisson/images/\"odd\"/rootfs"),
		.args = STRV_NULL,
		.env = STRV_NULL,
		.cwd = xstrdup("/a b"),
		.user = xstrdup("1000:audio"),
		.capabilities = UINT64_MAX,
		.stop_signal = 64,
		.terminal = true,
		.remove = true,
		.readonly_rootfs = true,
		.executor = xstrdup("oci"),
		.hypervisor = xstrdup("qemu"),
		.accel = xstrdup("auto"),
		.kernel = xstrdup("/k"),
		.memory = VMM_MEMORY_MAX,
		.cpus = VMM_CPUS_MAX,
		.rates = {.disk_bytes = VMM_RATE_MAX, .disk_ops = 7, .nic_bytes = VMM_RATE_MIN},
		.boot_timeout = SANDBOX_BOOT_TIMEOUT_MAX,
		.placeholders = 3,
		.placeholders_ro = 4,
		.part = 5,
		.created = -1,
		.annotations = STRV_NULL,
		.supervisor_config = xstrdup("/etc/token"),
		.rootfs_mode = xstrdup("image"),
		.volume_mode = xstrdup("9p"),
		.cgroups_path = xstrdup("/docker/x"),
		.resources = xstrdup("{}"),
		.shm = xstrdup("/run/shm"),
		.vm = xstrdup("first"),
		.pod_host = xstrdup("web"),
	};

	strv_add(&spec.args, "");
	strv_add(&spec.args, "caf\xc3\xa9 \xff\x80\x01\x7f\n\\\"");
	/* A code point beyond Latin-1, and bytes that only begin one. */
	strv_add(&spec.args, "\xe2\x82\xac \xc3 \xc4\x80");
	strv_add(&spec.env, "A=b=c");
	strv_add(&spec.volumes, "ro:/v");
	strv_add(&spec.volume_targets, "/mnt");
	strv_add(&spec.sysctls, "net.x=1 2");
	strv_add(&spec.cgroups, "/sys/fs/cgroup/./docker/x");
	strv_add(&spec.annotations, "io.spin.extras.files={\"/a\": 1}");
	return spec;
}

static void everything_comes_back(void)
{
	struct sandbox_spec spec = example(), back = SANDBOX_SPEC_NULL;
	_cleanup_free_ char *json = sandbox_spec_to_json(&spec), *again = NULL;
	struct err err = ERR_NULL;

	if (sandbox_spec_from_json(json, &back, &err) < 0)
		test_fail("%s", err.text);
	test_str(back.id, spec.id);
	test_str(back.image, spec.image);
	test_str(back.bundle, spec.bundle);
	test_str(back.rootfs, spec.rootfs);
	test_int(back.args.n, 3);
	for (size_t i = 0; i < 3; i++)
		test_str(back.args.v[i], spec.args.v[i]);
	test_int(back.env.n, 1);
	test_str(back.env.v[0], "A=b=c");
	test_str(back.cwd, spec.cwd);
	test_str(back.user, spec.user);
	test_true(back.capabilities == UINT64_MAX);
	test_int(back.stop_signal, 64);
	test_true(back.terminal && back.remove);
	test_str(back.kernel, "/k");
	test_int(back.memory, (int64_t)VMM_MEMORY_MAX);
	test_int(back.cpus, VMM_CPUS_MAX);
	test_int(back.rates.disk_bytes, VMM_RATE_MAX);
	test_int(back.rates.disk_ops, 7);
	test_int(back.rates.nic_bytes, VMM_RATE_MIN);
	test_int(back.boot_timeout, SANDBOX_BOOT_TIMEOUT_MAX);
	test_int(back.created, -1);
	test_int(back.annotations.n, 1);
	test_str(back.annotations.v[0], "io.spin.extras.files={\"/a\": 1}");
	test_str(back.supervisor_config, "/etc/token");
	test_true(sandbox_spec_has_disks(&back) && sandbox_spec_has_9p(&back));
	again = sandbox_spec_to_json(&back);
	test_str(again, json);
	sandbox_spec_done(&spec);
	sandbox_spec_done(&back);
	sandbox_spec_done(&back);
}

static void what_is_not_set_is_empty(void)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL, back = SANDBOX_SPEC_NULL;
	_cleanup_free_ char *json = NULL;

	spec.id = xstrdup("x");
	strv_add(&spec.args, "true");
	json = sandbox_spec_to_json(&spec);
	test_int(sandbox_spec_from_json(json, &back, NULL), 0);
	test_str(back.cwd, "");
	test_str(back.user, "");
	test_str(back.kernel, "");
	test_int(back.env.n, 0);
	test_int(back.annotations.n, 0);
	test_str(back.supervisor_config, "");
	sandbox_spec_done(&spec);
	sandbox_spec_done(&back);
}

/* Refused, with a message that has @part in it, and nothing stored. */
static void refused(const char *json, const char *part)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct err err = ERR_NULL;

	test_int(sandbox_spec_from_json(json, &spec, &err), -EBADMSG);
	test_true(!spec.id && !spec.args.v);
	if (!strstr(err.text, part))
		test_fail("\"%s\" is not in: %s", part, err.text);
}

static struct json_object *example_object(void)
{
	struct sandbox_spec spec = example();
	_cleanup_free_ char *json = sandbox_spec_to_json(&spec);

	sandbox_spec_done(&spec);
	return json_tokener_parse(json);
}

/* The example with one field replaced, or left out when @value is NULL. */
static void refused_with(const char *field, const char *value)
{
	struct json_object *o = example_object();

	json_object_object_del(o, field);
	if (value)
		json_object_object_add(o, field, json_tokener_parse(value));
	refused(json_object_to_json_string(o), field);
	json_object_put(o);
}

static void every_field_is_needed_and_typed(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		refused_with(fields[i], NULL);
		refused_with(fields[i], "null");
		refused_with(fields[i], "{}");
		refused_with(fields[i], "1.5");
		refused_with(fields[i], "[1]");
	}
	/* The list is complete. */
	struct json_object *o = example_object();

	test_int(json_object_object_length(o), ARRAY_SIZE(fields));
	json_object_put(o);
}

static void numbers_have_bounds(void)
{
	refused_with("cpus", "-1");
	refused_with("cpus", "2147483648");
	refused_with("stop_signal", "-1");
	refused_with("stop_signal", "1099511627776");
	refused_with("memory", "-1");
	refused_with("capabilities", "-9223372036854775808");
}

static void what_cannot_be_used_is_refused(void)
{
	refused_with("id", "\"\"");
	refused_with("id", "\"../x\"");
	refused_with("args", "[]");
	refused_with("args", "[\"a\", null]");
	refused_with("env", "[[\"a\"]]");
}

static void garbage_is_refused(void)
{
	static const char *const garbage[] = {
		"", " ", "null", "[]", "\"id\"", "{", "{\"id\":}", "\xff\xfe{}", "{\"id\" \"x\"}"};
	char deep[4000];

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
		refused(garbage[i], "not a JSON object");
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	refused(deep, "not a JSON object");
}

static void a_cut_file_is_refused(void)
{
	struct sandbox_spec spec = example();
	_cleanup_free_ char *json = sandbox_spec_to_json(&spec);

	for (size_t n = strlen(json); n-- > 0;) {
		_cleanup_free_ char *cut = xstrndup(json, n);

		refused(cut, "");
	}
	sandbox_spec_done(&spec);
}

static void names_are_plain(void)
{
	static const char *const good[] = {"a", "0", "A_b.c-d", "9.", "e0123456789abcdef"};
	static const char *const bad[] = {"",	 ".",  "..",   "-a",	      "_a",    "a/b", "a b",
					  "a\n", "a:", "\xc3", "caf\xc3\xa9", "a\x7f", "%d"};
	char name[66];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		test_true(sandbox_id_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (sandbox_id_valid(bad[i]))
			test_fail("\"%s\" is a valid name", bad[i]);
	memset(name, 'n', sizeof(name));
	name[65] = '\0';
	test_true(!sandbox_id_valid(name));
	name[64] = '\0';
	test_true(sandbox_id_valid(name));
}

/* What people see is text; only what is none looks as it does in the file. */
static void people_read_text(void)
{
	struct sandbox_spec spec = example();
	_cleanup_free_ char *text = NULL;

	free(spec.user);
	spec.user = xstrdup("J\xc3\xbcrgen");
	free(spec.cwd);
	spec.cwd = xstrdup("/\xff");
	text = sandbox_spec_describe(&spec);
	test_true(strstr(text, "\"user\":\"J\xc3\xbcrgen\""));
	test_true(strstr(text, "\"cwd\":\"\\/\xc3\xbf\""));
	sandbox_spec_done(&spec);
}

/* All that says what the VM is, and nothing else. */
static void one_that_comes_later_has_the_vm_of_the_first(void)
{
	struct sandbox_spec first = example(), later = SANDBOX_SPEC_NULL;

	strv_add(&first.ports, "80:80/tcp");
	first.machine = xstrdup("q35");
	first.kernel_append = xstrdup("a=b");
	first.console = xstrdup("debug");
	first.stages = true;
	later.id = xstrdup("c2");
	later.netns = xstrdup("/proc/7/ns/net");
	later.memory = 1;
	later.part = 7;
	strv_add(&later.args, "true");
	strv_add(&later.ports, "1:1/udp");
	test_true(sandbox_spec_shares_vm(&later) &&
		  !sandbox_spec_shares_vm(&(struct sandbox_spec)SANDBOX_SPEC_NULL));
	sandbox_spec_take_vm(&later, &first);
	test_str(later.id, "c2");
	test_str(later.vm, "c1");
	test_int(later.part, 7);
	test_int(later.args.n, 1);
	test_int(later.env.n + later.volumes.n + later.annotations.n + later.cgroups.n, 0);
	test_true(!later.terminal && !later.readonly_rootfs && !later.cwd && !later.shm);
	test_int(later.memory, first.memory);
	test_int(later.cpus, first.cpus);
	test_int(later.rates.disk_ops, 7);
	test_int(later.placeholders_ro, 4);
	test_int(later.boot_timeout, first.boot_timeout);
	test_str(later.machine, "q35");
	test_str(later.kernel_append, "a=b");
	test_str(later.console, "debug");
	test_true(!later.stages);
	test_str(later.executor, "oci");
	test_str(later.volume_mode, "9p");
	test_str(later.netns, "");
	test_int(later.ports.n, 1);
	test_str(later.ports.v[0], "80:80/tcp");
	sandbox_spec_done(&first);
	sandbox_spec_done(&later);
}

int main(void)
{
	test_run(people_read_text);
	test_run(everything_comes_back);
	test_run(one_that_comes_later_has_the_vm_of_the_first);
	test_run(what_is_not_set_is_empty);
	test_run(every_field_is_needed_and_typed);
	test_run(numbers_have_bounds);
	test_run(what_cannot_be_used_is_refused);
	test_run(garbage_is_refused);
	test_run(a_cut_file_is_refused);
	test_run(names_are_plain);
	return 0;
}
