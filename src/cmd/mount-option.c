/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/mount-option.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "cmd/volume-store.h"
#include "sandbox/disk.h"
#include "sandbox/volume.h"

/* From the words of an option to what is meant: nothing of the host is looked at here. */

/* As under Docker, unless something else is said. */
#define TMPFS_DEFAULTS "noexec,nosuid,nodev"

/* Where the host and the guest are two kernels, no mount of one is ever seen by the other. */
static const char *const private[] = {"private", "rprivate"};
static const char *const propagated[] = {"shared", "rshared", "slave", "rslave"};

/* SELinux labels, which the guest's kernel has not; a new volume is empty, and nothing is copied. */
static const char *const meaningless[] = {"z", "Z", "nocopy"};

static const char *const tmpfs_flags[] = {"ro",	   "rw",  "noexec", "exec",    "nosuid",     "suid",
					  "nodev", "dev", "sync",   "noatime", "strictatime"};
static const char *const tmpfs_values[] = {"size=", "mode=", "uid=", "gid=", "nr_inodes="};

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}
#define IS_ONE_OF(word, list) is_one_of(word, list, ARRAY_SIZE(list))

static int set_target(struct mount_option *o, const char *option, const char *target,
		      struct err *err)
{
	free(o->target);
	o->target = volume_target(target);
	return o->target ? 0
			 : err_set(err, -EINVAL,
				   "%s: \"%s\" is no absolute path below / without \"..\"", option,
				   target);
}

static int set_propagation(const char *option, const char *word, struct err *err)
{
	if (IS_ONE_OF(word, private))
		return 0;
	if (!IS_ONE_OF(word, propagated))
		return err_set(err, -EINVAL, "%s: there is no propagation \"%s\"", option, word);
	return err_set(
		err, -ENOTSUP,
		"%s: \"%s\" cannot be had: what is mounted on a host is not seen in a VM, nor "
		"the reverse",
		option, word);
}

/* Of --volume: what follows the second colon. */
static int set_volume_word(struct mount_option *o, const char *word, struct err *err)
{
	if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0)
		o->readonly = word[1] == 'o';
	else if (IS_ONE_OF(word, private) || IS_ONE_OF(word, propagated))
		return set_propagation("--volume", word, err);
	else if (!IS_ONE_OF(word, meaningless))
		return err_set(err, -EINVAL, "--volume: there is no option \"%s\"", word);
	return 0;
}

static int each_word(struct mount_option *o, char *words,
		     int (*set)(struct mount_option *o, const char *word, struct err *err),
		     struct err *err)
{
	char *word;
	int r = 0;

	while (r == 0 && (word = strsep(&words, ",")))
		if (*word)
			r = set(o, word, err);
	return r;
}

static int set_source(struct mount_option *o, const char *option, const char *source,
		      struct err *err)
{
	o->source = xstrdup(source);
	o->kind = *source == '/' || *source == '.' ? MOUNT_PATH : MOUNT_VOLUME;
	if (o->kind == MOUNT_PATH || volume_name_valid(source))
		return 0;
	return err_set(err, -EINVAL,
		       "%s: \"%s\" is neither a path, which begins with / or a dot, nor a volume's "
		       "name: " VOLUME_NAME_RULE,
		       option, source);
}

int mount_option_volume(const char *text, struct mount_option *o, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *source = strsep(&rest, ":"), *target = strsep(&rest, ":");
	int r;

	if (!target || !*source)
		return err_set(err, -EINVAL,
			       "--volume %s: say SOURCE:TARGET, a path or a volume's name first",
			       text);
	o->make = true;
	r = set_source(o, "--volume", source, err);
	if (r == 0)
		r = set_target(o, "--volume", target, err);
	return r < 0 ? r : each_word(o, rest, set_volume_word, err);
}

static int set_tmpfs_word(struct mount_option *o, const char *word, struct err *err)
{
	bool known = IS_ONE_OF(word, tmpfs_flags);
	char *options;

	for (size_t i = 0; i < ARRAY_SIZE(tmpfs_values); i++) {
		const char *value = str_starts(word, tmpfs_values[i]);

		known |= value && isdigit((unsigned char)*value);
	}
	if (!known)
		return err_set(err, -EINVAL, "--tmpfs: there is no option \"%s\"", word);
	options = xasprintf("%s,%s", o->source, word);
	free(o->source);
	o->source = options;
	return 0;
}

int mount_option_tmpfs(const char *text, struct mount_option *o, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *target = strsep(&rest, ":");
	int r;

	o->kind = MOUNT_TMPFS;
	o->source = xstrdup(TMPFS_DEFAULTS);
	r = set_target(o, "--tmpfs", target, err);
	return r < 0 ? r : each_word(o, rest, set_tmpfs_word, err);
}

/* --mount: what its keys say, before it is known which of them go together. */
struct keys {
	const char *type, *source, *target, *propagation, *readonly, *size, *mode, *nocopy;
};

static const struct {
	const char *name;
	size_t offset;
	const char *type; /* that it goes with alone */
	bool flag;
} key_table[] = {
	{"type", offsetof(struct keys, type), NULL, false},
	{"source", offsetof(struct keys, source), NULL, false},
	{"src", offsetof(struct keys, source), NULL, false},
	{"target", offsetof(struct keys, target), NULL, false},
	{"destination", offsetof(struct keys, target), NULL, false},
	{"dst", offsetof(struct keys, target), NULL, false},
	{"readonly", offsetof(struct keys, readonly), NULL, true},
	{"ro", offsetof(struct keys, readonly), NULL, true},
	{"bind-propagation", offsetof(struct keys, propagation), "bind", false},
	{"volume-nocopy", offsetof(struct keys, nocopy), "volume", true},
	{"tmpfs-size", offsetof(struct keys, size), "tmpfs", false},
	{"tmpfs-mode", offsetof(struct keys, mode), "tmpfs", false},
};

