/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "sandbox/rootfs.h"

#define NAME_MAX_LEN 16

void sources_init(struct sources *s, const struct proc *server)
{
	*s = (struct sources){.server = server, .folder = -EBADF, .places = -EBADF};
	list_init(&s->all);
	list_init(&s->gone);
}

static int open_folder(const char *path, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : fd;
}

int sources_make(struct sources *s, const char *share, const char *places, struct err *err)
{
	_cleanup_free_ char *path = path_join(share, SHARE_IN_COMMON);
	_cleanup_free_ char *same = path_join(places, SHARE_IN_COMMON);

	if (mkdir(same, 0700) < 0)
		return err_errno(err, -errno, "cannot make the folder %s", same);
	s->folder = open_folder(path, err);
	s->places = s->folder < 0 ? s->folder : open_folder(same, err);
	return s->places < 0 ? s->places : 0;
}

static void name_of(const struct share_source *source, char ret[NAME_MAX_LEN])
{
	(void)snprintf(ret, NAME_MAX_LEN, "%u", source->number);
}

static int identify(int fd, const struct volume *volume, struct share_source *ret)
{
	struct mountinfo mount;
	struct statx st;
	int r;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0)
		return -errno;
	r = mountinfo_find(fd, &mount);
	ret->device = makedev(st.stx_dev_major, st.stx_dev_minor);
	ret->inode = st.stx_ino;
	ret->folder = S_ISDIR(st.stx_mode);
	ret->readonly = mount.readonly;
	ret->noexec = mount.noexec;
	ret->follows = volume->follows;
	ret->mount = mount.inside || ret->follows ? mount.id : 0;
	return r;
}

static bool is_same(const struct share_source *a, const struct share_source *b)
{
	return a->device == b->device && a->inode == b->inode && a->mount == b->mount &&
	       a->readonly == b->readonly && a->noexec == b->noexec && a->follows == b->follows;
}

static struct share_source *find(const struct sources *s, const struct share_source *like)
{
	list_for_each (it, &s->all) {
		struct share_source *source = container_of(it, struct share_source, link);

		if (is_same(source, like))
			return source;
	}
	return NULL;
}

