/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cgroup/cgroup.h"

#define SLICE_SUFFIX  ".slice"
#define DEFAULT_SLICE "system" SLICE_SUFFIX
#define OWN_PREFIX    "caisson"
/* There while systemd is the machine's init (sd_booted(3)). */
#define BOOTED "/run/systemd/system"

static bool ends_with(const char *s, const char *end)
{
	return strlen(s) > strlen(end) && strcmp(s + strlen(s) - strlen(end), end) == 0;
}

static bool is_slice(const char *s)
{
	return ends_with(s, SLICE_SUFFIX) && *s != '-' && !strchr(s, '/') && !strstr(s, "--") &&
	       !strstr(s, "-" SLICE_SUFFIX);
}

/* "a-b.slice" is in "a.slice" (systemd.slice(5)). */
static char *expand_slice(const char *slice)
{
	char *path = xstrdup("");

	for (const char *dash = strchr(slice, '-'); dash; dash = strchr(dash + 1, '-')) {
		char *longer = xasprintf("%s/%.*s" SLICE_SUFFIX, path, (int)(dash - slice), slice);

		free(path);
		path = longer;
	}
	return path;
}

static char *unit_of(const char *prefix, const char *name)
{
	if (ends_with(name, SLICE_SUFFIX))
		return xstrdup(name);
	return xasprintf("%s%s%s.scope", prefix, *prefix ? "-" : "", name);
}

int cgroup_scope_path(const char *name, const char *id, char **ret, struct err *err)
{
	_cleanup_free_ char *text = *name ? xstrndup(name, CGROUP_PATH_MAX)
					  : xasprintf(DEFAULT_SLICE ":" OWN_PREFIX ":%s", id);
	_cleanup_free_ char *above = NULL, *unit = NULL;
	char *at = text, *slice = strsep(&at, ":"), *prefix = strsep(&at, ":");
	char *last = strsep(&at, ":");

	if (!last || at || !*last || strchr(prefix, '/') || strchr(last, '/'))
		return err_set(
			err, -EINVAL,
			"linux.cgroupsPath \"%.64s\" is not SLICE:PREFIX:NAME, as it has to be "
			"with --systemd-cgroup",
			name);
	slice = *slice ? slice : (char *)DEFAULT_SLICE;
	if (strcmp(slice, "-" SLICE_SUFFIX) != 0 && !is_slice(slice))
		return err_set(err, -EINVAL,
			       "linux.cgroupsPath: \"%.64s\" is no slice of systemd's", slice);
	unit = unit_of(prefix, last);
	above = expand_slice(*slice == '-' ? "" : slice);
	*ret = *slice == '-' ? xasprintf("/%s", unit) : xasprintf("%s/%s/%s", above, slice, unit);
	return 0;
}

int cgroup_systemd_path(const char *name, const char *id, char **ret, struct err *err)
{
	if (access(BOOTED, F_OK) < 0)
		return err_set(
			err, -EOPNOTSUPP,
			"systemd does not run on this machine, and --systemd-cgroup is of no "
			"use without it: leave it out");
	return cgroup_scope_path(name, id, ret, err);
}
