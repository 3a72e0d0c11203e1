/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/disk.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/setting.h"
#include "sandbox/volume.h"

static int set_size(struct disk *d, const char *option, const char *word, struct err *err)
{
	if (parse_size(word, &d->size) < 0 || d->size < SETTING_ROOTFS_MIN ||
	    d->size > SETTING_ROOTFS_MAX)
		return err_set(err, -EINVAL,
			       "%s: '%s' is no size of a disk from 1M to %lluM, such as 512M or "
			       "10G",
			       option, word, (unsigned long long)SETTING_ROOTFS_MAX >> 20);
	return 0;
}

static int set_word(struct disk *d, const char *option, const char *word, struct err *err)
{
	if (isdigit((unsigned char)*word))
		return set_size(d, option, word, err);
	if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0)
		d->readonly = word[1] == 'o';
	else if (strcmp(word, "ext4") != 0)
		return err_set(err, -ENOTSUP,
			       "%s: '%s' is neither a size nor ro nor ext4, which all disks have",
			       option, word);
	return 0;
}

int disk_parse(const char *option, const char *text, struct disk *d, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *source = strsep(&rest, ","), *target = strsep(&rest, ","), *word;
	int r = 0;

	*d = (struct disk)DISK_NULL;
	if (!target || !*source)
		return err_set(err, -EINVAL, "%s: '%s' is no disk: say " DISK_FORM, option, text);
	d->source = xstrdup(source);
	d->target = volume_target(target);
	if (!d->target)
		return err_set(err, -EINVAL,
			       "%s: \"%s\" is no absolute path below / without \"..\"", option,
			       target);
	while (r == 0 && (word = strsep(&rest, ",")))
		r = set_word(d, option, word, err);
	return r;
}

char *disk_volume(const struct disk *d)
{
	return xasprintf("%llu:%s", (unsigned long long)d->size, d->source);
}

const char *disk_of_volume(const char *source, uint64_t *ret_size)
{
	char *path;

	*ret_size = strtoull(source, &path, 10);
	return *path == ':' ? path + 1 : path;
}

char *disk_find_device(const char *number)
{
	_cleanup_free_ char *link = xasprintf("/sys/dev/block/%s", number);
	_cleanup_free_ char *sysfs = realpath(link, NULL), *path = NULL, *found = NULL;
	struct stat st;

	if (!sysfs)
		return NULL;
	path = xasprintf("/dev%s", strrchr(sysfs, '/'));
	/* A "/" in a device's name is a "!" in sysfs. */
	for (char *p = path; (p = strchr(p, '!'));)
		*p = '/';
	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return NULL;
	found = xasprintf("%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return strcmp(found, number) == 0 ? take_ptr(path) : NULL;
}

/* What the bundle has of the host's it was given by whoever may; all else is the container's. */
static int find_source(struct disk *d, struct sandbox_spec *spec, enum volume_kind *ret,
		       struct err *err)
{
	const char *number = strv_env_get(&spec->block_devices, d->source);
	char *path;

	*ret = VOLUME_INNER_DISK;
	if (!number)
		return 0;
	path = disk_find_device(number);
	if (!path)
		return err_set(err, -ENODEV, "linux.devices: there is no %s, block device %s",
			       d->source, number);
	strv_env_unset(&spec->block_devices, d->source);
	free(d->source);
	d->source = path;
	*ret = VOLUME_DISK;
	return 0;
}

static int add(struct disk *d, const char *option, struct sandbox_spec *spec, struct err *err)
{
	struct volume volume = {.readonly = d->readonly};
	_cleanup_free_ char *source = NULL;

	if (*d->source != '/')
		return err_set(err, -EINVAL, "%s: \"%s\" is no absolute path", option, d->source);
	for (size_t i = 0; i < spec->volume_targets.n; i++)
		if (strcmp(spec->volume_targets.v[i], d->target) == 0)
			return err_set(err, -EINVAL, "%s: two are to be mounted on %s", option,
				       d->target);
	if (find_source(d, spec, &volume.kind, err) < 0)
		return -ENODEV;
	source = disk_volume(d);
	volume.source = source;
	strv_take(&spec->volumes, volume_text(&volume));
	strv_add(&spec->volume_targets, d->target);
	return 0;
}

int disks_set(const char *option, const char *text, struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *word;
	int r = 0;

	while (r == 0 && (word = strsep(&rest, ";"))) {
		struct disk d;

		if (!*word)
			continue;
		r = disk_parse(option, word, &d, err);
		if (r == 0)
			r = add(&d, option, spec, err);
		disk_done(&d);
	}
	return r;
}

int disks_check(const struct sandbox_spec *spec, struct err *err)
{
	if (volumes_disks(&spec->volumes, spec->volumes.n) > DISKS_MAX)
		return err_set(err, -EINVAL, "a container has at most %d disks besides its root",
			       DISKS_MAX);
	if (spec->volumes.n > ABI_MOUNTS_MAX)
		return err_set(err, -EINVAL,
			       "a container has at most %d volumes, mounts, tmpfs and disks",
			       ABI_MOUNTS_MAX);
	return 0;
}

void disk_done(struct disk *d)
{
	free(take_ptr(d->source));
	free(take_ptr(d->target));
}