static int make_place(const struct sources *s, const struct share_source *source)
{
	_cleanup_close_ int file = -EBADF;
	char name[NAME_MAX_LEN];

	name_of(source, name);
	if (source->folder)
		return mkdirat(s->places, name, 0700) < 0 ? -errno : 0;
	file = openat(s->places, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return file < 0 ? -errno : 0;
}

static int mount_one(const struct sources *s, const struct share_source *source, int fd)
{
	_cleanup_close_ int tree = rootfs_clone(fd, !source->writable, source->follows);
	int r = tree < 0 ? tree : make_place(s, source);
	char name[NAME_MAX_LEN];

	if (r < 0)
		return r;
	name_of(source, name);
	return syscall(SYS_move_mount, tree, "", s->folder, name, MOVE_MOUNT_F_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

static void unmount(const struct sources *s, const struct share_source *source)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%u", s->folder, source->number);
	rootfs_unmount(path);
	name_of(source, path);
	(void)unlinkat(s->places, path, source->folder ? AT_REMOVEDIR : 0);
}

/* What is mounted in it stays as it was found, where something can be written to again. */
static int set_mount(int folder, const char *name, bool writable)
{
	struct mount_attr attributes = {.attr_set = writable ? 0 : MOUNT_ATTR_RDONLY,
					.attr_clr = writable ? MOUNT_ATTR_RDONLY : 0};
	_cleanup_close_ int fd = path_open_strict(folder, name, O_PATH, 0);

	if (fd < 0)
		return fd;
	return syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (writable ? 0 : AT_RECURSIVE),
		       &attributes, sizeof(attributes)) < 0
		       ? -errno
		       : 0;
}

/* @name: in the share */
struct change {
	const struct proc *server;
	const char *name;
	bool writable;
};

/* In a process of its own: no such change of a mount shows in other namespaces. */
static int set_where_served(void *data, struct err *err _unused_)
{
	const struct change *change = data;
	_cleanup_free_ char *path = xasprintf("/proc/%d/ns/mnt", (int)change->server->pid);
	_cleanup_close_ int ns = open(path, O_RDONLY | O_CLOEXEC), root = -EBADF;

	if (ns < 0 || setns(ns, CLONE_NEWNS) < 0)
		return -errno;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -errno : set_mount(root, change->name, change->writable);
}

static int set_served(const struct sources *s, const char *name, bool writable)
{
	struct change change = {s->server, name, writable};

	return s->server->pid > 0 ? proc_call(set_where_served, &change, NULL) : 0;
}

int sources_protect(const struct sources *s, const char *name)
{
	return set_served(s, name, false);
}

/* What was found in a mount that is read only stays so. */
static int set_writable(const struct sources *s, struct share_source *source, bool writable)
{
	char path[sizeof(SHARE_IN_COMMON "/") + NAME_MAX_LEN] = SHARE_IN_COMMON "/";
	char *name = path + strlen(path);
	int r;

	if (source->writable == writable || source->readonly)
		return 0;
	name_of(source, name);
	r = set_served(s, path, writable);
	if (r == 0)
		r = set_mount(s->folder, name, writable);
	if (r == 0)
		source->writable = writable;
	return r;
}

static int add(struct sources *s, const struct share_source *like, int fd,
	       struct share_source **ret)
{
	struct share_source *source = xcalloc(1, sizeof(*source));
	int r;

	*source = *like;
	list_init(&source->link);
	source->number = ++s->numbers;
	r = mount_one(s, source, fd);
	if (r < 0) {
		unmount(s, source);
		free(source);
		return r;
	}
	list_append(&s->all, &source->link);
	*ret = source;
	return 0;
}

static void note(struct source_uses *uses, struct share_source *source, bool writes)
{
	uses->v = xreallocarray(uses->v, uses->n + 1, sizeof(*uses->v));
	uses->v[uses->n++] = (struct source_use){source, writes};
	source->users++;
	source->writers += writes;
}

int sources_use(struct source_uses *uses, int fd, const struct volume *volume,
		unsigned int *ret_number, struct err *err)
{
	bool writes = !volume->readonly;
	struct share_source like = {.writable = writes}, *source = NULL;
	int r = identify(fd, volume, &like);

	if (r == 0)
		source = find(uses->sources, &like);
	if (r == 0 && !source)
		r = add(uses->sources, &like, fd, &source);
	else if (r == 0 && writes)
		r = set_writable(uses->sources, source, true);
	if (r < 0)
		return err_errno(err, r, "cannot share the volume %s", volume->source);
	note(uses, source, writes);
	*ret_number = source->number;
	return 0;
}

static void end(struct sources *s, struct share_source *source)
{
	unmount(s, source);
	list_del(&source->link);
	if (source->asked && s->folder >= 0)
		list_append(&s->gone, &source->link);
	else
		free(source);
}

/*
 * Not as long as the guest has files open for writing: whoever leaves next tries again. What nobody has any more stays
 * mounted as long: whoever serves it knows files of it, for which the guest can ask to write to them, and what is
 * unmounted cannot be made read only any more. Where nobody is served any more there may be no mounts, and nothing to
 * protect.
 */
static void protect(struct sources *s)
{
	const bool served = s->server->pid > 0;

	list_for_each_safe (it, &s->all) {
		struct share_source *source = container_of(it, struct share_source, link);
		int r = served && source->writers == 0 ? set_writable(s, source, false) : 0;

		if (r < 0)
			log_warn("what no container may write to any more stays writable for the "
				 "guest: %s",
				 strerror(-r));
		if (source->users == 0 && r != -EBUSY)
			end(s, source);
	}
}

void sources_leave(struct source_uses *uses)
{
	struct sources *s = uses->sources;

	for (size_t i = 0; i < uses->n; i++) {
		struct share_source *source = uses->v[i].source;

		source->writers -= uses->v[i].writes;
		source->users--;
	}
	if (uses->n > 0)
		protect(s);
	uses->n = 0;
	free(take_ptr(uses->v));
}

static void forget_unused(struct list *list)
{
	list_for_each_safe (it, list) {
		struct share_source *source = container_of(it, struct share_source, link);

		if (source->users > 0)
			continue;
		list_del(it);
		free(source);
	}
}

void sources_done(struct sources *s)
{
	forget_unused(&s->all);
	forget_unused(&s->gone);
	s->folder = fd_close(s->folder);
	s->places = fd_close(s->places);
}
