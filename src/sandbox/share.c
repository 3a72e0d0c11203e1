/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/outside.h"
#include "sandbox/rootfs.h"
#include "sandbox/volume.h"

/* The texts of a part fit in, and folders to mount on; in the whole of a group, one for each volume of each container. */
#define SHARE_SIZE	   "1m"
#define SHARE_INODES	   256
#define SHARE_GROUP_INODES 8192

void share_part(const struct sandbox_spec *spec, char ret[SHARE_PART_MAX])
{
	*ret = '\0';
	if (sandbox_spec_shares_vm(spec))
		(void)snprintf(ret, SHARE_PART_MAX, "%u/", spec->part);
}

/* Return: @fd; or negative errno: nothing is mounted there. */
static int take_mounted(int fd)
{
	_cleanup_close_ int taken = fd;
	struct statx st;

	if (fd < 0)
		return fd;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) < 0)
		return -errno;
	return st.stx_attributes & STATX_ATTR_MOUNT_ROOT ? take_fd(taken) : -ENOENT;
}

static int open_share(const struct record *vm)
{
	_cleanup_free_ char *path = path_join(vm->run_path, SHARE_FOLDER);
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int share_open_rootfs(const struct record *vm, const struct sandbox_spec *spec)
{
	_cleanup_close_ int share = open_share(vm);
	_cleanup_free_ char *name = NULL;
	char part[SHARE_PART_MAX];

	share_part(spec, part);
	name = xasprintf("%s" SHARE_IN_ROOTFS, part);
	return share < 0 ? share
			 : take_mounted(path_open_strict(share, name, O_PATH | O_DIRECTORY, 0));
}

int share_open_volume(const struct record *vm, const struct sandbox_spec *spec, size_t i)
{
	_cleanup_close_ int share = open_share(vm);
	_cleanup_free_ char *name = NULL;
	char part[SHARE_PART_MAX];

	share_part(spec, part);
	name = xasprintf("%s" SHARE_IN_VOLUMES "/%zu", part, i);
	return share < 0 ? share : take_mounted(path_open_in_root(share, name, O_PATH, 0));
}

static char *volume_path(const char *base, size_t i)
{
	return xasprintf("%s/" SHARE_IN_VOLUMES "/%zu", base, i);
}

static int make_folder(const char *path, struct err *err)
{
	return mkdir(path, 0700) < 0 ? err_errno(err, -errno, "cannot make the folder %s", path)
				     : 0;
}

/* What is mounted on a file has to be one. */
static int make_place(const char *path, bool folder)
{
	_cleanup_close_ int fd = -EBADF;

	if (folder)
		return mkdir(path, 0700) < 0 ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : 0;
}

/* The container may write to it: a mount of its own stays as it is when what is around it is closed. */
static int make_text(const char *path, const char *text, struct err *err)
{
	size_t len = strlen(text);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		return err_errno(err, -errno, "cannot write %s", path);
	return rootfs_bind(fd, path, false, false, err);
}

static int add_in_common(const char *path, const struct sandbox_spec *spec, int source,
			 const struct volume *volume, struct source_uses *uses, struct err *err)
{
	_cleanup_free_ char *link = NULL;
	unsigned int number;
	int r = sources_use(uses, source, volume, &number, err);

	if (r < 0)
		return r;
	link = xasprintf("%s" SHARE_IN_COMMON "/%u",
			 sandbox_spec_shares_vm(spec) ? "../../" : "../", number);
	return symlink(link, path) < 0 ? err_errno(err, -errno, "cannot make %s", path) : 0;
}

/* A file system that does not answer holds nobody up. */
static int is_folder(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0
		       ? -errno
		       : S_ISDIR(st.stx_mode);
}

static int add_shared(const char *base, const struct sandbox_spec *spec, size_t i, int source,
		      struct source_uses *uses, struct err *err)
{
	const struct volume volume = volume_of(spec->volumes.v[i]);
	_cleanup_free_ char *path = volume_path(base, i);
	int r = is_folder(source);

	if (r < 0)
		return err_errno(err, r, "cannot open the volume %s", volume.source);
	if (uses)
		return add_in_common(path, spec, source, &volume, uses, err);
	r = make_place(path, r);
	if (r < 0)
		return err_errno(err, r, "cannot make %s", path);
	return rootfs_bind(source, path, volume.readonly, volume.follows, err);
}

static int add_volume(const char *base, const char *outside, const struct sandbox_spec *spec,
		      size_t i, struct source_uses *uses, struct err *err)
{
	const struct volume volume = volume_of(spec->volumes.v[i]);
	_cleanup_free_ char *path = volume_path(base, i);
	_cleanup_close_ int source = -EBADF;
	int r;

	if (volume.kind == VOLUME_TMPFS || volume.kind == VOLUME_SOCKET || volume_is_disk(&volume))
		return 0;
	if (volume.kind == VOLUME_TEXT)
		return make_text(path, volume.source, err);
	source = outside_open(volume.source, outside, err);
	r = source < 0 ? source : add_shared(base, spec, i, source, uses, err);
	outside_leave(outside);
	return r;
}

/* What the guest writes to the texts is memory of the host, and goes with it. */
static int mount_own(const char *path, size_t inodes, struct err *err)
{
	_cleanup_free_ char *options =
		xasprintf("mode=0700,size=" SHARE_SIZE ",nr_inodes=%zu", inodes);
	int r = make_folder(path, err);

	if (r == 0 && mount("caisson", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		r = err_errno(err, -errno, "cannot mount on %s", path);
	return r;
}

static int mount_rootfs(const char *base, const struct record *record,
			const struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *target = path_join(base, SHARE_IN_ROOTFS);
	_cleanup_close_ int source = -EBADF;

	if (!*spec->bundle)
		return rootfs_mount(spec->rootfs, record->dir_path, target, err);
	source = path_open_real(spec->rootfs, O_PATH | O_DIRECTORY);
	if (source < 0)
		return err_errno(err, source, "cannot open the bundle's root file system %s",
				 spec->rootfs);
	return rootfs_bind(source, target, false, false, err);
}

bool share_is_needed(const struct sandbox_spec *spec)
{
	return !sandbox_spec_has_disks(spec) || volumes_shared(&spec->volumes);
}

void share_find_alone(const struct sandbox_spec *spec, struct share_alone *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < spec->volumes.n && ret->n < SHARE_ALONE_MAX; i++) {
		const struct volume volume = volume_of(spec->volumes.v[i]);
		_cleanup_close_ int fd =
			volume.kind == VOLUME_SHARED
				? path_open_real(volume.source, O_PATH | O_DIRECTORY)
				: -EBADF;

		if (fd >= 0)
			ret->v[ret->n++] = i;
	}
}

bool share_is_alone(const struct share_alone *alone, size_t i)
{
	for (size_t k = 0; k < alone->n; k++)
		if (alone->v[k] == i)
			return true;
	return false;
}

/* Before the share shows what is mounted in it: here nothing is. */
static int mount_places(const char *share, const char *path, struct err *err)
{
	int r = make_folder(path, err);

	if (r == 0 && mount(share, path, NULL, MS_BIND, NULL) < 0)
		r = err_errno(err, -errno, "cannot mount on %s", path);
	return r;
}

/* Whoever serves it, in a mount namespace that is a slave of ours, sees what is mounted in it later. */
int share_make(const struct record *vm, const struct sandbox_spec *spec, struct sources *sources,
	       struct err *err)
{
	_cleanup_free_ char *path = path_join(vm->run_path, SHARE_FOLDER);
	_cleanup_free_ char *places = path_join(vm->run_path, SHARE_PLACES);
	size_t inodes = spec->volumes.n + (sources ? SHARE_GROUP_INODES : SHARE_INODES);
	int r = rootfs_private_mounts(err);

	if (r == 0)
		r = mount_own(path, inodes, err);
	if (r == 0)
		r = mount_places(path, places, err);
	if (r == 0 && mount(NULL, path, NULL, MS_SHARED, NULL) < 0)
		r = err_errno(err, -errno, "cannot show what is mounted in %s", path);
	if (r == 0 && sources)
		r = sources_make(sources, path, places, err);
	return r;
}

/*
 * What is mounted in it is as writable as before. But nobody whom it is served may put a link, or another folder, where
 * we mount something, or look for it.
 */
static int close_names(const char *path, struct err *err)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};

	return syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof(attributes)) < 0
		       ? err_errno(err, -errno, "cannot make %s read only", path)
		       : 0;
}