static int check_flag(const char *key, const char *value, struct err *err)
{
	static const char *const words[] = {"true", "1", "false", "0"};

	return IS_ONE_OF(value, words)
		       ? 0
		       : err_set(err, -EINVAL, "--mount: %s is true or false, not \"%s\"", key,
				 value);
}

static int set_key(struct keys *keys, const char *type, char *word, struct err *err)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(key_table); i++) {
		if (strcmp(word, key_table[i].name) != 0)
			continue;
		if (key_table[i].type && strcmp(type, key_table[i].type) != 0)
			return err_set(err, -EINVAL, "--mount: %s goes with type=%s only", word,
				       key_table[i].type);
		if (key_table[i].flag && !value)
			value = (char *)"true";
		if (!value || !*value)
			return err_set(err, -EINVAL, "--mount: %s=… has no value", word);
		*(const char **)((char *)keys + key_table[i].offset) = value;
		return key_table[i].flag ? check_flag(word, value, err) : 0;
	}
	return err_set(err, -EINVAL, "--mount: there is no key \"%s\"", word);
}

/* It decides which keys there may be, and stands anywhere among them. */
static char *find_type(const char *text)
{
	const char *type = str_starts(text, "type=");

	if (!type) {
		type = strstr(text, ",type=");
		type = type ? type + strlen(",type=") : "volume";
	}
	return xstrndup(type, strcspn(type, ","));
}

static int add_tmpfs_value(struct mount_option *o, const char *key, const char *value,
			   struct err *err)
{
	_cleanup_free_ char *word = value ? xasprintf("%s=%s", key, value) : NULL;

	return word ? set_tmpfs_word(o, word, err) : 0;
}

static int take_tmpfs(struct mount_option *o, const struct keys *keys, struct err *err)
{
	int r;

	if (keys->source)
		return err_set(err, -EINVAL, "--mount: a tmpfs has no source");
	o->kind = MOUNT_TMPFS;
	o->source = xstrdup(TMPFS_DEFAULTS);
	r = add_tmpfs_value(o, "size", keys->size, err);
	if (r == 0)
		r = add_tmpfs_value(o, "mode", keys->mode, err);
	return r == 0 && o->readonly ? set_tmpfs_word(o, "ro", err) : r;
}

static int take_source(struct mount_option *o, const struct keys *keys, const char *type,
		       struct err *err)
{
	bool bind = strcmp(type, "bind") == 0;
	int r;

	if (!keys->source)
		return err_set(err, -EINVAL, "--mount: type=%s needs a source=…", type);
	r = set_source(o, "--mount", keys->source, err);
	if (r == 0 && (o->kind == MOUNT_PATH) != bind)
		return err_set(err, -EINVAL, "--mount: type=%s: \"%s\" is %s", type, keys->source,
			       bind ? "no path" : "no volume's name");
	if (r == 0 && keys->propagation)
		r = set_propagation("--mount", keys->propagation, err);
	return r;
}

static int take_keys(struct mount_option *o, const struct keys *keys, const char *type,
		     struct err *err)
{
	static const char *const types[] = {"bind", "volume", "tmpfs"};

	if (!IS_ONE_OF(type, types))
		return err_set(err, -ENOTSUP,
			       "--mount: type=%s cannot be had, only bind, volume and tmpfs", type);
	if (!keys->target)
		return err_set(err, -EINVAL, "--mount: there is no target=…");
	o->readonly = keys->readonly && (keys->readonly[0] == 't' || keys->readonly[0] == '1');
	if (set_target(o, "--mount", keys->target, err) < 0)
		return -EINVAL;
	return strcmp(type, "tmpfs") == 0 ? take_tmpfs(o, keys, err)
					  : take_source(o, keys, type, err);
}

int mount_option_mount(const char *text, struct mount_option *o, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(text), *type = find_type(text);
	struct keys keys = {.type = NULL};
	char *rest = copy, *word;
	int r = 0;

	while (r == 0 && (word = strsep(&rest, ",")))
		r = set_key(&keys, type, word, err);
	return r < 0 ? r : take_keys(o, &keys, type, err);
}

/* The shim may have another working folder; what is not there yet has no real path, but its folder has. */
static char *absolute(const char *path)
{
	_cleanup_free_ char *folder = xstrdup(path), *real = NULL;
	char *slash = strrchr(folder, '/');
	const char *name = slash ? slash + 1 : path;

	if (slash)
		*slash = '\0';
	real = realpath(!slash ? "." : slash == folder ? "/" : folder, NULL);
	if (!real || !*name)
		return xstrdup(path);
	return path_join(strcmp(real, "/") == 0 ? "" : real, name);
}

int mount_option_disk_of(const char *option, const char *text, struct mount_option *o,
			 struct err *err)
{
	struct disk disk;
	int r = disk_parse(option, text, &disk, err);
	char *source;

	o->kind = MOUNT_DISK;
	o->readonly = disk.readonly;
	if (r == 0) {
		source = absolute(disk.source);
		free(disk.source);
		disk.source = source;
		o->source = disk_volume(&disk);
		o->target = take_ptr(disk.target);
	}
	disk_done(&disk);
	return r;
}

int mount_option_disk(const char *text, struct mount_option *o, struct err *err)
{
	return mount_option_disk_of("--disk", text, o, err);
}

void mount_option_done(struct mount_option *o)
{
	free(take_ptr(o->source));
	free(take_ptr(o->target));
}
