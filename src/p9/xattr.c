/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes: to read one, or the list of them, the client walks to it; to set one it creates it, writes it,
 * and it is set when the fid goes. Which may be seen and set is the kernel's to decide, of a process that has no
 * CAP_SYS_ADMIN: user's, file capabilities, access control lists.
 */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW(getxattr);
SEAL_ALLOW(listxattr);
SEAL_ALLOW(setxattr);
SEAL_ALLOW(removexattr);

/* Return: how many bytes it has. */
static ssize_t fetch(int fd, const char *attr, void *buf, size_t size)
{
	char name[P9_FD_NAME_SIZE];
	ssize_t n;

	n = *attr ? getxattr(p9_fd_name(fd, name), attr, buf, size)
		  : listxattr(p9_fd_name(fd, name), buf, size);
	return n < 0 ? -errno : n;
}

static int fill(struct p9_fids *fids, struct p9_fid *fid, int fd, const char *attr)
{
	ssize_t n = fetch(fd, attr, NULL, 0);
	int r;

	if (n < 0 || n > XATTR_LIST_MAX)
		return n < 0 ? (int)n : -E2BIG;
	r = p9_fid_new_xattr(fids, fid, (uint32_t)n);
	if (r < 0 || n == 0)
		return r;
	n = fetch(fd, attr, fid->xattr->value, (size_t)n);
	if (n < 0)
		return (int)n;
	fid->xattr->done = (uint32_t)n;
	return 0;
}

static int walk(struct p9_server *s, struct p9_fid *from, uint32_t number, const char *attr,
		struct p9_out *out)
{
	struct p9_fid *fid;
	int fd = from->fd, r = p9_fid_add(&s->fids, number, -EBADF, &fid);

	if (r < 0)
		return r;
	fid->kind = P9_FID_XATTR_GET;
	fid->tree = from->tree;
	fid->uid = from->uid;
	r = fill(&s->fids, fid, fd, attr);
	if (r < 0) {
		p9_fid_remove(&s->fids, fid);
		return r;
	}
	p9_put_u64(out, fid->xattr->done);
	return 0;
}

int p9_xattrwalk(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	uint32_t number = p9_get_u32(in);
	char name[P9_NAME_SIZE];
	int r = p9_get_text(in, name, sizeof(name));

	if (!p9_in_end(in))
		return 0;
	if (r == 0 && fid->alone)
		r = -EOPNOTSUPP;
	return r < 0 ? r : walk(s, fid, number, name, out);
}

int p9_xattr_read(struct p9_fid *fid, uint64_t offset, uint32_t count, struct p9_out *out)
{
	const struct p9_xattr *x = fid->xattr;
	size_t left = offset < x->done ? x->done - (size_t)offset : 0, room;
	uint8_t *to;

	(void)p9_room(out, &room);
	room -= MIN(room, sizeof(uint32_t));
	left = MIN(left, MIN(count, room));
	p9_put_u32(out, (uint32_t)left);
	to = p9_room(out, &room);
	if (left > 0)
		memcpy(to, x->value + offset, left);
	out->len += left;
	return 0;
}

int p9_xattrcreate(struct p9_server *s, struct p9_fid *fid, struct p9_in *in,
		   struct p9_out *out _unused_)
{
	char name[P9_NAME_SIZE];
	int r = p9_get_text(in, name, sizeof(name));
	uint64_t size = p9_get_u64(in);
	uint32_t flags = p9_get_u32(in);

	if (!p9_in_end(in))
		return 0;
	if (r < 0)
		return r;
	if (fid->alone)
		return -EOPNOTSUPP;
	if (!*name || flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	r = p9_fid_new_xattr(&s->fids, fid, (uint32_t)size);
	if (r < 0)
		return r;
	fid->kind = P9_FID_XATTR_SET;
	fid->xattr->flags = (int)flags;
	strcpy(fid->xattr->name, name);
	return 0;
}

int p9_xattr_write(struct p9_fid *fid, uint64_t offset, const uint8_t *data, uint32_t count)
{
	struct p9_xattr *x = fid->xattr;

	/* In its order, as clients do. */
	if (offset != x->done || count > x->len - x->done)
		return offset != x->done ? -EINVAL : -ENOSPC;
	memcpy(x->value + offset, data, count);
	x->done += count;
	return (int)count;
}

/* Nothing at all, with XATTR_REPLACE, is what removes one. */
int p9_xattr_finish(struct p9_fid *fid)
{
	const struct p9_xattr *x = fid->xattr;
	char buf[P9_FD_NAME_SIZE];
	const char *name = p9_fd_name(fid->fd, buf);
	int r;

	if (x->done != x->len)
		return -EINVAL;
	if (x->len == 0 && x->flags & XATTR_REPLACE)
		r = removexattr(name, x->name);
	else
		r = setxattr(name, x->name, x->value, x->len, x->flags);
	return r < 0 ? -errno : 0;
}
