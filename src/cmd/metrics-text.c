/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/metrics-text.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cmd/table.h"

/* The format is that of prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4. */

void metrics_container_done(struct metrics_container *c)
{
	free(c->root);
	free(c->id);
	free(c->vm);
	free(c->hypervisor);
	*c = (struct metrics_container){.root = NULL};
}

/* What begins so is each container's; all else is told of VMs. */
#define CONTAINER "caisson_container_"

bool metrics_is_vm(const struct metrics_container *c)
{
	return strcmp(c->id, c->vm) == 0;
}

static void print_label(FILE *out, char before, const char *name, const char *value)
{
	_cleanup_free_ char *printable = table_printable(value);

	fprintf(out, "%c%s=\"", before, name);
	for (const char *p = printable; *p; p++) {
		if (*p == '\\' || *p == '"')
			(void)fputc('\\', out);
		(void)fputc(*p, out);
	}
	(void)fputc('"', out);
}

/* A sample's name and its labels. @label: one more; NULL: none */
static void begin(FILE *out, const char *name, const char *suffix,
		  const struct metrics_container *c, const char *label, const char *value)
{
	fprintf(out, "%s%s", name, suffix);
	print_label(out, '{', "root", c->root);
	print_label(out, ',', "vm", c->vm);
	if (str_starts(name, CONTAINER))
		print_label(out, ',', "id", c->id);
	if (label)
		print_label(out, ',', label, value);
	fputs("} ", out);
}

static void print_count(FILE *out, const char *name, const struct metrics_container *c,
			const char *label, const char *value, uint64_t n)
{
	begin(out, name, "", c, label, value);
	fprintf(out, "%llu\n", (unsigned long long)n);
}

static double seconds_of(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_SEC;
}

static void print_up(FILE *out, const char *name, const struct metrics_container *c)
{
	print_count(out, name, c, NULL, NULL, c->state != NULL);
}

static void print_info(FILE *out, const char *name, const struct metrics_container *c)
{
	print_count(out, name, c, "hypervisor", c->hypervisor, 1);
}

/* How long each took, after the one before. */
static void print_phases(FILE *out, const char *name, const struct metrics_container *c)
{
	for (size_t i = 0; i < c->facts.n_phases; i++) {
		begin(out, name, "", c, "phase", c->facts.phases[i].name);
		fprintf(out, "%.6f\n", seconds_of(c->facts.phases[i].value));
	}
}

static void print_bucket(FILE *out, const char *name, const struct metrics_container *c,
			 uint64_t up_to_ns, uint64_t n)
{
	char bound[32] = "+Inf";

	if (up_to_ns > 0)
		(void)snprintf(bound, sizeof(bound), "%g", seconds_of(up_to_ns));
	begin(out, name, "_bucket", c, "le", bound);
	fprintf(out, "%llu\n", (unsigned long long)n);
}

static void print_exec_starts(FILE *out, const char *name, const struct metrics_container *c)
{
	const struct metrics_facts *f = &c->facts;
	uint64_t n = 0;

	for (size_t i = 0; i < f->n_buckets; i++) {
		n += f->buckets[i].count;
		print_bucket(out, name, c, f->buckets[i].up_to_ns, n);
	}
	if (f->n_buckets == 0)
		return;
	begin(out, name, "_sum", c, NULL, NULL);
	fprintf(out, "%.6f\n", seconds_of(f->exec_sum_ns));
	begin(out, name, "_count", c, NULL, NULL);
	fprintf(out, "%llu\n", (unsigned long long)n);
}

static void print_restarts(FILE *out, const char *name, const struct metrics_container *c)
{
	if (c->facts.has_supervisor)
		print_count(out, name, c, NULL, NULL, c->facts.supervisor_restarts);
}

static void print_supervisor(FILE *out, const char *name, const struct metrics_container *c)
{
	if (c->facts.has_supervisor)
		print_count(out, name, c, NULL, NULL, c->facts.supervisor_runs);
}

static void print_containers(FILE *out, const char *name, const struct metrics_container *c)
{
	for (size_t i = 0; i < c->facts.n_restarts; i++)
		print_count(out, name, c, "container", c->facts.restarts[i].name,
			    c->facts.restarts[i].value);
}

static void print_memory(FILE *out, const char *name, const struct metrics_container *c)
{
	print_count(out, name, c, NULL, NULL, c->memory);
}

static void print_used(FILE *out, const char *name, const struct metrics_container *c)
{
	if (c->facts.has_memory)
		print_count(out, name, c, NULL, NULL, c->facts.memory_usage);
}

/* A container that has no limit has that of its VM. */
static void print_limit(FILE *out, const char *name, const struct metrics_container *c)
{
	if (c->facts.has_memory)
		print_count(out, name, c, NULL, NULL, MIN(c->facts.memory_limit, c->memory));
}

