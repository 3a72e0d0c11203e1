/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/test.h"
#include "vmm/firecracker/command.h"
#include "vmm/firecracker/slots.h"

static const struct vmm_jail jail = {.uid = 7, .gid = 8};
static struct vmm_spec spec;
static struct fc_plan plan;
static struct err err;
static const struct fc_slots none = FC_SLOTS_NULL;
static int null;

static void begin(void)
{
	static const char *const words[] = {"caisson_port=7", NULL};
	struct vmm_spec fresh = VMM_SPEC_NULL;

	spec = fresh;
	spec.name = "a.vm_1";
	spec.memory = 96u << 20;
	spec.cpus = 2;
	spec.accel = VMM_ACCEL_KVM;
	spec.kernel = "/k/vmlinux";
	spec.initrd = "/k/initrd";
	spec.cmdline = words;
	err = (struct err)ERR_NULL;
}

static const char *part(const char *path)
{
	for (size_t i = 0; i < plan.n; i++)
		if (strcmp(plan.parts[i].path, path) == 0)
			return json_object_to_json_string_ext(
				plan.parts[i].body,
				JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return "(none)";
}

static void must_have(const char *text, const char *what)
{
	if (!strstr(text, what))
		test_fail("\"%s\" is not in: %s", what, text);
}

static const char *numbers(const struct stat *st)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "%llu%llu%llu", (unsigned long long)st->st_dev,
		       (unsigned long long)st->st_rdev, (unsigned long long)st->st_ino);
	return text;
}

static void test_parts(void)
{
	char serials[128];
	struct stat st;
	const struct vmm_disk disks[] = {{.fd = null, .serial = "image", .readonly = true},
					 {.fd = null, .serial = "upper"}};
	const struct vmm_nic nics[] = {
		{.fd = -EBADF, .tap = "tap7", .mac = {2, 0xca, 1, 2, 3, 0xff}}};

	begin();
	spec.disks = disks;
	spec.n_disks = 2;
	spec.nics = nics;
	spec.n_nics = 1;
	spec.vsock = (struct vmm_vsock){
		.kind = VMM_VSOCK_HYBRID, .fd = -EBADF, .socket_path = "/r/vsock/uds", .cid = 3};
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	test_int(fstat(null, &st), 0);
	(void)snprintf(serials, sizeof(serials),
		       " caisson_disks=image:%1$.20s,upper:%1$.20s caisson_port=7\"", numbers(&st));
	must_have(part("/boot-source"), serials);
	test_str(part("/machine-config"), "{\"vcpu_count\":2,\"mem_size_mib\":96}");
	must_have(part("/boot-source"),
		  "\"kernel_image_path\":\"/k/vmlinux\",\"initrd_path\":\"/k/initrd\"");
	must_have(part("/boot-source"), " reboot=k ");
	must_have(part("/boot-source"), " caisson_port=7\"");
	test_str(part("/drives/disk0"), "{\"drive_id\":\"disk0\",\"path_on_host\":\"/proc/self/fd/"
					"4\",\"is_root_device\":false,"
					"\"is_read_only\":true,\"cache_type\":\"Unsafe\"}");
	must_have(part("/drives/disk1"),
		  "\"/proc/self/fd/5\",\"is_root_device\":false,\"is_read_only\":false,"
		  "\"cache_type\":\"Writeback\"");
	test_str(part("/network-interfaces/nic0"), "{\"iface_id\":\"nic0\",\"host_dev_name\":"
						   "\"tap7\",\"guest_mac\":\"02:ca:01:02:03:ff\"}");
	test_str(part("/vsock"), "{\"guest_cid\":3,\"uds_path\":\"/proc/self/fd/6/uds\"}");
	test_str(part("/entropy"), "{}");
	test_str(part("/balloon"),
		 "{\"amount_mib\":0,\"deflate_on_oom\":true,\"free_page_reporting\":true}");
	fc_plan_done(&plan);

	spec.jail = &jail;
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	must_have(part("/boot-source"),
		  "\"kernel_image_path\":\"/kernel\",\"initrd_path\":\"/initrd\"");
	must_have(part("/drives/disk1"), "\"path_on_host\":\"/disk1\"");
	must_have(part("/vsock"), "\"uds_path\":\"/vsock/uds\"");
	fc_plan_done(&plan);
}

