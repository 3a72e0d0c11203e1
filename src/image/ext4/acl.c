/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>

#include "image/ext4/impl.h"

/*
 * attributes.rst, "POSIX ACLs": the version is 1, and only named users and groups have a number.
 * What setxattr(2) takes has version 2 and a number everywhere (linux/posix_acl_xattr.h).
 */

#define DISK_VERSION 1u

struct disk_entry {
	uint16_t tag, perm;
};

/* In this order, and @once but for those that are named. */
static const struct {
	uint16_t tag;
	bool once, named;
} order[] = {
	{ACL_USER_OBJ, true, false}, {ACL_USER, false, true}, {ACL_GROUP_OBJ, true, false},
	{ACL_GROUP, false, true},    {ACL_MASK, true, false}, {ACL_OTHER, true, false},
};

/* What the kernel's posix_acl_valid() looks at. @seen: bits of tags */
static bool is_valid(const struct posix_acl_xattr_entry *v, size_t n)
{
	const unsigned int needed = ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER;
	unsigned int seen = 0;
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		while (at < ARRAY_SIZE(order) && order[at].tag != v[i].e_tag)
			at++;
		if (at == ARRAY_SIZE(order) || (v[i].e_perm & ~7u))
			return false;
		if (order[at].named && v[i].e_id == (uint32_t)ACL_UNDEFINED_ID)
			return false;
		if (order[at].once && (seen & v[i].e_tag))
			return false;
		seen |= v[i].e_tag;
	}
	return (seen & needed) == needed && (!(seen & (ACL_USER | ACL_GROUP)) || (seen & ACL_MASK));
}

/* The mask, or else the group's own permissions, are what a mode's group bits say. */
static void tell_mode(const struct posix_acl_xattr_entry *v, size_t n, uint16_t *mode)
{
	uint16_t perm[3] = {0};

	for (size_t i = 0; i < n; i++) {
		if (v[i].e_tag == ACL_USER_OBJ)
			perm[0] = v[i].e_perm;
		else if (v[i].e_tag == ACL_GROUP_OBJ || v[i].e_tag == ACL_MASK)
			perm[1] = v[i].e_perm;
		else if (v[i].e_tag == ACL_OTHER)
			perm[2] = v[i].e_perm;
	}
	*mode = (uint16_t)((*mode & ~0777) | perm[0] << 6 | perm[1] << 3 | perm[2]);
}

ssize_t ext4_acl(const void *value, size_t len, void *out, uint16_t *mode)
{
	struct posix_acl_xattr_entry v[EXT4_BLOCK / sizeof(struct posix_acl_xattr_entry)];
	struct posix_acl_xattr_header header;
	const uint32_t version = DISK_VERSION;
	size_t n = (len - sizeof(header)) / sizeof(v[0]);
	char *p = out;

	if (len < sizeof(header) || len != sizeof(header) + n * sizeof(v[0]) || n > ARRAY_SIZE(v))
		return -EINVAL;
	memcpy(&header, value, sizeof(header));
	memcpy(v, (const char *)value + sizeof(header), n * sizeof(v[0]));
	if (header.a_version != POSIX_ACL_XATTR_VERSION || !is_valid(v, n))
		return -EINVAL;
	p = mempcpy(p, &version, sizeof(version));
	for (size_t i = 0; i < n; i++) {
		const struct disk_entry e = {v[i].e_tag, v[i].e_perm};

		p = mempcpy(p, &e, sizeof(e));
		if (e.tag == ACL_USER || e.tag == ACL_GROUP)
			p = mempcpy(p, &v[i].e_id, sizeof(v[i].e_id));
	}
	if (mode)
		tell_mode(v, n, mode);
	return p - (char *)out;
}
