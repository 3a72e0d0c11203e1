/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-mounts.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/oci-json.h"
#include "sandbox/volume.h"

#define CGROUPS "/sys/fs/cgroup"
#define SHM	"/dev/shm"

/* File systems that are made, and do not show something of the host's. */
static const char *const types[] = {
	"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2",
};

/* What is mounted in the guest later, nobody on the host sees. */
static const char *const shared[] = {"shared", "rshared"};

/* What is mounted on the host later, the guest sees. */
static const char *const slave[] = {"slave", "rslave"};

static bool has_option(struct json_object *mount, const char *name)
{
	struct json_object *options;

	if (!json_object_object_get_ex(mount, "options", &options) ||
	    !json_object_is_type(options, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(options); i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(options, i));

		if (word && strcmp(word, name) == 0)
			return true;
	}
	return false;
}

static const char *first_option(struct json_object *mount, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_option(mount, names[i]))
			return names[i];
	return NULL;
}

bool oci_mount_is_bind(struct json_object *mount)
{
	return has_option(mount, "bind") || has_option(mount, "rbind") ||
	       strcmp(oci_json_text(mount, "type"), "bind") == 0;
}

static void set_text(struct json_object *mount, const char *name, const char *value)
{
	json_object_object_add(mount, name, json_object_new_string(value));
}

static void set_options(struct json_object *mount, const char *const *words, size_t n)
{
	struct json_object *options = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(options, json_object_new_string(words[i]));
	json_object_object_add(mount, "options", options);
}

static void make_shm(struct json_object *mount, const struct statfs *fs)
{
	_cleanup_free_ char *size =
		xasprintf("size=%llu", (unsigned long long)fs->f_blocks * fs->f_bsize);
	const char *const words[] = {"nosuid", "noexec", "nodev", "mode=1777", size};

	set_text(mount, "type", "tmpfs");
	set_text(mount, "source", "shm");
	set_options(mount, words, fs->f_blocks > 0 ? 5 : 4);
}

/* Whose has come first is the VM's. */
static bool is_shared_shm(const char *source, const struct oci_group *group,
			  struct sandbox_spec *spec)
{
	if (!group)
		return false;
	if (group->n > 0)
		return *group->shm && path_is_same(source, group->shm);
	free(spec->shm);
	spec->shm = xstrdup(source);
	return true;
}

static void bind_shm(struct json_object *mount)
{
	const char *const words[] = {"rbind", "nosuid", "noexec", "nodev"};

	set_text(mount, "type", "bind");
	set_text(mount, "source", ABI_SHM_DIR);
	set_options(mount, words, ARRAY_SIZE(words));
}

static bool is_own_shm(const char *type, const char *where, const struct oci_group *group)
{
	return group && group->n > 0 && strcmp(group->shm, SANDBOX_SHM_OWN) == 0 &&
	       strcmp(type, "tmpfs") == 0 && strcmp(where, SHM) == 0;
}

static void adapt_shm(struct json_object *mount, const char *source, const struct statfs *fs,
		      const struct oci_group *group, struct sandbox_spec *spec)
{
	if (is_shared_shm(source, group, spec))
		bind_shm(mount);
	else
		make_shm(mount, fs);
}

/*
 * Whoever starts systemd gives it the host's control groups, as it needs some. In a guest these would be
 * nothing but files: it has its own.
 *
 * Return: whether it was that.
 */
static bool adapt_cgroups(struct json_object *mount, const char *source, const char *where)
{
	const char *const words[] = {"nosuid", "noexec", "nodev", "ro"};

	if (strcmp(source, CGROUPS) != 0 || strcmp(where, CGROUPS) != 0)
		return false;
	set_text(mount, "type", "cgroup");
	set_text(mount, "source", "cgroup");
	set_options(mount, words, has_option(mount, "ro") ? 4 : 3);
	return true;
}

/* Where the host has several trees of them podman binds systemd's into those; the guest has one tree. */
static bool is_tree_of_cgroups(struct json_object *mount)
{
	static const char systemds[] = CGROUPS "/systemd";

	return json_object_is_type(mount, json_type_object) && oci_mount_is_bind(mount) &&
	       strcmp(oci_json_text(mount, "source"), systemds) == 0 &&
	       strcmp(oci_json_text(mount, "destination"), systemds) == 0;
}

