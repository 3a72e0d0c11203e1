/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "overlay/overlay.h"
#include "tar/unpack-state.h"

/* To an open file, or, with @fd negative, to a name in the working folder. */
static int set_all(struct unpacking *u, int fd)
{
	const struct tar_member *m = &u->reader.member;

	for (size_t i = 0; i < m->n_xattrs; i++) {
		const struct tar_xattr *x = &m->xattrs[i];
		int r;

		if (overlay_xattr_is_private(x->name))
			continue;
		r = fd >= 0 ? fsetxattr(fd, x->name, x->value, x->len, 0)
			    : lsetxattr(u->name, x->name, x->value, x->len, 0);
		if (r < 0 && unpacking_exact(u))
			return unpacking_fail(u, -errno, "keep the extended attributes of");
	}
	return 0;
}

int unpacking_xattrs(struct unpacking *u, int fd)
{
	return set_all(u, fd);
}

int unpacking_xattrs_at(struct unpacking *u)
{
	if (u->reader.member.n_xattrs == 0)
		return 0;
	if (fchdir(u->parent) < 0)
		return unpacking_fail(u, -errno, "keep the extended attributes of");
	return set_all(u, -EBADF);
}

int unpacking_owner(struct unpacking *u, int fd, uint32_t uid, uint32_t gid)
{
	if (!u->owners && !unpacking_exact(u))
		return 0;
	if (fchown(fd, uid, gid) == 0 || !unpacking_exact(u))
		return 0;
	return unpacking_fail(u, -errno, "keep the owner of");
}
