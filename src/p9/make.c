/* SPDX-License-Identifier: Apache-2.0 */
/* What is made beside files: folders, links, and special files, which are the client's kernel's to open. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW(mkdirat);
SEAL_ALLOW(mknodat);
SEAL_ALLOW(symlinkat);
SEAL_ALLOW(linkat);

int p9_symlink(struct p9_server *s, struct p9_fid *dir, struct p9_in *in, struct p9_out *out)
{
	char name[P9_NAME_SIZE], target[PATH_MAX];
	int r = p9_get_name(in, name), r2;
	uint32_t gid;

	r2 = p9_get_text(in, target, sizeof(target));
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r < 0 || r2 < 0)
		return r < 0 ? r : r2;
	r = p9_who_make(&s->who, dir->uid, gid);
	if (r < 0)
		return r;
	if (symlinkat(target, dir->fd, name) < 0)
		return -errno;
	return p9_put_qid_at(s, out, dir->fd, name);
}

int p9_mknod(struct p9_server *s, struct p9_fid *dir, struct p9_in *in, struct p9_out *out)
{
	uint32_t mode, major, minor, gid;
	char name[P9_NAME_SIZE];
	int r = p9_get_name(in, name);

	mode = p9_get_u32(in);
	major = p9_get_u32(in);
	minor = p9_get_u32(in);
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r == 0)
		r = p9_who_make(&s->who, dir->uid, gid);
	if (r < 0)
		return r;
	if (mknodat(dir->fd, name, mode, makedev(major, minor)) < 0)
		return -errno;
	return p9_put_qid_at(s, out, dir->fd, name);
}

int p9_mkdir(struct p9_server *s, struct p9_fid *dir, struct p9_in *in, struct p9_out *out)
{
	char name[P9_NAME_SIZE];
	int r = p9_get_name(in, name);
	uint32_t mode, gid;

	mode = p9_get_u32(in);
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r == 0)
		r = p9_who_make(&s->who, dir->uid, gid);
	if (r < 0)
		return r;
	if (mkdirat(dir->fd, name, mode & 07777) < 0)
		return -errno;
	return p9_put_qid_at(s, out, dir->fd, name);
}

int p9_link(struct p9_server *s, struct p9_fid *dir, struct p9_in *in, struct p9_out *out _unused_)
{
	uint32_t number = p9_get_u32(in);
	char name[P9_NAME_SIZE], old[P9_FD_NAME_SIZE];
	int r = p9_get_name(in, name);
	struct p9_fid *fid;

	if (!p9_in_end(in))
		return 0;
	if (r == 0)
		r = p9_fid_of(s, number, P9_OF_FILE, &fid);
	if (r < 0)
		return r;
	if (fid->alone || fid->type == S_IFDIR)
		return -EPERM;
	return linkat(AT_FDCWD, p9_fd_name(fid->fd, old), dir->fd, name, AT_SYMLINK_FOLLOW) < 0
		       ? -errno
		       : 0;
}

int p9_readlink(struct p9_server *s _unused_, struct p9_fid *fid, struct p9_in *in,
		struct p9_out *out)
{
	char target[PATH_MAX];
	ssize_t n;

	if (!p9_in_end(in))
		return 0;
	if (fid->type != S_IFLNK || fid->kind != P9_FID_PATH)
		return -EINVAL;
	n = readlinkat(fid->fd, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	p9_put_text(out, target, (size_t)n);
	return 0;
}
