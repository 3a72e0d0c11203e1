/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tar/member.h"

/*
 * Within this layer: the block in front of each member. POSIX.1-2017, pax, "ustar Interchange
 * Format"; the types of GNU tar are in its manual, "Basic Tar Format".
 */

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag,
		linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8],
		prefix[155], pad[12];
};

_Static_assert(sizeof(struct tar_header) == TAR_BLOCK_SIZE, "a header is a block");

/* Types that are no member's own. */
#define TAR_TYPE_PAX	    'x'
#define TAR_TYPE_PAX_GLOBAL 'g'

/* The largest numbers in octal digits: seven of them, and eleven. */
#define TAR_OCTAL7_MAX	07777777ULL
#define TAR_OCTAL11_MAX 077777777777ULL

/** tar_header_sum() - of all bytes, as unsigned ones, the sum's own as spaces */
unsigned int tar_header_sum(const struct tar_header *h);