static int fill(const char *base, const struct record *vm, const struct record *record,
		const struct sandbox_spec *spec, struct source_uses *uses, struct err *err)
{
	static const char *const names[] = {SHARE_IN_ROOTFS, SHARE_IN_VOLUMES};
	_cleanup_free_ char *outside = path_join(vm->run_path, SHARE_OUTSIDE);
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(base, names[i]);

		r = make_folder(path, err);
	}
	if (r == 0 && !sandbox_spec_has_disks(spec))
		r = mount_rootfs(base, record, spec, err);
	for (size_t i = 0; r == 0 && i < spec->volumes.n; i++)
		r = add_volume(base, outside, spec, i, uses, err);
	return r == 0 ? close_names(base, err) : r;
}

/* @in: the share, or its places. Return: where the part is there, a new string. */
static char *part_path(const struct record *vm, const char *in, const struct sandbox_spec *spec)
{
	return xasprintf("%s/%s/%u", vm->run_path, in, (unsigned int)spec->part);
}

static int move_into(const struct record *vm, const struct sandbox_spec *spec, const char *from,
		     struct err *err)
{
	_cleanup_free_ char *place = part_path(vm, SHARE_PLACES, spec);
	_cleanup_free_ char *path = part_path(vm, SHARE_FOLDER, spec);
	int r = make_folder(place, err);

