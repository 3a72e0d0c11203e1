/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay/overlay.h"

#include <sys/xattr.h>

#include "base/parse.h"

bool overlay_is_opaque(int fd)
{
	char value[2];

	return fgetxattr(fd, OVERLAY_XATTR_OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

bool overlay_xattr_is_private(const char *name)
{
	return str_starts(name, OVERLAY_XATTR_PREFIX) ||
	       str_starts(name, OVERLAY_USER_XATTR_PREFIX);
}
