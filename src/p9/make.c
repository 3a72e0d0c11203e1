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

/* Who makes something in which folder. */
static int begin(struct p9_server *s, uint32_t number, gid_t gid, struct p9_fid **ret)
{
	int r = p9_folder_of(s, number, ret);

	return r < 0 ? r : p9_who_make(&s->who, (*ret)->uid, gid);
}

int p9_symlink(struct p9_server *s, struct p9_in *in, struct p9_out *out)
{
	uint32_t number = p9_get_u32(in), gid;
	char name[P9_NAME_SIZE], target[PATH_MAX];
	int r = p9_get_name(in, name), r2;
	struct p9_fid *dir;

	r2 = p9_get_text(in, target, sizeof(target));
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r < 0 || r2 < 0)
		return r < 0 ? r : r2;
	r = begin(s, number, gid, &dir);
	if (r < 0)
		return r;
	if (symlinkat(target, dir->fd, name) < 0)
		return -errno;
	return p9_put_qid_at(s, out, dir->fd, name);
}

int p9_mknod(struct p9_server *s, struct p9_in *in, struct p9_out *out)
{
	uint32_t number = p9_get_u32(in), mode, major, minor, gid;
	char name[P9_NAME_SIZE];
	int r = p9_get_name(in, name);
	struct p9_fid *dir;

	mode = p9_get_u32(in);
	major = p9_get_u32(in);
	minor = p9_get_u32(in);
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r == 0)
		r = begin(s, number, gid, &dir);
	if (r < 0)
		return r;
	if (mknodat(dir->fd, name, mode, makedev(major, minor)) < 0)
		return -errno;
	return p9_put_qid_at(s, out, dir->fd, name);
}

int p9_mkdir(struct p9_server *s, struct p9_in *in, struct p9_out *out)
{
	uint32_t number = p9_get_u32(in), mode, gid;
	char name[P9_NAME_SIZE];
	int r = p9_get_name(in, name);
	struct p9_fid *dir;

	mode = p9_get_u32(in);
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r == 0)
		r = begin(s, number, gid, &dir);
	if (r < 0)
		return r;
	if (mkdirat(dir->fd, name, mode & 07777) < 0)
		return -errno;
	return p9_put_qid_at(s, out, dir->fd, name);
}

int p9_link(struct p9_server *s, struct p9_in *in, struct p9_out *out _unused_)
{
	uint32_t dir_number = p9_get_u32(in), number = p9_get_u32(in);
	char name[P9_NAME_SIZE], old[P9_FD_NAME_SIZE];
	int r = p9_get_name(in, name);
	struct p9_fid *dir, *fid;

	if (!p9_in_end(in))
		return 0;
	if (r == 0)
		r = p9_folder_of(s, dir_number, &dir);
	if (r == 0)
		r = p9_fid_of(s, number, &fid);
	if (r < 0)
		return r;
	if (fid->alone || fid->type == S_IFDIR)
		return -EPERM;
	if (fid->kind != P9_FID_PATH && fid->kind != P9_FID_FILE)
		return -EBADF;
	return linkat(AT_FDCWD, p9_fd_name(fid->fd, old), dir->fd, name, AT_SYMLINK_FOLLOW) < 0
		       ? -errno
		       : 0;
}

int p9_readlink(struct p9_server *s, struct p9_in *in, struct p9_out *out)
{
	uint32_t number = p9_get_u32(in);
	char target[PATH_MAX];
	struct p9_fid *fid;
	ssize_t n;
	int r;

	if (!p9_in_end(in))
		return 0;
	r = p9_fid_of(s, number, &fid);
	if (r < 0)
		return r;
	if (fid->type != S_IFLNK || fid->kind != P9_FID_PATH)
		return -EINVAL;
	n = readlinkat(fid->fd, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	p9_put_text(out, target, (size_t)n);
	return 0;
}
