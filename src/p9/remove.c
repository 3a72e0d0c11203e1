/* SPDX-License-Identifier: Apache-2.0 */
/* What takes names away, or gives others. Linux uses the two that name a folder; the others are for the rest. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW(unlinkat);
#if defined(SYS_renameat)
SEAL_ALLOW(renameat);
#endif
SEAL_ALLOW(renameat2);

int p9_unlinkat(struct p9_server *s _unused_, struct p9_fid *dir, struct p9_in *in,
		struct p9_out *out _unused_)
{
	char name[P9_NAME_SIZE];
	int r = p9_get_name(in, name);
	uint32_t flags = p9_get_u32(in);

	if (!p9_in_end(in))
		return 0;
	if (r < 0)
		return r;
	/* The only flag that there is, with the number that Linux gives it. */
	if (flags & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	return unlinkat(dir->fd, name, (int)flags) < 0 ? -errno : 0;
}

static int remove_fid(struct p9_server *s, const struct p9_fid *fid)
{
	_cleanup_close_ int parent = -EBADF;
	char name[P9_NAME_SIZE];

	if (s->readonly)
		return -EROFS;
	if (fid->alone)
		return -EBUSY;
	if (fid->kind & P9_FID_XATTR)
		return -EBADF;
	parent = p9_tree_parent(s, fid, name);
	if (parent < 0)
		return parent;
	return unlinkat(parent, name, fid->type == S_IFDIR ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

int p9_remove(struct p9_server *s, struct p9_fid *fid, struct p9_in *in,
	      struct p9_out *out _unused_)
{
	int r;

	if (!p9_in_end(in))
		return 0;
	r = remove_fid(s, fid);
	/* It goes in any case. */
	p9_fid_remove(&s->fids, fid);
	return r;
}

int p9_renameat(struct p9_server *s, struct p9_fid *from, struct p9_in *in,
		struct p9_out *out _unused_)
{
	char old_name[P9_NAME_SIZE], new_name[P9_NAME_SIZE];
	int r = p9_get_name(in, old_name), r2;
	uint32_t number = p9_get_u32(in);
	struct p9_fid *to;

	r2 = p9_get_name(in, new_name);
	if (!p9_in_end(in))
		return 0;
	if (r < 0 || r2 < 0)
		return r < 0 ? r : r2;
	r = p9_fid_of(s, number, P9_OF_FOLDER, &to);
	if (r < 0)
		return r;
	return renameat(from->fd, old_name, to->fd, new_name) < 0 ? -errno : 0;
}

int p9_rename(struct p9_server *s, struct p9_fid *fid, struct p9_in *in,
	      struct p9_out *out _unused_)
{
	uint32_t number = p9_get_u32(in);
	char old_name[P9_NAME_SIZE], new_name[P9_NAME_SIZE];
	_cleanup_close_ int parent = -EBADF;
	int r = p9_get_name(in, new_name);
	struct p9_fid *dir;

	if (!p9_in_end(in))
		return 0;
	if (r == 0)
		r = p9_fid_of(s, number, P9_OF_FOLDER, &dir);
	if (r < 0)
		return r;
	if (fid->alone)
		return -EBUSY;
	parent = p9_tree_parent(s, fid, old_name);
	if (parent < 0)
		return parent;
	return renameat(parent, old_name, dir->fd, new_name) < 0 ? -errno : 0;
}
