/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cgroup/cgroup.h"
#include "sandbox/hooks.h"
#include "sandbox/machine.h"
#include "sandbox/oci-adapt.h"
#include "sandbox/systemd.h"
#include "sandbox/volume.h"

static int read_config(const char *bundle, char **ret, struct err *err)
{
	_cleanup_close_ int dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : file_slurp_at(dir, OCI_CONFIG_FILE, OCI_CONFIG_MAX, ret, NULL);

	if (dir < 0)
		return err_errno(err, r, "cannot use the bundle %s", bundle);
	if (r == -ELOOP || r == -EINVAL)
		return err_set(err, r, "%s/" OCI_CONFIG_FILE " is no regular file", bundle);
	return r < 0 ? err_errno(err, r, "cannot read %s/" OCI_CONFIG_FILE, bundle) : 0;
}

/* Relative to the bundle, as the specification has it. */
static int find_root(const char *bundle, struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *path = take_ptr(spec->rootfs), *full = NULL;
	struct stat st;

	full = *path == '/' ? xstrdup(path) : path_join(bundle, path);
	spec->rootfs = realpath(full, NULL);
	if (!spec->rootfs || stat(spec->rootfs, &st) < 0)
		return err_errno(err, -errno, "cannot use the bundle's root file system %s", full);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "the bundle's root file system %s is no folder",
			       full);
	return 0;
}

/* An engine that asks systemd for its groups has no need to say so. */
static bool is_scope(enum bundle_cgroups cgroups, const char *path)
{
	const char *colon = strchr(path, ':');

	if (cgroups != BUNDLE_CGROUPS_EITHER)
		return cgroups == BUNDLE_CGROUPS_SYSTEMD;
	return colon && strchr(colon + 1, ':') && *path != '/' &&
	       strstr(path, ".slice:") == colon - strlen(".slice");
}

/* Of the host: the guest has its own. */
static int find_group(enum bundle_cgroups cgroups, struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (!is_scope(cgroups, spec->cgroups_path))
		return cgroup_places(spec->cgroups_path, spec->id, &spec->cgroups, err);
	r = cgroup_systemd_path(spec->cgroups_path, spec->id, &path, err);
	return r < 0 ? r : cgroup_places(path, spec->id, &spec->cgroups, err);
}

static int load(const char *json, enum bundle_cgroups cgroups, const struct oci_group *group,
		struct sandbox_spec *spec, struct bundle *ret, struct err *err)
{
	int r = hooks_take(json, &ret->hooks, err);

	if (r == 0)
		r = oci_config_adapt(json, group, spec, &ret->config, err);
	if (r == 0)
		r = find_group(cgroups, spec, err);
	if (r < 0)
		(void)err_wrap(err, r, "%s/" OCI_CONFIG_FILE, spec->bundle);
	return r;
}

static int load_from(const char *path, const char *text, enum bundle_cgroups cgroups,
		     const struct oci_group *group, struct sandbox_spec *spec, struct bundle *ret,
		     struct err *err)
{
	_cleanup_free_ char *json = NULL;
	int r;

	spec->bundle = realpath(path, NULL);
	if (!spec->bundle)
		return err_errno(err, -errno, "cannot use the bundle %s", path);
	r = text ? 0 : read_config(spec->bundle, &json, err);
	if (r == 0)
		r = load(text ? text : json, cgroups, group, spec, ret, err);
	if (r < 0)
		return r;
	spec->stop_signal = SIGTERM;
	spec->image = xstrdup(spec->bundle);
	return find_root(spec->bundle, spec, err);
}

int bundle_load_text(const char *path, const char *json, enum bundle_cgroups cgroups,
		     const struct oci_group *group, struct sandbox_spec *spec, struct bundle *ret,
		     struct err *err)
{
	int r = load_from(path, json, cgroups, group, spec, ret, err);

	if (r < 0)
		err_one_line(err);
	return r;
}

int bundle_load(const char *path, enum bundle_cgroups cgroups, const struct oci_group *group,
		struct sandbox_spec *spec, struct bundle *ret, struct err *err)
{
	return bundle_load_text(path, NULL, cgroups, group, spec, ret, err);
}

static int keep(const struct record *record, const char *name, const char *text, struct err *err)
{
	int r = text ? file_write_atomic_at(record->dir, name, text, strlen(text), 0600) : 0;

	return r < 0 ? err_errno(err, r, "cannot write %s/%s", record->dir_path, name) : 0;
}

int bundle_keep(const struct bundle *bundle, const struct record *record, struct err *err)
{
	int r = keep(record, OCI_CONFIG_FILE, bundle->config, err);

	return r < 0 ? r : keep(record, HOOKS_FILE, bundle->hooks, err);
}

static int furnish(struct bundle *bundle, struct sandbox_spec *spec, int r)
{
	if (r == 0 && spec->systemd)
		systemd_adapt(spec, &bundle->config);
	return r;
}

int bundle_choose_machine(struct bundle *bundle, struct sandbox_spec *spec, struct err *err)
{
	int r = furnish(bundle, spec, machine_choose(spec, err));

	/* Disks are mounted for what is run. */
	if (volumes_disks(&spec->volumes, spec->volumes.n) > 0)
		free(take_ptr(spec->pod_host));
	return r;
}

int bundle_join(struct bundle *bundle, struct sandbox_spec *spec, const struct sandbox_spec *first,
		const char *conf, struct err *err)
{
	return furnish(bundle, spec, machine_join(spec, first, conf, err));
}

int bundle_record(const struct bundle *bundle, const struct paths *paths,
		  const struct sandbox_spec *spec, struct record *ret, struct err *err)
{
	int r = record_create(paths, spec, ret, err);

	if (r < 0)
		return r;
	r = bundle_keep(bundle, ret, err);
	if (r == 0)
		r = record_mark_boot(ret, err);
	if (r < 0) {
		(void)record_remove(paths, ret, NULL);
		record_done(ret);
	}
	return r;
}

/* What is left of one whose shim has gone is in nobody's way. */
static int remove_dead(const struct paths *paths, const char *id, struct err *err)
{
	struct record record = RECORD_NULL;
	int r = record_open(paths, id, &record, err);

	if (r == 0 && record_claim(&record) < 0)
		r = err_set(err, -EEXIST, "container %s exists already", id);
	if (r == 0) {
		(void)record_remove_cgroups(&record, 0);
		r = record_remove(paths, &record, err);
	}
	record_done(&record);
	return r;
}

int bundle_record_anew(const struct bundle *bundle, const struct paths *paths,
		       const struct sandbox_spec *spec, struct record *ret, struct err *err)
{
	int r = bundle_record(bundle, paths, spec, ret, err);

	if (r != -EEXIST)
		return r;
	r = remove_dead(paths, spec->id, err);
	return r == 0 ? bundle_record(bundle, paths, spec, ret, err) : r;
}

int bundle_annotations(const char *path, struct strv *ret, struct err *err)
{
	_cleanup_free_ char *json = NULL;
	int r = read_config(path, &json, err);

	if (r == 0)
		r = oci_config_annotations(json, ret, err);
	if (r < 0)
		err_one_line(err);
	return r;
}

void bundle_done(struct bundle *bundle)
{
	free(take_ptr(bundle->config));
	free(take_ptr(bundle->hooks));
}
