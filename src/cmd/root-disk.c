/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/root-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/fd.h"
#include "base/parse.h"
#include "image/build.h"
#include "image/text.h"

/* It is a file of holes: what is not used takes no room. As much as Docker's block devices have. */
#define FREE_SIZE (UINT64_C(10) << 30)

/* @image: bytes that it has to have at least. @size: what was asked for; 0: nothing. */
static int choose_size(const struct sandbox_spec *spec, uint64_t image, uint64_t *size,
		       struct err *err)
{
	const char *value = strv_env_get(&spec->env, IMAGE_ENV_ROOTFS_SIZE);

	if (*size == 0 && (!value || !*value)) {
		*size = MIN(image + FREE_SIZE, MAX(image, (uint64_t)IMAGE_SIZE_MAX));
		return 0;
	}
	if (*size == 0 &&
	    (parse_size(value, size) < 0 || *size < IMAGE_SIZE_MIN || *size > IMAGE_SIZE_MAX))
		return err_set(err, -EINVAL,
			       IMAGE_ENV_ROOTFS_SIZE
			       " of '%s' is no size from %lluM to %lluM, such as 512M or 10G: "
			       "--rootfs-size says another",
			       text_of(value), IMAGE_SIZE_MIN >> 20, IMAGE_SIZE_MAX >> 20);
	if (*size < image)
		return err_set(err, -EFBIG,
			       "a root file system of %lluM is too little: the image takes %lluM",
			       (unsigned long long)(*size >> 20),
			       (unsigned long long)((image + (1 << 20) - 1) >> 20));
	return 0;
}

static int copy(int image, int disk, const struct record *record, const struct sandbox_spec *spec,
		uint64_t size, const volatile sig_atomic_t *cancel, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(image, &st) < 0)
		return err_errno(err, -errno, "cannot read %s", spec->rootfs);
	r = choose_size(spec, (uint64_t)st.st_size, &size, err);
	if (r < 0)
		return r;
	r = copy_file(image, disk, cancel);
	/* The guest makes the file system as large. */
	if (r == 0 && ftruncate(disk, (off_t)size) < 0)
		r = -errno;
	return r < 0 ? err_errno(err, r, "cannot copy %s to %s/" RECORD_ROOT_DISK, spec->rootfs,
				 record->dir_path)
		     : 0;
}

static int make_copy(const struct record *record, const struct sandbox_spec *spec, uint64_t size,
		     const volatile sig_atomic_t *cancel, struct err *err)
{
	_cleanup_close_ int image = open(spec->rootfs, O_RDONLY | O_NONBLOCK | O_CLOEXEC),
			    disk = -EBADF;

	if (image < 0)
		return err_errno(err, -errno, "cannot open the image's disk %s", spec->rootfs);
	disk = openat(record->dir, RECORD_ROOT_DISK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (disk < 0)
		return err_errno(err, -errno, "cannot make %s/" RECORD_ROOT_DISK, record->dir_path);
	return copy(image, disk, record, spec, size, cancel, err);
}

static int make_upper(const struct record *record, const struct sandbox_spec *spec, uint64_t size,
		      struct err *err)
{
	_cleanup_close_ int fd =
		openat(record->dir, RECORD_UPPER_DISK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = choose_size(spec, 0, &size, err);

	if (r < 0)
		return r;
	r = fd < 0 ? -errno : image_build_empty(fd, size);
	return r < 0 ? err_errno(err, r, "cannot make %s/" RECORD_UPPER_DISK, record->dir_path) : 0;
}

int root_disk_make(const struct record *record, const struct sandbox_spec *spec, uint64_t size,
		   const volatile sig_atomic_t *cancel, struct err *err)
{
	return sandbox_spec_has_copy(spec) ? make_copy(record, spec, size, cancel, err)
					   : make_upper(record, spec, size, err);
}