/* containerd 1.7 makes a folder where it takes for granted that somebody has made that file. */
static bool is_folder_for_file(struct json_object *mount, const struct oci_group *group)
{
	const char *where = oci_json_text(mount, "destination");
	struct stat st;

	for (size_t i = 0; group && i < group->n_files; i++)
		if (strcmp(where, group->files[i].where) == 0)
			return oci_mount_is_bind(mount) &&
			       stat(oci_json_text(mount, "source"), &st) == 0 &&
			       S_ISDIR(st.st_mode);
	return false;
}

static void add_volume(struct json_object *mount, const struct volume *volume, const char *where,
		       struct sandbox_spec *spec)
{
	_cleanup_free_ char *path = NULL;

	strv_add(&spec->volume_targets, where);
	strv_take(&spec->volumes, volume_text(volume));
	path = volume_guest_path(spec, spec->volumes.n - 1);
	set_text(mount, "source", path);
}

static int adapt_bind(struct json_object *mount, const char *where, const struct oci_group *group,
		      struct sandbox_spec *spec, struct err *err)
{
	const char *text = oci_json_text(mount, "source");
	_cleanup_free_ char *joined = *text == '/' ? xstrdup(text) : path_join(spec->bundle, text);
	const char *wrong = first_option(mount, shared, ARRAY_SIZE(shared));
	struct volume volume = {
		.readonly = has_option(mount, "ro") || has_option(mount, "rro"),
		.follows = first_option(mount, slave, ARRAY_SIZE(slave)) != NULL,
	};
	_cleanup_free_ char *source = NULL;
	struct statfs fs;
	int r;

	if (adapt_cgroups(mount, joined, where))
		return 0;
	if (wrong)
		return err_set(err, -ENOTSUP,
			       "mounts: %s: \"%s\" cannot be had: what is mounted in a VM is not "
			       "seen on its host",
			       where, wrong);
	r = volume_find(joined, where, &volume, err);
	source = (char *)volume.source;
	if (r < 0)
		return err_wrap(err, r, "mounts");
	if (strcmp(where, SHM) == 0 && statfs(source, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		adapt_shm(mount, source, &fs, group, spec);
	else
		add_volume(mount, &volume, where, spec);
	return 0;
}

static int adapt_one(struct json_object *mount, const struct oci_group *group,
		     struct sandbox_spec *spec, struct err *err)
{
	const char *type, *where;

	if (!json_object_is_type(mount, json_type_object) || !*oci_json_text(mount, "destination"))
		return err_set(err, -EBADMSG, "one of \"mounts\" has no destination");
	type = oci_json_text(mount, "type");
	where = oci_json_text(mount, "destination");
	if (oci_mount_is_bind(mount))
		return adapt_bind(mount, where, group, spec, err);
	if (is_own_shm(type, where, group)) {
		bind_shm(mount);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(type, types[i]) == 0)
			return 0;
	return err_set(err, -ENOTSUP, "mounts: a file system of type \"%s\" cannot be had, on %s",
		       type, where);
}

static bool is_taken(struct json_object *mounts, const char *where)
{
	for (size_t i = 0; i < json_object_array_length(mounts); i++)
		if (strcmp(oci_json_text(json_object_array_get_idx(mounts, i), "destination"),
			   where) == 0)
			return true;
	return false;
}

static void add_file(struct json_object *mounts, const struct oci_file *file,
		     struct sandbox_spec *spec)
{
	static const char *const words[] = {"rbind"};
	const struct volume volume = {.kind = VOLUME_TEXT, .source = file->text};
	struct json_object *mount;

	if (is_taken(mounts, file->where))
		return;
	mount = json_object_new_object();
	set_text(mount, "destination", file->where);
	set_text(mount, "type", "bind");
	set_options(mount, words, ARRAY_SIZE(words));
	add_volume(mount, &volume, file->where, spec);
	json_object_array_add(mounts, mount);
}

int oci_mounts_adapt(struct json_object *mounts, const struct oci_group *group,
		     struct sandbox_spec *spec, struct err *err)
{
	size_t i = 0;
	int r = 0;

	if (!json_object_is_type(mounts, json_type_array))
		return 0;
	while (r == 0 && i < json_object_array_length(mounts)) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);

		if (is_tree_of_cgroups(mount) || is_folder_for_file(mount, group)) {
			(void)json_object_array_del_idx(mounts, i, 1);
			continue;
		}
		r = adapt_one(mount, group, spec, err);
		i++;
	}
	for (i = 0; r == 0 && group && i < group->n_files; i++)
		add_file(mounts, &group->files[i], spec);
	return r;
}
