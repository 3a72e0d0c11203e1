/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/member.h"

#include <sys/stat.h>

#include "base/macro.h"

bool tar_type_of(mode_t mode, enum tar_type *ret)
{
	static const struct {
		mode_t format;
		enum tar_type type;
	} types[] = {
		{S_IFREG, TAR_FILE}, {S_IFDIR, TAR_FOLDER}, {S_IFLNK, TAR_SYMLINK},
		{S_IFCHR, TAR_CHAR}, {S_IFBLK, TAR_BLOCK},  {S_IFIFO, TAR_FIFO},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((mode & S_IFMT) == types[i].format) {
			*ret = types[i].type;
			return true;
		}
	return false;
}
