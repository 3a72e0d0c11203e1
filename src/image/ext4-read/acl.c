/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>

#include "base/mem.h"
#include "image/ext4-read/impl.h"

/*
 * attributes.rst, "POSIX ACLs": the version is 1, and only named users and groups have a number.
 * What setxattr(2) takes has version 2 and a number everywhere (linux/posix_acl_xattr.h).
 */

#define DISK_VERSION 1u

struct disk_entry {
	uint16_t tag, perm;
};

/* Return: bytes of @p, 0: there is no entry. */
static size_t convert(const char *p, size_t len, struct posix_acl_xattr_entry *ret)
{
	struct disk_entry e;

	if (len < sizeof(e))
		return 0;
	memcpy(&e, p, sizeof(e));
	*ret = (struct posix_acl_xattr_entry){e.tag, e.perm, (uint32_t)ACL_UNDEFINED_ID};
	if (e.tag != ACL_USER && e.tag != ACL_GROUP)
		return sizeof(e);
	if (len < sizeof(e) + sizeof(ret->e_id))
		return 0;
	memcpy(&ret->e_id, p + sizeof(e), sizeof(ret->e_id));
	return sizeof(e) + sizeof(ret->e_id);
}

int ext4r_acl(const void *value, size_t len, char **ret, size_t *ret_len)
{
	const struct posix_acl_xattr_header header = {POSIX_ACL_XATTR_VERSION};
	const char *p = value, *end = p + len;
	struct posix_acl_xattr_entry entry;
	_cleanup_free_ char *out = NULL;
	uint32_t version;
	char *to;

	if (len < sizeof(version))
		return -EBADMSG;
	memcpy(&version, p, sizeof(version));
	if (version != DISK_VERSION)
		return -EBADMSG;
	out = xmalloc(sizeof(header) + len / sizeof(struct disk_entry) * sizeof(entry));
	to = mempcpy(out, &header, sizeof(header));
	for (p += sizeof(version); p < end;) {
		size_t n = convert(p, (size_t)(end - p), &entry);

		if (n == 0)
			return -EBADMSG;
		to = mempcpy(to, &entry, sizeof(entry));
		p += n;
	}
	*ret_len = (size_t)(to - out);
	*ret = take_ptr(out);
	return 0;
}
