/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/rootfs.h"
#include "sandbox/volume.h"

#define SHARE_SIZE   "1m"
#define SHARE_INODES 256

static char *volume_path(const struct record *record, size_t i)
{
	return xasprintf("%s/" SHARE_VOLUMES "/%zu", record->run_path, i);
}

static int make_folder(const struct record *record, const char *name, struct err *err)
{
	_cleanup_free_ char *path = path_join(record->run_path, name);

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

static int add_volume(const struct record *record, size_t i, const char *text, struct err *err)
{
	const struct volume volume = volume_of(text);
	_cleanup_free_ char *path = volume_path(record, i);
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
	r = make_place(path, S_ISDIR(st.st_mode));
	if (r < 0)
		return err_errno(err, r, "cannot make %s", path);
	return rootfs_bind(source, path, volume.readonly, err);
}

/* What the guest writes beside the mounts is memory of the host, and goes with it. */
static int mount_own(const struct record *record, const struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *path = path_join(record->run_path, SHARE_FOLDER);
	_cleanup_free_ char *options = xasprintf("mode=0700,size=" SHARE_SIZE ",nr_inodes=%zu",
						 spec->volumes.n + SHARE_INODES);

	return mount("caisson", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0
		       ? err_errno(err, -errno, "cannot mount on %s", path)
		       : 0;
}

static int mount_rootfs(const struct record *record, const struct sandbox_spec *spec,
			struct err *err)
{
	_cleanup_free_ char *target = path_join(record->run_path, SHARE_ROOTFS);
	_cleanup_close_ int source = -EBADF;

	if (!*spec->bundle)
		return rootfs_mount(spec->rootfs, record->dir_path, target, err);
	source = path_open_real(spec->rootfs, O_PATH | O_DIRECTORY);
	if (source < 0)
		return err_errno(err, source, "cannot open the bundle's root file system %s",
				 spec->rootfs);
	return rootfs_bind(source, target, false, err);
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

int share_make(const struct record *record, const struct sandbox_spec *spec, struct err *err)
{
	static const char *const folders[] = {SHARE_ROOTFS, SHARE_VOLUMES};
	int r = rootfs_private_mounts(err);

	if (r == 0)
		r = make_folder(record, SHARE_FOLDER, err);
	if (r == 0)
		r = mount_own(record, spec, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++)
		r = make_folder(record, folders[i], err);
	if (r == 0 && !sandbox_spec_has_disks(spec))
		r = mount_rootfs(record, spec, err);
	for (size_t i = 0; r == 0 && i < spec->volumes.n; i++)
		r = add_volume(record, i, spec->volumes.v[i], err);
	return r;
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

static int open_part(char *path, const char *what, struct err *err)
{
	_cleanup_free_ char *name = path;
	int fd = open(name, O_PATH | O_CLOEXEC);

	return fd < 0 ? err_errno(err, -errno, "cannot open what %s is in", what) : fd;
}

int share_find(const struct record *record, const struct sandbox_spec *spec, const char **path,
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
			return open_part(path_join(record->run_path, SHARE_ROOTFS), whole, err);
		return err_set(
			err, -ENOTSUP,
			"%s is in the root file system, which is a disk itself (--rootfs-mode "
			"%s): a volume can have it",
			whole, spec->rootfs_mode);
	}
	if (volume_of(spec->volumes.v[found]).kind == VOLUME_SHARED)
		return open_part(volume_path(record, found), whole, err);
	return err_set(err, -ENOTSUP, "%s is in %s, which is no folder of the host's", whole,
		       spec->volume_targets.v[found]);
}

void share_undo(const struct record *record, const struct sandbox_spec *spec)
{
	_cleanup_free_ char *rootfs = path_join(record->run_path, SHARE_ROOTFS);
	_cleanup_free_ char *own = path_join(record->run_path, SHARE_FOLDER);

	for (size_t i = spec->volumes.n; i > 0; i--) {
		_cleanup_free_ char *path = volume_path(record, i - 1);

		rootfs_unmount(path);
	}
	rootfs_unmount(rootfs);
	rootfs_unmount(own);
}
