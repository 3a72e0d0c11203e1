/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/mount-option.h"
#include "cmd/volume-store.h"
#include "sandbox/volume.h"

/* All of a container's, from the options to its spec. */

struct list {
	struct mount_option *items;
	size_t n;
};

static void list_done(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		mount_option_done(&list->items[i]);
	free(list->items);
}

static int read_all(struct list *list, const struct strv *texts,
		    int (*read)(const char *text, struct mount_option *ret, struct err *err),
		    struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->n; i++)
		r = read(texts->v[i], &list->items[list->n++], err);
	return r;
}

static size_t depth(const char *target)
{
	size_t n = 0;

	while ((target = strchr(target, '/'))) {
		target++;
		n++;
	}
	return n;
}

/* What is in another one comes after it; else in the order that was given. */
static void sort(struct list *list)
{
	for (size_t i = 1; i < list->n; i++) {
		struct mount_option moved = list->items[i];
		size_t j = i;

		for (; j > 0 && depth(list->items[j - 1].target) > depth(moved.target); j--)
			list->items[j] = list->items[j - 1];
		list->items[j] = moved;
	}
}

static int check_list(const struct list *list, struct err *err)
{
	if (list->n > ABI_MOUNTS_MAX)
		return err_set(err, -EINVAL,
			       "a container has at most %d volumes, mounts, tmpfs and disks",
			       ABI_MOUNTS_MAX);
	for (size_t i = 0; i < list->n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(list->items[i].target, list->items[j].target) == 0)
				return err_set(err, -EINVAL, "two are to be mounted on %s",
					       list->items[i].target);
	return 0;
}

static int read_list(const struct mount_options *options, struct list *list, struct err *err)
{
	size_t n = options->volumes.n + options->mounts.n + options->tmpfs.n + options->disks.n;
	int r;

	*list = (struct list){.items = xcalloc(n + 1, sizeof(*list->items))};
	r = read_all(list, &options->volumes, mount_option_volume, err);
	if (r == 0)
		r = read_all(list, &options->mounts, mount_option_mount, err);
	if (r == 0)
		r = read_all(list, &options->tmpfs, mount_option_tmpfs, err);
	if (r == 0)
		r = read_all(list, &options->disks, mount_option_disk, err);
	if (r == 0)
		r = check_list(list, err);
	if (r == 0)
		sort(list);
	return r;
}

int mount_options_check(const struct mount_options *options, struct err *err)
{
	struct list list;
	int r = read_list(options, &list, err);

	list_done(&list);
	return r;
}

/* As `docker run` does for --volume, and does not for --mount. */
static int make_missing(const struct mount_option *o, struct err *err)
{
	int r = o->make && access(o->source, F_OK) < 0 ? path_mkdirs(o->source, 0755) : 0;

	return r < 0 ? err_errno(err, r, "cannot make the folder %s", o->source) : 0;
}

/* @ret: its kind and source, a new string */
static int find(const struct mount_option *o, const char *root, struct volume *ret, struct err *err)
{
	char *path;
	int r;

	if (o->kind == MOUNT_TMPFS || o->kind == MOUNT_DISK) {
		ret->kind = o->kind == MOUNT_DISK ? VOLUME_DISK : VOLUME_TMPFS;
		ret->source = xstrdup(o->source);
		return 0;
	}
	if (o->kind == MOUNT_VOLUME) {
		r = volume_store_make(root, o->source, &path, err);
		ret->source = r < 0 ? NULL : path;
		return r;
	}
	r = make_missing(o, err);
	return r < 0 ? r : volume_find(o->source, o->target, ret, err);
}

static int add(const struct mount_option *o, const char *root, struct sandbox_spec *spec,
	       struct err *err)
{
	struct volume volume = {.kind = VOLUME_SHARED, .readonly = o->readonly};
	int r = find(o, root, &volume, err);

	if (r < 0)
		return r;
	strv_take(&spec->volumes, volume_text(&volume));
	strv_add(&spec->volume_targets, o->target);
	free((char *)volume.source);
	return 0;
}

int mount_options_apply(const struct mount_options *options, const char *root,
			struct sandbox_spec *spec, struct err *err)
{
	struct list list;
	int r = read_list(options, &list, err);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = add(&list.items[i], root, spec, err);
	list_done(&list);
	return r;
}

void mount_options_done(struct mount_options *options)
{
	strv_done(&options->volumes);
	strv_done(&options->mounts);
	strv_done(&options->tmpfs);
	strv_done(&options->disks);
}
