/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/machine.h"

#include <errno.h>

#include "base/mem.h"
#include "base/test.h"
#include "vmm/vmm.h"

#define MIB (1ll << 20)

static struct err err;

static int choose(const char *resources, const char *variable, struct sandbox_spec *ret)
{
	*ret = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	ret->resources = xstrdup(resources);
	if (variable)
		strv_add(&ret->env, variable);
	return machine_choose(ret, &err);
}

static void limits_are_its_size(void)
{
	static const struct {
		const char *resources;
		long long memory;
		int cpus;
	} rows[] = {
		{NULL, 256, 1},
		{"{}", 256, 1},
		{"{\"memory\":{\"limit\":0},\"cpu\":{\"quota\":0,\"cpus\":\"\"}}", 256, 1},
		{"{\"memory\":{\"limit\":-1},\"cpu\":{\"quota\":-1}}", 256, 1},
		{"{\"memory\":{\"limit\":536870912}}", 512 + 64, 1},
		{"{\"memory\":{\"limit\":536870913}}", 513 + 64, 1},
		{"{\"memory\":{\"limit\":1}}", 65, 1},
		{"{\"memory\":{\"limit\":9223372036854775807}}", VMM_MEMORY_MAX / MIB, 1},
		{"{\"cpu\":{\"quota\":50000}}", 256, 1},
		{"{\"cpu\":{\"quota\":250000}}", 256, 3},
		{"{\"cpu\":{\"quota\":250000,\"period\":50000}}", 256, 5},
		{"{\"cpu\":{\"quota\":9223372036854775807,\"period\":1}}", 256, VMM_CPUS_MAX},
		{"{\"cpu\":{\"cpus\":\"0-3,7\"}}", 256, 5},
		{"{\"cpu\":{\"cpus\":\"5\"}}", 256, 1},
		{"{\"cpu\":{\"cpus\":\"0-1\",\"quota\":400000}}", 256, 2},
		{"{\"cpu\":{\"cpus\":\"0-99999999999999999999\"}}", 256, 64},
		{"{\"cpu\":{\"cpus\":\"a,-,3-1,,\"}}", 256, 1},
		{"{\"devices\":[{\"allow\":false}],\"blockIO\":{\"weight\":10}}", 256, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sandbox_spec spec;

		test_int(choose(rows[i].resources, NULL, &spec), 0);
		test_int(spec.memory, rows[i].memory * MIB);
		test_int(spec.cpus, rows[i].cpus);
		sandbox_spec_done(&spec);
	}
}

static void what_an_image_says_is_held_to_them(void)
{
	static const char both[] = "{\"memory\":{\"limit\":536870912},\"cpu\":{\"quota\":300000}}";
	struct sandbox_spec spec;

	test_int(choose(both, "RUNCVM_MEM_SIZE=128M", &spec), 0);
	test_int(spec.memory, 128 * MIB);
	test_int(spec.cpus, 3);
	sandbox_spec_done(&spec);
	test_int(choose(both, "RUNCVM_CPUS=2", &spec), 0);
	test_int(spec.memory, (512 + 64) * MIB);
	test_int(spec.cpus, 2);
	sandbox_spec_done(&spec);
	/* The image's own variable; an annotation is the engine's. */
	test_int(choose(both, "RUNCVM_MEM_SIZE=2G", &spec), 0);
	test_int(spec.memory, (512 + 64) * MIB);
	sandbox_spec_done(&spec);
	test_int(choose(both, "RUNCVM_CPUS=4", &spec), 0);
	test_int(spec.cpus, 3);
	sandbox_spec_done(&spec);
	test_int(choose(NULL, "RUNCVM_MEM_SIZE=2G", &spec), 0);
	test_int(spec.memory, 2048 * MIB);
	sandbox_spec_done(&spec);
	spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	spec.resources = xstrdup(both);
	strv_add(&spec.annotations, "io.caisson.mem_size=2G");
	strv_add(&spec.annotations, "io.caisson.cpus=4");
	test_int(machine_choose(&spec, &err), 0);
	test_int(spec.memory, 2048 * MIB);
	test_int(spec.cpus, 4);
	sandbox_spec_done(&spec);
	test_int(choose("{\"memory\":{\"limit\":\"1G\"}}", NULL, &spec), -EINVAL);
	sandbox_spec_done(&spec);
}

static void a_pod_is_as_large_as_its_containers(void)
{
	static const struct {
		const char *memory, *quota, *period;
		long long size;
		int cpus;
	} rows[] = {
		{"536870912", "250000", "100000", 512 + 64, 3},
		{"536870912", "100000", "50000", 512 + 64, 2},
		{"0", "-1", "100000", 100 + 64, 1},
		{"a", "", "1", 100 + 64, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sandbox_spec spec = SANDBOX_SPEC_NULL;

		spec.resources = xstrdup("{\"memory\":{\"limit\":104857600}}");
		strv_addf(&spec.annotations, "io.kubernetes.cri.sandbox-memory=%s", rows[i].memory);
		strv_addf(&spec.annotations, "io.kubernetes.cri.sandbox-cpu-quota=%s",
			  rows[i].quota);
		strv_addf(&spec.annotations, "io.kubernetes.cri.sandbox-cpu-period=%s",
			  rows[i].period);
		test_int(machine_choose(&spec, &err), 0);
		test_int(spec.memory, rows[i].size * MIB);
		test_int(spec.cpus, rows[i].cpus);
		sandbox_spec_done(&spec);
	}
}

/* Its own container waits for the others; they are what its annotations mean. */
static void a_pod_is_no_whole_system(void)
{
	static const struct {
		const char *type;
		bool systemd;
	} rows[] = {{"sandbox", false}, {"container", true}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sandbox_spec spec = SANDBOX_SPEC_NULL, later = SANDBOX_SPEC_NULL;

		strv_addf(&spec.annotations, "io.kubernetes.cri.container-type=%s", rows[i].type);
		strv_add(&spec.annotations, "io.caisson.systemd=1");
		strv_add(&spec.annotations, "io.caisson.mem_size=1G");
		test_int(machine_choose(&spec, &err), 0);
		test_int(spec.systemd, rows[i].systemd);
		spec.id = xstrdup("first");
		strv_add(&later.annotations, "io.caisson.systemd=1");
		test_int(machine_join(&later, &spec, NULL, &err), 0);
		test_true(later.systemd);
		test_int(later.memory, 1024 * MIB);
		test_str(later.vm, "first");
		/* Whose configuration says otherwise. */
		test_int(machine_join(&later, &spec, "/nowhere/c", &err), -ENOENT);
		sandbox_spec_done(&later);
		sandbox_spec_done(&spec);
	}
}

/* What the configuration says of Firecracker's VMs is not QEMU's, which may not even have that. */
static void placeholders_that_are_configured(void)
{
	static const struct {
		const char *hypervisor;
		uint32_t asked, n, readonly;
	} rows[] = {{"firecracker", 0, 2, 1},
		    {"firecracker", 3, 3, 1},
		    {"qemu", 0, 0, 0},
		    {"qemu", 3, 3, 0}};
	const struct conf conf = {.firecracker_api = (char *)"true",
				  .firecracker_placeholders = 2,
				  .firecracker_placeholders_ro = 1};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sandbox_spec spec = SANDBOX_SPEC_NULL;

		test_int(machine_choose(&spec, &err), 0);
		free(spec.hypervisor);
		spec.hypervisor = xstrdup(rows[i].hypervisor);
		spec.placeholders = rows[i].asked;
		test_int(machine_end(&spec, &conf, &err), 0);
		test_int(spec.placeholders, rows[i].n);
		test_int(spec.placeholders_ro, rows[i].readonly);
		sandbox_spec_done(&spec);
	}
}

int main(void)
{
	test_run(placeholders_that_are_configured);
	test_run(a_pod_is_no_whole_system);
	test_run(a_pod_is_as_large_as_its_containers);
	test_run(limits_are_its_size);
	test_run(what_an_image_says_is_held_to_them);
	return 0;
}
