/* SPDX-License-Identifier: Apache-2.0 */
#include "image/xattr.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/parse.h"
#include "image/acl.h"
#include "overlay/overlay.h"

#define ACL_ACCESS  "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

/*
 * Linux has four namespaces; what other systems' archivers record ("com.apple…") has no meaning
 * here. overlayfs keeps its own notes in attributes, which must not come from an image: a container
 * has an overlay on top of the image.
 */
bool xattr_is_for_us(const char *name)
{
	static const char *const namespaces[] = {"user.", "trusted.", "security.", "system."};

	if (overlay_xattr_is_private(name))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (str_starts(name, namespaces[i]))
			return true;
	return false;
}

static int add_acl(struct archive_entry *ae, int type, const char *name, struct xattrs *x,
		   struct err *err)
{
	void *value = NULL;
	size_t len;
	int r = acl_build(ae, type, &value, &len, err);

	if (r < 0 || !value)
		return r;
	x->own[x->n_own++] = value;
	x->v[x->n++] = (struct xattr){name, value, len};
	return 0;
}

int xattrs_collect(struct archive_entry *ae, struct xattrs *x, struct err *err)
{
	int n = archive_entry_xattr_reset(ae), r;
	struct xattr one;

	if (n <= 0 && archive_entry_acl_types(ae) == 0)
		return 0;
	x->v = xcalloc((size_t)n + ARRAY_SIZE(x->own), sizeof(*x->v));
	while (archive_entry_xattr_next(ae, &one.name, &one.value, &one.len) == 0)
		if (one.name && xattr_is_for_us(one.name) && x->n < (size_t)n)
			x->v[x->n++] = one;
	r = add_acl(ae, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ACL_ACCESS, x, err);
	return r < 0 ? r : add_acl(ae, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, ACL_DEFAULT, x, err);
}

void xattrs_done(struct xattrs *x)
{
	for (size_t i = 0; i < x->n_own; i++)
		free(x->own[i]);
	free(take_ptr(x->v));
	x->n = x->n_own = 0;
}