	if (r == 0 && syscall(SYS_move_mount, AT_FDCWD, from, AT_FDCWD, path, 0) < 0) {
		r = err_errno(err, -errno, "cannot mount on %s", path);
		(void)rmdir(place);
	}
	return r;
}

/* Whole or not at all, and made where the guest cannot see it. */
static int add_part(const struct record *vm, const struct record *record,
		    const struct sandbox_spec *spec, struct source_uses *uses, struct err *err)
{
	_cleanup_free_ char *base = path_join(vm->run_path, SHARE_NEXT);
	int r = mount_own(base, spec->volumes.n + SHARE_INODES, err);

	if (r == 0)
		r = fill(base, vm, record, spec, uses, err);
	if (r == 0)
		r = move_into(vm, spec, base, err);
	if (r < 0)
		rootfs_unmount(base);
	if (r < 0 && uses)
		sources_leave(uses);
	(void)rmdir(base);
	return r;
}

int share_add(const struct record *vm, const struct record *record, const struct sandbox_spec *spec,
	      struct source_uses *uses, struct err *err)
{
	_cleanup_free_ char *whole = path_join(vm->run_path, SHARE_FOLDER);

	return sandbox_spec_shares_vm(spec) ? add_part(vm, record, spec, uses, err)
					    : fill(whole, vm, record, spec, uses, err);
}

/* Return: what follows @target in @path; NULL: that is somewhere else. */
static const char *rest_of(const char *path, const char *target)
{
	size_t len = strlen(target);

	while (len > 0 && target[len - 1] == '/')
		len--;
	return strncmp(path, target, len) == 0 && (path[len] == '/' || !path[len]) ? path + len
										   : NULL;
}

static int opened(int fd, const char *what, struct err *err)
{
	return fd < 0 ? err_errno(err, fd, "cannot open what %s is in", what) : fd;
}

int share_find(const struct record *vm, const struct sandbox_spec *spec, const char **path,
	       struct err *err)
{
	const char *whole = *path, *rest;
	size_t found = spec->volumes.n;

	for (size_t i = 0; i < spec->volumes.n; i++) {
		rest = rest_of(whole, spec->volume_targets.v[i]);
		if (rest && (found == spec->volumes.n || rest > *path)) {
			*path = rest;
			found = i;
		}
	}
	if (geteuid() != 0)
		return err_set(
			err, -ENOTSUP,
			"%s of the container cannot be a disk without root: --disk takes files of "
			"the host",
			whole);
	if (found == spec->volumes.n) {
		if (!sandbox_spec_has_disks(spec))
			return opened(share_open_rootfs(vm, spec), whole, err);
		return err_set(
			err, -ENOTSUP,
			"%s is in the root file system, which is a disk itself (--rootfs-mode "
			"%s): a volume can have it",
			whole, spec->rootfs_mode);
	}
	if (volume_of(spec->volumes.v[found]).kind == VOLUME_SHARED)
		return opened(share_open_volume(vm, spec, found), whole, err);
	return err_set(err, -ENOTSUP, "%s is in %s, which is no folder of the host's", whole,
		       spec->volume_targets.v[found]);
}

/*
 * With a part's own mount goes all that is in it. Whoever serves it may know files of it still, for which the guest could
 * ask to write to them.
 */
void share_remove(const struct record *vm, const struct sandbox_spec *spec,
		  const struct sources *sources)
{
	char part[SHARE_PART_MAX];
	_cleanup_free_ char *place = part_path(vm, SHARE_PLACES, spec);
	_cleanup_free_ char *own = part_path(vm, SHARE_FOLDER, spec);

	if (!sandbox_spec_shares_vm(spec))
		return;
	share_part(spec, part);
	if (sources)
		(void)sources_protect(sources, part);
	rootfs_unmount(own);
	(void)rmdir(place);
}

void share_undo(const struct record *vm)
{
	_cleanup_free_ char *own = path_join(vm->run_path, SHARE_FOLDER);
	_cleanup_free_ char *places = path_join(vm->run_path, SHARE_PLACES);

	rootfs_unmount(own);
	rootfs_unmount(places);
}
