/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/disk-open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "image/ext4/ext4.h"
#include "image/superblock.h"

#define MKE2FS "mke2fs"

/* All that tells what is on a disk is this near to one of its ends. */
#define SIGNATURES (1u << 20)

static int open_at(int at, const char *path, int flags)
{
	int fd;

	if (at >= 0 && *path)
		return path_open_in_root(at, path, (uint64_t)flags, flags & O_CREAT ? 0600 : 0);
	fd = at >= 0 ? fcntl(at, F_DUPFD_CLOEXEC, 0) : open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int make_file(int at, const char *path, const struct disk *d, struct err *err)
{
	int fd;

	if (d->readonly || d->size == 0)
		return err_set(err, -ENOENT, "the disk %s is not there%s", d->source,
			       d->readonly ? ", and it is to be read only"
					   : ": with a size, as 10G, it would be made");
	fd = open_at(at, path, O_RDWR | O_CREAT | O_EXCL);
	return fd < 0 ? err_errno(err, fd, "cannot make the disk %s", d->source) : fd;
}

/* @path: a descriptor that was opened with O_PATH; what it is has been looked at. */
static int reopen(int path, int flags)
{
	char name[32];
	int fd;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", path);
	fd = open(name, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* That the host has not mounted a device, nor uses it in another way, nor will as long as this is open. */
static int claim(int device, const struct disk *d, struct err *err)
{
	int fd = reopen(device, O_RDWR | O_EXCL);

	if (fd == -EBUSY)
		return err_set(err, fd, "the disk %s is in use on the host", d->source);
	return fd < 0 ? err_errno(err, fd, "cannot open the disk %s", d->source) : fd;
}

static int lock(int fd, const struct disk *d, struct err *err)
{
	if (flock(fd, (d->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, -EBUSY, "the disk %s is in use by another container",
			       d->source);
	return err_errno(err, -errno, "cannot lock the disk %s", d->source);
}

static int open_file(int path, const struct disk *d, mode_t mode, struct err *err)
{
	int flags = d->readonly ? O_RDONLY : O_RDWR, fd;

	if (S_ISDIR(mode))
		return err_set(err, -EISDIR, "the disk %s is a folder", d->source);
	if (!S_ISREG(mode) && !S_ISBLK(mode))
		return err_set(err, -EINVAL, "the disk %s is neither a file nor a block device",
			       d->source);
	if (S_ISBLK(mode) && !d->readonly) {
		fd = claim(path, d, err);
		if (fd < 0)
			return fd;
		fd_close(fd);
	}
	fd = reopen(path, flags);
	return fd < 0 ? err_errno(err, fd, "cannot open the disk %s", d->source) : fd;
}

static int open_any(int at, const char *path, const struct disk *d, struct err *err)
{
	_cleanup_close_ int found = open_at(at, path, O_PATH);
	struct stat st;

	if (found == -ENOENT)
		return make_file(at, path, d, err);
	if (found < 0 || fstat(found, &st) < 0)
		return err_errno(err, found < 0 ? found : -errno, "cannot open the disk %s",
				 d->source);
	return open_file(found, d, st.st_mode, err);
}

static int read_size(int fd, bool *ret_device, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_device = S_ISBLK(st.st_mode);
	*ret = (uint64_t)st.st_size;
	return *ret_device && ioctl(fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
}

/* Return: 1: nothing but zeros; 0; or negative errno. */
static int is_zero(int fd, uint64_t at, size_t len)
{
	_cleanup_free_ char *buf = xmalloc(len);
	ssize_t n = pread(fd, buf, len, (off_t)at);

	if (n < 0)
		return -errno;
	return n == 0 || (buf[0] == 0 && memcmp(buf, buf + 1, (size_t)n - 1) == 0);
}

/* A file may not have had anything written to it; a device is as good as that if its ends are. */
static int is_empty(int fd, bool device, uint64_t size)
{
	size_t len = (size_t)MIN(size, SIGNATURES);
	int r;

	if (!device)
		return size == 0 || (lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO);
	r = is_zero(fd, 0, len);
	return r > 0 ? is_zero(fd, size - len, len) : r;
}

static int write_file_system(int fd, const struct disk *d, uint64_t size)
{
	const struct ext4_finish how = {.size = size, .identity = d->source};
	struct ext4 *fs = ext4_new(fd);
	uint64_t needed;
	int r = ext4_finish(fs, &how, &needed);

	ext4_free(fs);
	/* Half of one would be something for the next start to leave alone. */
	if (r < 0)
		(void)ftruncate(fd, 0);
	return r;
}

/*
 * What was on a device before is somewhere between its ends still, and our own writer takes what it does not
 * write to be zeros.
 */
static int run_mke2fs(int fd, const struct disk *d, struct err *err)
{
	static const char *const argv[] = {
		MKE2FS, "-q", "-F", "-F", "-t", "ext4", "-E", "root_owner=0:0", "/proc/self/fd/3",
		NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc proc;
	int r;

	spec.argv = argv;
	spec.fds = &fd;
	spec.n_fds = 1;
	r = proc_start(&spec, &proc);
	if (r == -ENOENT)
		return err_set(err, r,
			       "there is nothing on %s, and no " MKE2FS
			       " to make a file system: install e2fsprogs",
			       d->source);
	if (r == 0)
		r = proc_wait(&proc);
	if (r > 0)
		return err_set(err, -EIO, MKE2FS " cannot make a file system on %s: status %d",
			       d->source, r);
	return r < 0 ? err_errno(err, r, "cannot run " MKE2FS) : 0;
}

static int make(int fd, const struct disk *d, bool device, uint64_t size, struct err *err)
{
	int r;

	if (d->readonly)
		return err_set(err, -EROFS,
			       "there is no file system on %s, and it is to be read only",
			       d->source);
	if (device)
		return run_mke2fs(fd, d, err);
	if (d->size == 0 && size == 0)
		return err_set(err, -EINVAL,
			       "the disk %s is empty: with a size, as 10G, it would be one",
			       d->source);
	if (d->size != 0 && d->size < size)
		return err_set(err, -EINVAL,
			       "the disk %s has %lluM already, more than the %lluM that it is to "
			       "have",
			       d->source, (unsigned long long)(size >> 20),
			       (unsigned long long)(d->size >> 20));
	r = write_file_system(fd, d, d->size ? d->size : size);
	return r < 0 ? err_errno(err, r, "cannot make a file system on %s", d->source) : 0;
}

static int extend(int fd, const struct disk *d, uint64_t size, uint64_t used, struct err *err)
{
	if (used > MAX(size, d->size))
		return err_set(
			err, -EINVAL,
			"the disk %s is too small: it has %llu bytes, and its file system %llu",
			d->source, (unsigned long long)size, (unsigned long long)used);
	if (d->size == 0 || d->size == size)
		return 0;
	if (d->size < size)
		return err_set(err, -EINVAL,
			       "the disk %s has %lluM already, and does not shrink to %lluM",
			       d->source, (unsigned long long)(size >> 20),
			       (unsigned long long)(d->size >> 20));
	if (d->readonly)
		return err_set(
			err, -EROFS,
			"the disk %s has %lluM, and does not grow to %lluM while it is to be "
			"read only",
			d->source, (unsigned long long)(size >> 20),
			(unsigned long long)(d->size >> 20));
	return ftruncate(fd, (off_t)d->size) < 0
		       ? err_errno(err, -errno, "the disk %s cannot grow", d->source)
		       : 0;
}

/* Of an open disk: what is on it, or what is to be. */
static int prepare(int fd, const struct disk *d, bool *ret_device, struct err *err)
{
	uint64_t size, used;
	int r = read_size(fd, ret_device, &size);

	if (r == 0 && *ret_device && d->size)
		return err_set(err, -EINVAL,
			       "the disk %s is a device, whose size is not to be chosen",
			       d->source);
	if (r == 0 && superblock_size(fd, &used) == 0)
		return extend(fd, d, size, used, err);
	if (r == 0)
		r = is_empty(fd, *ret_device, size);
	if (r < 0)
		return err_errno(err, r, "cannot read the disk %s", d->source);
	if (r > 0)
		return make(fd, d, *ret_device, size, err);
	return err_set(err, -EMEDIUMTYPE,
		       "there is something on %s that is no ext4 file system: it is left as it is",
		       d->source);
}

/* Only now, for mke2fs claims it, too. */
static int keep_claim(int *fd, const struct disk *d, struct err *err)
{
	int claimed = claim(*fd, d, err);

	if (claimed < 0)
		return claimed;
	fd_close(*fd);
	*fd = claimed;
	return lock(claimed, d, err);
}

int disk_open(int at, const char *path, const struct disk *d, bool *ret_device, struct err *err)
{
	_cleanup_close_ int fd = open_any(at, path, d, err);
	int r;

	if (fd < 0)
		return fd;
	r = lock(fd, d, err);
	if (r == 0)
		r = prepare(fd, d, ret_device, err);
	if (r == 0 && *ret_device && !d->readonly)
		r = keep_claim(&fd, d, err);
	return r < 0 ? r : take_fd(fd);
}

int disk_open_raw(const struct disk *d, bool *ret_device, struct err *err)
{
	_cleanup_close_ int fd = open_any(-EBADF, d->source, d, err);
	uint64_t size;
	int r;

	if (fd < 0)
		return fd;
	r = read_size(fd, ret_device, &size);
	if (r < 0)
		return err_errno(err, r, "cannot read the disk %s", d->source);
	r = *ret_device && !d->readonly ? keep_claim(&fd, d, err) : lock(fd, d, err);
	return r < 0 ? r : take_fd(fd);
}
