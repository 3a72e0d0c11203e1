/* SPDX-License-Identifier: Apache-2.0 */
#include "image/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/text.h"
#include "image/xattr.h"

#define ACL_ACCESS  "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

/* The way to an object whose descriptor may be O_PATH, which f*xattr() does not take. */
struct proc_path {
	char s[32];
};

static const char *proc_path(struct proc_path *p, int fd)
{
	(void)snprintf(p->s, sizeof(p->s), "/proc/self/fd/%d", fd);
	return p->s;
}

static bool disk_is_full(int fd)
{
	struct statvfs s;

	return fstatvfs(fd, &s) == 0 && (s.f_bavail == 0 || (s.f_files > 0 && s.f_favail == 0));
}

static int set_one(int fd, const char *name, const void *value, size_t len, struct err *err)
{
	struct proc_path path;
	int r;

	if (setxattr(proc_path(&path, fd), name, value, len, 0) == 0)
		return 0;
	r = -errno;
	/* ext4 says so, too, when an attribute is larger than it can keep in any file. */
	if (r == -ENOSPC && !disk_is_full(fd))
		r = -E2BIG;
	return err_errno(err, r,
			 "the store's file system does not take the extended attribute '%s' "
			 "(%zu bytes)",
			 text_of(name), len);
}

/* ACLs that were inherited would turn the mode's group bits into their mask: away before chmod. */
static void clear_inherited(int fd)
{
	struct proc_path path;

	(void)removexattr(proc_path(&path, fd), ACL_ACCESS);
	(void)removexattr(path.s, ACL_DEFAULT);
}

static int set_all(int fd, struct archive_entry *ae, struct err *err)
{
	_cleanup_xattrs_ struct xattrs x = XATTRS_NULL;
	int r = xattrs_collect(ae, &x, err);

	for (size_t i = 0; i < x.n && r == 0; i++)
		r = set_one(fd, x.v[i].name, x.v[i].value, x.v[i].len, err);
	return r;
}

static bool has_attributes(struct archive_entry *ae)
{
	return archive_entry_xattr_count(ae) > 0 || archive_entry_acl_types(ae) != 0;
}

int meta_apply_fd(int fd, const struct entry *e, bool inherited, struct err *err)
{
	if (fchown(fd, e->uid, e->gid) < 0)
		return err_errno(err, -errno, "cannot set its owner");
	if (inherited)
		clear_inherited(fd);
	if (fchmod(fd, e->mode) < 0)
		return err_errno(err, -errno, "cannot set its mode");
	return has_attributes(e->archive) ? set_all(fd, e->archive, err) : 0;
}

int meta_apply_at(int dirfd, const char *name, const struct entry *e, bool inherited,
		  struct err *err)
{
	const struct timespec times[2] = {e->atime, e->mtime};
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (fchownat(dirfd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, -errno, "cannot set its owner");
	if (inherited || has_attributes(e->archive)) {
		fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return err_errno(err, -errno, "cannot open it");
	}
	if (inherited)
		clear_inherited(fd);
	if (e->kind == ENTRY_NODE && fchmodat(dirfd, name, e->mode & 07777, 0) < 0)
		return err_errno(err, -errno, "cannot set its mode");
	r = has_attributes(e->archive) ? set_all(fd, e->archive, err) : 0;
	if (r == 0 && utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, -errno, "cannot set its times");
	return r;
}

int meta_clear_xattrs(int fd)
{
	ssize_t len = flistxattr(fd, NULL, 0);
	_cleanup_free_ char *names = NULL;

	if (len <= 0)
		return len < 0 && errno != ENOTSUP ? -errno : 0;
	names = xmalloc((size_t)len);
	len = flistxattr(fd, names, (size_t)len);
	if (len < 0)
		return -errno;
	for (char *p = names; p < names + len; p += strlen(p) + 1)
		if (fremovexattr(fd, p) < 0 && errno != ENODATA && errno != ENOTSUP)
			return -errno;
	return 0;
}