static void test_rates(void)
{
	const struct vmm_disk disk = {.fd = null, .serial = "upper"};
	const struct vmm_nic nic = {.fd = -EBADF, .tap = "tap7"};

	begin();
	spec.disks = &disk;
	spec.n_disks = 1;
	spec.nics = &nic;
	spec.n_nics = 1;
	spec.rates = (struct vmm_rates){.disk_bytes = 1 << 20, .nic_bytes = VMM_RATE_MAX};
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	must_have(part("/drives/disk0"),
		  ",\"rate_limiter\":{\"bandwidth\":{\"size\":1048576,\"refill_time\":1000}}}");
	must_have(part("/network-interfaces/nic0"), ",\"rx_rate_limiter\":{\"bandwidth\":{\"size\":"
						    "1099511627776,\"refill_time\":1000}},"
						    "\"tx_rate_limiter\":{\"bandwidth\":{\"size\":"
						    "1099511627776,\"refill_time\":1000}}}");
	fc_plan_done(&plan);
	spec.rates = (struct vmm_rates){.disk_ops = 7};
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	must_have(part("/drives/disk0"),
		  ",\"rate_limiter\":{\"ops\":{\"size\":7,\"refill_time\":1000}}}");
	test_true(!strstr(part("/network-interfaces/nic0"), "limiter"));
	fc_plan_done(&plan);
}

/* What is not limited any more has to be said, too. */
static void test_new_rates(void)
{
	const struct vmm_rates rates = {.disk_ops = 9};

	fc_plan_rates(2, 1, 1, &rates, &plan);
	test_int((int)plan.n, 4);
	test_str(part("/drives/disk1"),
		 "{\"drive_id\":\"disk1\",\"rate_limiter\":{\"bandwidth\":{\"size\":0,"
		 "\"refill_time\":0},\"ops\":{\"size\":9,\"refill_time\":1000}}}");
	must_have(part("/drives/slot0"), "\"ops\":{\"size\":9,\"refill_time\":1000}");
	test_str(part("/network-interfaces/nic0"),
		 "{\"iface_id\":\"nic0\",\"rx_rate_limiter\":{\"bandwidth\":{\"size\":0,"
		 "\"refill_time\":0}},\"tx_rate_limiter\":{\"bandwidth\":{\"size\":0,"
		 "\"refill_time\":0}}}");
	fc_plan_done(&plan);
}

static void test_file(void)
{
	const struct vmm_disk disks[] = {{.fd = null, .serial = "image", .readonly = true},
					 {.fd = null, .serial = "upper"}};
	_cleanup_free_ char *text = NULL, *bare = NULL;
	struct json_object *all, *list;

	begin();
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	bare = fc_plan_file(&plan);
	must_have(bare, "\"drives\":[]");
	fc_plan_done(&plan);
	spec.disks = disks;
	spec.n_disks = 2;
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	text = fc_plan_file(&plan);
	fc_plan_done(&plan);
	all = json_tokener_parse(text);
	test_true(json_object_object_get_ex(all, "drives", &list));
	test_int((int)json_object_array_length(list), 2);
	test_true(json_object_object_get_ex(all, "machine-config", NULL));
	test_true(json_object_object_get_ex(all, "entropy", NULL));
	test_int(json_object_object_length(all), 4);
	json_object_put(all);
}

/* With what Firecracker adds it has to stay below its limit. */
static void test_command_line(void)
{
	char word[1900];
	const char *words[] = {word, NULL};

	begin();
	spec.cmdline = words;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), -E2BIG);
	test_str(err.text, "the kernel's command line is too long");
	word[1600] = '\0';
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	fc_plan_done(&plan);
}

static void must_be(char *text, const char *wanted)
{
	struct json_object *have = json_tokener_parse(text), *want = json_tokener_parse(wanted);

	if (!have || !json_object_equal(have, want))
		test_fail("%s is not %s", text, wanted);
	json_object_put(have);
	json_object_put(want);
	free(text);
}

