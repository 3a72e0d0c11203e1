/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/resources.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SETTINGS_MAX 16
#define VALUE_MAX    256

/* What may be set. The rest of a group is vminitd's, above all who is in it and what is below it. */
static const char *const files[] = {
	"cpu.weight", "cpu.max",    "cpu.max.burst", "cpu.idle",   "cpuset.cpus",     "cpuset.mems",
	"memory.min", "memory.low", "memory.high",   "memory.max", "memory.swap.max", "pids.max",
};

static bool is_known(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(file, files[i]) == 0)
			return true;
	return false;
}

static enum ttrpc_code check(const Caisson__Guest__V1__Resources *resources, char *text,
			     size_t size)
{
	if (resources->n_settings > SETTINGS_MAX) {
		(void)snprintf(text, size, "more than %d limits at once", SETTINGS_MAX);
		return TTRPC_INVALID_ARGUMENT;
	}
	for (size_t i = 0; i < resources->n_settings; i++) {
		const Caisson__Guest__V1__Resources__Setting *s = resources->settings[i];

		if (!is_known(s->file)) {
			(void)snprintf(text, size, "there is no limit called \"%.64s\"", s->file);
			return TTRPC_UNIMPLEMENTED;
		}
		if (strlen(s->value) >= VALUE_MAX) {
			(void)snprintf(text, size, "%s: the value is too long", s->file);
			return TTRPC_INVALID_ARGUMENT;
		}
	}
	return TTRPC_OK;
}

/* One write a file: an empty value is a line, too (cpuset.cpus: as above). */
static int write_value(const struct cgroup *cgroup, const char *file, const char *value)
{
	int r = cgroup_write(cgroup, file, *value ? value : "\n");

	/* A kernel without swap keeps any limit of it. */
	return r == -ENOENT && strcmp(file, "memory.swap.max") == 0 ? 0 : r;
}

enum ttrpc_code resources_apply(const struct cgroup *cgroup,
				const Caisson__Guest__V1__Resources *resources, char *text,
				size_t size)
{
	char old[SETTINGS_MAX][VALUE_MAX];
	enum ttrpc_code code = check(resources, text, size);
	size_t done;
	int r = 0;

	if (code != TTRPC_OK)
		return code;
	for (done = 0; done < resources->n_settings; done++) {
		const Caisson__Guest__V1__Resources__Setting *s = resources->settings[done];

		if (cgroup_read(cgroup, s->file, old[done], VALUE_MAX) < 0)
			old[done][0] = '\0';
		r = write_value(cgroup, s->file, s->value);
		if (r < 0)
			break;
	}
	if (r == 0)
		return TTRPC_OK;
	(void)snprintf(text, size, "cannot set %s to \"%s\": %s", resources->settings[done]->file,
		       resources->settings[done]->value,
		       r == -ENOENT ? "this kernel does not have it" : strerror(-r));
	while (done-- > 0)
		(void)write_value(cgroup, resources->settings[done]->file, old[done]);
	return r == -EINVAL || r == -ERANGE ? TTRPC_INVALID_ARGUMENT
					    : ttrpc_code_or(r, TTRPC_FAILED_PRECONDITION);
}