static void print_processes(FILE *out, const char *name, const struct metrics_container *c)
{
	if (c->facts.has_processes)
		print_count(out, name, c, NULL, NULL, c->facts.processes);
}

static void print_host_memory(FILE *out, const char *name, const struct metrics_container *c)
{
	for (int i = 0; c->state && i < METRICS_PART_MAX; i++)
		print_count(out, name, c, "part", metrics_part_name(i), c->host.bytes[i]);
}

static void print_host_processes(FILE *out, const char *name, const struct metrics_container *c)
{
	for (int i = 0; c->state && i < METRICS_GUEST; i++)
		print_count(out, name, c, "part", metrics_part_name(i), c->host.processes[i]);
}

/* docs/metrics.md says more of each. */
static const struct family {
	const char *name, *type, *help;
	void (*print)(FILE *out, const char *name, const struct metrics_container *c);
} families[] = {
	{"caisson_vm_up", "gauge", "Whether the VM's shim has answered this scrape.", print_up},
	{"caisson_vm_info", "gauge", "1, of each VM that there is.", print_info},
	{"caisson_vm_start_phase_seconds", "gauge",
	 "How long a phase of the start took, of the VM and the container it was started for.",
	 print_phases},
	{"caisson_vm_exec_start_seconds", "histogram",
	 "From the request to start an exec until it ran.", print_exec_starts},
	{"caisson_vm_supervisor_running", "gauge", "Whether the VM's supervisor runs.",
	 print_supervisor},
	{"caisson_vm_supervisor_restarts_total", "counter",
	 "How often the VM's supervisor was started again.", print_restarts},
	{"caisson_vm_container_restarts_total", "counter",
	 "How often a pod's container came to the VM again, by its name in the pod.",
	 print_containers},
	{"caisson_vm_memory_bytes", "gauge", "Memory that the VM has.", print_memory},
	{CONTAINER "memory_used_bytes", "gauge", "Memory of the VM that a container uses.",
	 print_used},
	{CONTAINER "memory_limit_bytes", "gauge",
	 "What it may use: its own limit, or all that the VM has.", print_limit},
	{CONTAINER "processes", "gauge", "Processes of a container.", print_processes},
	{"caisson_vm_host_memory_bytes", "gauge",
	 "Memory of the host that the VM takes, as proportional set sizes; all parts but the guest "
	 "are "
	 "overhead.",
	 print_host_memory},
	{"caisson_vm_host_processes", "gauge", "Processes of the host that the VM takes.",
	 print_host_processes},
};

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static const char *state_of(const struct metrics_container *c)
{
	return c->state ? c->state : "unknown";
}

static bool same_kind(const struct metrics_container *a, const struct metrics_container *b)
{
	return metrics_is_vm(b) && strcmp(a->root, b->root) == 0 &&
	       strcmp(a->hypervisor, b->hypervisor) == 0 && strcmp(state_of(a), state_of(b)) == 0;
}

/* Of the VM of the @i-th and all of its kind, if it is the first one. */
static void print_kind(FILE *out, const struct metrics_container *const *list, size_t n, size_t i)
{
	unsigned int count = 0;

	for (size_t j = 0; j < n; j++) {
		if (!same_kind(list[i], list[j]))
			continue;
		if (j < i)
			return;
		count++;
	}
	fputs("caisson_vms", out);
	print_label(out, '{', "root", list[i]->root);
	print_label(out, ',', "hypervisor", list[i]->hypervisor);
	print_label(out, ',', "state", state_of(list[i]));
	fprintf(out, "} %u\n", count);
}

static void print_family(FILE *out, const struct family *f,
			 const struct metrics_container *const *list, size_t n)
{
	print_head(out, f->name, f->type, f->help);
	for (size_t i = 0; i < n; i++)
		if (metrics_is_vm(list[i]) || str_starts(f->name, CONTAINER))
			f->print(out, f->name, list[i]);
}

void metrics_print(FILE *out, const struct metrics_container *const *list, size_t n, double seconds)
{
	print_head(out, "caisson_build_info", "gauge", "1, with the version of caisson.");
	fputs("caisson_build_info{version=\"" CAISSON_VERSION "\"} 1\n", out);
	print_head(
		out, "caisson_vms", "gauge",
		"VMs by the state of the container that each was started for; unknown: no answer.");
	for (size_t i = 0; i < n; i++)
		if (metrics_is_vm(list[i]))
			print_kind(out, list, n, i);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		print_family(out, &families[i], list, n);
	print_head(out, "caisson_scrape_seconds", "gauge",
		   "How long all of this took to find out.");
	fprintf(out, "caisson_scrape_seconds %.6f\n", seconds);
}
