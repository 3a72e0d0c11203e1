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
#include "sandbox/rootfs.h"
#include "sandbox/volume.h"

#define SHARE_SIZE   "1m"
#define SHARE_INODES 256

void share_part(const struct sandbox_spec *spec, char ret[SHARE_PART_MAX])
{
	*ret = '\0';
	if (spec->part > 0)
		(void)snprintf(ret, SHARE_PART_MAX, "%u/", spec->part);
}

char *share_path(const struct record *vm, const struct sandbox_spec *spec, const char *name)
{
	char part[SHARE_PART_MAX];

	share_part(spec, part);
	return xasprintf("%s/" SHARE_FOLDER "/%s%s", vm->run_path, part, name);
}

int share_open_volume(const struct record *vm, const struct sandbox_spec *spec, size_t i)
{
	_cleanup_free_ char *path = path_join(vm->run_path, SHARE_FOLDER), *name = NULL;
	_cleanup_close_ int share = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char part[SHARE_PART_MAX];

	share_part(spec, part);
	name = xasprintf("%s" SHARE_IN_VOLUMES "/%zu", part, i);
	return share < 0 ? -errno : path_open_in_root(share, name, O_PATH, 0);
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

static int make_text(const char *path, const char *text, struct err *err)
{
	size_t len = strlen(text);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 || write(fd, text, len) != (ssize_t)len
		       ? err_errno(err, -errno, "cannot write %s", path)
		       : 0;
}

static int add_in_common(const char *path, const struct sandbox_spec *spec, int source,
			 const struct volume *volume, struct source_uses *uses, struct err *err)
{
	_cleanup_free_ char *link = NULL;
	unsigned int number;
	int r = sources_use(uses, source, volume, &number, err);

	if (r < 0)
		return r;
	link = xasprintf("%s" SHARE_IN_COMMON "/%u", spec->part > 0 ? "../../" : "../", number);
	return symlink(link, path) < 0 ? err_errno(err, -errno, "cannot make %s", path) : 0;
}

static int add_volume(const char *base, const struct sandbox_spec *spec, size_t i,
		      struct source_uses *uses, struct err *err)
{
	const struct volume volume = volume_of(spec->volumes.v[i]);
	_cleanup_free_ char *path = volume_path(base, i);
	_cleanup_close_ int source = -EBADF;
	struct stat st;
	int r;

	if (volume.kind == VOLUME_TMPFS || volume.kind == VOLUME_SOCKET || volume_is_disk(&volume))
		return 0;
	if (volume.kind == VOLUME_TEXT)
		return make_text(path, volume.source, err);
	source = path_open_real(volume.source, O_PATH);
	r = source < 0 ? source : fstat(source, &st) < 0 ? -errno : 0;
	if (r < 0)
		return err_errno(err, r, "cannot open the volume %s", volume.source);
	if (uses)
		return add_in_common(path, spec, source, &volume, uses, err);
	r = make_place(path, S_ISDIR(st.st_mode));
	if (r < 0)
		return err_errno(err, r, "cannot make %s", path);
	return rootfs_bind(source, path, volume.readonly, volume.follows, err);
}

/* What the guest writes beside the mounts is memory of the host, and goes with it. */
static int mount_own(const char *path, const struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *options = xasprintf("mode=0700,size=" SHARE_SIZE ",nr_inodes=%zu",
						 spec->volumes.n + SHARE_INODES);
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

/* Whoever serves it, in a mount namespace that is a slave of ours, sees what is mounted in it later. */
int share_make(const struct record *vm, const struct sandbox_spec *spec, struct sources *sources,
	       struct err *err)
{
	_cleanup_free_ char *path = path_join(vm->run_path, SHARE_FOLDER);
	int r = rootfs_private_mounts(err);

	if (r == 0)
		r = mount_own(path, spec, err);
	if (r == 0 && mount(NULL, path, NULL, MS_SHARED, NULL) < 0)
		r = err_errno(err, -errno, "cannot show what is mounted in %s", path);
	if (r == 0 && sources)
		r = sources_make(sources, path, err);
	return r;
}

static int fill(const char *base, const struct record *record, const struct sandbox_spec *spec,
		struct source_uses *uses, struct err *err)
{
	static const char *const names[] = {SHARE_IN_ROOTFS, SHARE_IN_VOLUMES};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(base, names[i]);

		r = make_folder(path, err);
	}
	if (r == 0 && !sandbox_spec_has_disks(spec))
		r = mount_rootfs(base, record, spec, err);
	for (size_t i = 0; r == 0 && i < spec->volumes.n; i++)
		r = add_volume(base, spec, i, uses, err);
	return r;
}

/* The guest may do there what it likes meanwhile: no path of it is followed, and what is there already will do. */
static int move_into(const struct record *vm, const struct sandbox_spec *spec, const char *from,
		     struct err *err)
{
	_cleanup_free_ char *path = path_join(vm->run_path, SHARE_FOLDER);
	_cleanup_close_ int share = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), place = -EBADF;
	char part[SHARE_PART_MAX];
	int r = share < 0 ? -errno : 0;

	share_part(spec, part);
	if (r == 0 && mkdirat(share, part, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = place = path_open_strict(share, part, O_PATH | O_DIRECTORY, 0);
	if (r >= 0)
		r = syscall(SYS_move_mount, AT_FDCWD, from, place, "", MOVE_MOUNT_T_EMPTY_PATH) < 0
			    ? -errno
			    : 0;
	return r < 0 ? err_errno(err, r, "cannot mount on %s/%s", path, part) : 0;
}

/* Whole or not at all, and made where the guest cannot see it. */
static int add_part(const struct record *vm, const struct record *record,
		    const struct sandbox_spec *spec, struct source_uses *uses, struct err *err)
{
	_cleanup_free_ char *base = path_join(vm->run_path, SHARE_NEXT);
	int r = mount_own(base, spec, err);

	if (r == 0)
		r = fill(base, record, spec, uses, err);
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

	return spec->part > 0 ? add_part(vm, record, spec, uses, err)
			      : fill(whole, record, spec, uses, err);
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

static int open_rootfs(const struct record *vm, const struct sandbox_spec *spec)
{
	_cleanup_free_ char *path = share_path(vm, spec, SHARE_IN_ROOTFS);
	int fd = open(path, O_PATH | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
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
			return opened(open_rootfs(vm, spec), whole, err);
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
 * With a part's own mount goes all that is in it. The guest may have made a symbolic link of that name, which would
 * be followed if there were a slash behind it.
 */
void share_remove(const struct record *vm, const struct sandbox_spec *spec)
{
	_cleanup_free_ char *own =
		xasprintf("%s/" SHARE_FOLDER "/%u", vm->run_path, (unsigned int)spec->part);

	if (spec->part == 0)
		return;
	rootfs_unmount(own);
	(void)rmdir(own);
}

void share_undo(const struct record *vm)
{
	_cleanup_free_ char *own = path_join(vm->run_path, SHARE_FOLDER);

	rootfs_unmount(own);
}
