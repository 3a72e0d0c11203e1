/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/root-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/build.h"
#include "sandbox/setting.h"

/* It is a file of holes: what is not used takes no room. As much as Docker's block devices have. */
#define FREE_SIZE (UINT64_C(10) << 30)

_Static_assert(SETTING_ROOTFS_MIN == IMAGE_SIZE_MIN && SETTING_ROOTFS_MAX == IMAGE_SIZE_MAX,
	       "what can be set can be made");

/* @image: bytes that it has to have at least. */
static int choose_size(const struct sandbox_spec *spec, uint64_t image, uint64_t limit,
		       uint64_t *ret, struct err *err)
{
	uint64_t size = spec->rootfs_size;

	if (limit == 0)
		limit = IMAGE_SIZE_MAX;
	if (size == 0)
		size = MIN(image + FREE_SIZE, MAX(image, limit));
	if (size < image)
		return err_set(err, -EFBIG,
			       "a root file system of %lluM is too little: the image takes %lluM",
			       (unsigned long long)(size >> 20),
			       (unsigned long long)((image + (1 << 20) - 1) >> 20));
	*ret = size;
	return 0;
}

/*
 * A folder may be another one tomorrow: what is made of it is this container's, and kept for no
 * other.
 */
static int build(const struct record *record, const char *name, const struct sandbox_spec *spec,
		 const volatile sig_atomic_t *cancel, struct err *err)
{
	_cleanup_free_ char *reference = xasprintf("dir:%s", spec->rootfs);
	_cleanup_free_ char *output = path_join(record->dir_path, name);

	return image_build(
		&(struct image_build){
			.reference = reference,
			.output = output,
			.opts = {.cancel = cancel},
		},
		err);
}

/* To the size wanted: the guest makes the file system as large. */
static int extend(int disk, const struct record *record, const struct sandbox_spec *spec,
		  uint64_t limit, struct err *err)
{
	struct stat st;
	uint64_t size = 0;
	int r;

	if (fstat(disk, &st) < 0)
		return err_errno(err, -errno, "cannot read %s/" RECORD_ROOT_DISK, record->dir_path);
	r = choose_size(spec, (uint64_t)st.st_size, limit, &size, err);
	if (r < 0)
		return r;
	return ftruncate(disk, (off_t)size) < 0
		       ? err_errno(err, -errno, "cannot make %s/" RECORD_ROOT_DISK " larger",
				   record->dir_path)
		       : 0;
}

static int copy(const struct record *record, const struct sandbox_spec *spec,
		const volatile sig_atomic_t *cancel, struct err *err)
{
	_cleanup_close_ int image = open(spec->rootfs, O_RDONLY | O_NONBLOCK | O_CLOEXEC),
			    disk = -EBADF;
	int r;

	if (image < 0)
		return err_errno(err, -errno, "cannot open the image's disk %s", spec->rootfs);
	disk = openat(record->dir, RECORD_ROOT_DISK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (disk < 0)
		return err_errno(err, -errno, "cannot make %s/" RECORD_ROOT_DISK, record->dir_path);
	r = copy_file(image, disk, cancel);
	return r < 0 ? err_errno(err, r, "cannot copy %s to %s/" RECORD_ROOT_DISK, spec->rootfs,
				 record->dir_path)
		     : 0;
}

static int make_upper(const struct record *record, const struct sandbox_spec *spec,
		      const char *changed, uint64_t limit, const volatile sig_atomic_t *cancel,
		      struct err *err)
{
	_cleanup_close_ int fd =
		openat(record->dir, RECORD_UPPER_DISK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	uint64_t size = 0;
	int r = choose_size(spec, 0, limit, &size, err);

	if (r < 0)
		return r;
	if (fd >= 0 && changed)
		return image_build_upper(fd, size, changed,
					 &(struct image_get_options){.cancel = cancel}, err);
	r = fd < 0 ? -errno : image_build_empty(fd, size);
	return r < 0 ? err_errno(err, r, "cannot make %s/" RECORD_UPPER_DISK, record->dir_path) : 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int make_copy(const struct record *record, const struct sandbox_spec *spec, uint64_t limit,
		     const volatile sig_atomic_t *cancel, struct err *err)
{
	_cleanup_close_ int disk = -EBADF;
	int r = is_folder(spec->rootfs) ? build(record, RECORD_ROOT_DISK, spec, cancel, err)
					: copy(record, spec, cancel, err);

	if (r < 0)
		return r;
	disk = openat(record->dir, RECORD_ROOT_DISK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return disk < 0 ? err_errno(err, -errno, "cannot open %s/" RECORD_ROOT_DISK,
				    record->dir_path)
			: extend(disk, record, spec, limit, err);
}

int root_disk_make(const struct record *record, const struct sandbox_spec *spec,
		   const char *changed, uint64_t limit, const volatile sig_atomic_t *cancel,
		   struct err *err)
{
	int r = 0;

	if (sandbox_spec_has_copy(spec))
		return make_copy(record, spec, limit, cancel, err);
	if (is_folder(spec->rootfs))
		r = build(record, RECORD_IMAGE_DISK, spec, cancel, err);
	return r < 0 ? r : make_upper(record, spec, changed, limit, cancel, err);
}
