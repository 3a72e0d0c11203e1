/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "overlay/overlay.h"
#include "tar/pack-state.h"

/* Of an open file, or, with @fd negative, of a name in the working folder. */
struct subject {
	int fd;
	const char *name;
};

static ssize_t list(const struct subject *s, char *buf, size_t size)
{
	ssize_t n = s->fd >= 0 ? flistxattr(s->fd, buf, size) : llistxattr(s->name, buf, size);

	/* Some file systems have none, and some files cannot. */
	if (n < 0 && (errno == ENOTSUP || errno == ENOSYS))
		return 0;
	return n < 0 ? -errno : n;
}

static ssize_t get(const struct subject *s, const char *name, void *buf, size_t size)
{
	ssize_t n = s->fd >= 0 ? fgetxattr(s->fd, name, buf, size)
			       : lgetxattr(s->name, name, buf, size);

	return n < 0 ? -errno : n;
}

static bool is_wanted(const struct packing *p, const char *name)
{
	return !(p->pack->flags & TAR_PACK_WHITEOUTS) || !overlay_xattr_is_private(name);
}

static int collect(struct packing *p, const struct subject *s)
{
	ssize_t names = list(s, p->xattr_names, sizeof(p->xattr_names)), n;
	const char *name = p->xattr_names;
	size_t used = 0;

	p->n_xattrs = 0;
	if (names < 0)
		return (int)names;
	for (; name < p->xattr_names + names; name += strlen(name) + 1) {
		if (!is_wanted(p, name))
			continue;
		if (p->n_xattrs == PACK_XATTRS_MAX)
			return -E2BIG;
		n = get(s, name, p->xattr_values + used, sizeof(p->xattr_values) - used);
		if (n == -ENODATA || n == -EACCES || n == -EPERM || n == -ENOTSUP)
			continue;
		if (n < 0)
			return n == -ERANGE ? -E2BIG : (int)n;
		p->xattrs[p->n_xattrs++] =
			(struct tar_xattr){name, p->xattr_values + used, (size_t)n};
		used += (size_t)n;
	}
	return 0;
}

static int collected(struct packing *p, int r)
{
	return r < 0 ? packing_fail(p, r, "read the extended attributes of") : 0;
}

int packing_xattrs(struct packing *p, int fd)
{
	const struct subject s = {.fd = fd};

	return collected(p, collect(p, &s));
}

int packing_xattrs_at(struct packing *p, int dir, const char *name)
{
	const struct subject s = {.fd = -EBADF, .name = name};
	int r = fchdir(dir) < 0 ? -errno : collect(p, &s);

	return r == -ENOENT ? r : collected(p, r);
}