/* The same paths for all VMs, so that one can be loaded in any other's place. */
static void test_snapshots(void)
{
	const struct vmm_disk disk = {.fd = null, .serial = "upper"};
	const struct vmm_nic nic = {.fd = -EBADF, .tap = "tap9", .mac = {2}};

	begin();
	spec.disks = &disk;
	spec.n_disks = 1;
	must_be(fc_plan_save(&spec),
		"{\"snapshot_type\":\"Full\",\"snapshot_path\":\"/proc/self/fd/6/state\","
		"\"mem_file_path\":\"/proc/self/fd/6/memory\"}");
	must_be(fc_plan_load(&spec, true),
		"{\"snapshot_path\":\"/proc/self/fd/7/state\",\"mem_backend\":{\"backend_type\":"
		"\"File\",\"backend_path\":\"/proc/self/fd/7/memory\"},\"resume_vm\":true}");
	spec.jail = &jail;
	spec.nics = &nic;
	spec.n_nics = 1;
	must_be(fc_plan_save(&spec),
		"{\"snapshot_type\":\"Full\",\"snapshot_path\":\"/snapshot/state\","
		"\"mem_file_path\":\"/snapshot/memory\"}");
	must_be(fc_plan_load(&spec, true),
		"{\"snapshot_path\":\"/restore/state\",\"mem_backend\":{\"backend_type\":\"File\","
		"\"backend_path\":\"/restore/memory\"},\"resume_vm\":true,\"network_overrides\":["
		"{\"iface_id\":\"nic0\",\"host_dev_name\":\"tap9\"}]}");
	must_be(fc_plan_load(&spec, false),
		"{\"snapshot_path\":\"/restore/state\",\"mem_backend\":{\"backend_type\":\"File\","
		"\"backend_path\":\"/restore/memory\"},\"resume_vm\":true}");
}

static void test_what_it_has_not(void)
{
	begin();
	spec.prealloc = true;
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), -ENOTSUP);
	begin();
	spec.cpus = 33;
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), -ENOTSUP);
	begin();
	spec.huge = true;
	test_int(fc_plan_make(&spec, -EBADF, &none, &plan, &err), 0);
	must_have(part("/machine-config"), "\"huge_pages\":\"2M\"");
	fc_plan_done(&plan);
}

static void test_versions(void)
{
	static const struct {
		const char *answer;
		int r;
	} cases[] = {
		{"{\"firecracker_version\":\"1.4.0\"}", 0},
		{"{\"firecracker_version\":\"1.16.1\"}", 0},
		{"{\"firecracker_version\":\"1.17.0-dev\"}", 0},
		{"{\"firecracker_version\":\"1.3.9\"}", -ENOTSUP},
		{"{\"firecracker_version\":\"0.25.2\"}", -ENOTSUP},
		{"{\"firecracker_version\":\"2.0.0\"}", -ENOTSUP},
		{"{\"firecracker_version\":\"one\"}", -EPROTO},
		{"{\"firecracker_version\":7}", -EPROTO},
		{"{\"firecracker_version\":null}", -EPROTO},
		{"{}", -EPROTO},
		{"[]", -EPROTO},
		{"", -EPROTO},
		{"Cloud Hypervisor", -EPROTO},
	};
	unsigned int minor;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_int(fc_check_version(cases[i].answer, &minor, &err), cases[i].r);
	test_int(fc_check_version("{\"firecracker_version\":\"1.14.2\"}", &minor, &err), 0);
	test_int((int)minor, 14);
}

/* Scripts in its place. */
static void test_programs(void)
{
	static const struct {
		const char *script, *says;
	} cases[] = {
		{"echo Firecracker v1.4.0", ""},
		{"echo 'Firecracker v1.17.0-dev'; echo; echo more", ""},
		{"echo Firecracker v1.3.3", "Firecracker 1.3 is not known here"},
		{"echo Firecracker v2.0.0", "Firecracker 2.0 is not known here"},
		{"echo hello", "is no Firecracker: of its version it says \"hello\""},
		{"echo Firecracker v1.7.0; exit 3", "is no Firecracker"},
		{"exit 3", "it ends with status 3 without a version"},
	};
	char path[] = "/tmp/test-plan-XXXXXX", text[128];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", cases[i].script);
		(void)strcpy(path + sizeof(path) - 7, "XXXXXX");
		fd = mkostemp(path, O_CLOEXEC);
		test_true(fd >= 0 && fchmod(fd, 0700) == 0);
		test_int(write(fd, text, strlen(text)), (int)strlen(text));
		fd = fd_close(fd);
		err = (struct err)ERR_NULL;
		test_int(fc_check_program(path, &err) < 0, *cases[i].says != '\0');
		test_true(strstr(err.text, cases[i].says) != NULL);
		(void)unlink(path);
	}
	test_true(fc_check_program("/nonexistent/firecracker", &err) < 0);
}

int main(void)
{
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	test_parts();
	test_rates();
	test_new_rates();
	test_file();
	test_command_line();
	test_snapshots();
	test_what_it_has_not();
	test_versions();
	test_programs();
	return 0;
}
