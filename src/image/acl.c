/* SPDX-License-Identifier: Apache-2.0 */
#include "image/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/text.h"

/* user, group and other: what a mode says just as well */
#define BASIC_ENTRIES 3

static const struct {
	int from;
	uint16_t to;
} tags[] = {
	{ARCHIVE_ENTRY_ACL_USER_OBJ, ACL_USER_OBJ},   {ARCHIVE_ENTRY_ACL_USER, ACL_USER},
	{ARCHIVE_ENTRY_ACL_GROUP_OBJ, ACL_GROUP_OBJ}, {ARCHIVE_ENTRY_ACL_GROUP, ACL_GROUP},
	{ARCHIVE_ENTRY_ACL_MASK, ACL_MASK},	      {ARCHIVE_ENTRY_ACL_OTHER, ACL_OTHER},
};

static int compare(const void *pa, const void *pb)
{
	const struct posix_acl_xattr_entry *a = pa, *b = pb;
	uint32_t tag_a = le16toh(a->e_tag), tag_b = le16toh(b->e_tag);
	uint32_t id_a = le32toh(a->e_id), id_b = le32toh(b->e_id);

	if (tag_a != tag_b)
		return tag_a < tag_b ? -1 : 1;
	return id_a < id_b ? -1 : id_a > id_b;
}

static int convert(int tag, int perm, int id, const char *name, struct posix_acl_xattr_entry *ret,
		   struct err *err)
{
	bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;

	if (named && id < 0)
		return err_set(err, -ENOTSUP, "its ACL names '%s' without a number", text_of(name));
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (tags[i].from != tag)
			continue;
		ret->e_tag = htole16(tags[i].to);
		ret->e_perm = htole16((uint16_t)(perm & 7));
		ret->e_id = htole32(named ? (uint32_t)id : (uint32_t)ACL_UNDEFINED_ID);
		return 0;
	}
	return err_set(err, -ENOTSUP, "its ACL is not one of POSIX");
}

int acl_build(struct archive_entry *ae, int type, void **ret, size_t *ret_len, struct err *err)
{
	_cleanup_free_ struct posix_acl_xattr_header *header = NULL;
	struct posix_acl_xattr_entry *entries;
	int count, entry_type, perm, tag, id, r;
	const char *name;
	size_t n = 0;

	*ret = NULL;
	count = archive_entry_acl_types(ae) & type ? archive_entry_acl_reset(ae, type) : 0;
	if (count <= 0)
		return 0;
	/* The reader may also hand out the basic entries that it keeps in the mode. */
	header = xcalloc(1, sizeof(*header) + (size_t)(count + BASIC_ENTRIES) * sizeof(*entries));
	entries = (struct posix_acl_xattr_entry *)(header + 1);
	while (n < (size_t)(count + BASIC_ENTRIES) &&
	       archive_entry_acl_next(ae, type, &entry_type, &perm, &tag, &id, &name) ==
		       ARCHIVE_OK) {
		r = convert(tag, perm, id, name, &entries[n++], err);
		if (r < 0)
			return r;
	}
	if (n <= BASIC_ENTRIES && type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS)
		return 0;
	qsort(entries, n, sizeof(*entries), compare);
	header->a_version = htole32(POSIX_ACL_XATTR_VERSION);
	*ret_len = sizeof(*header) + n * sizeof(*entries);
	*ret = take_ptr(header);
	return 0;
}
