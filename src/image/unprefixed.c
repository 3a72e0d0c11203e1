/* SPDX-License-Identifier: Apache-2.0 */
#include "image/unprefixed.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/superblock.h"
#include "image/text.h"

static bool is_ext4(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	uint64_t size;

	return fd >= 0 && superblock_size(fd, &size) == 0;
}

static bool is_layout(const char *path)
{
	_cleanup_free_ char *mark = path_join(path, "oci-layout");

	return access(mark, F_OK) == 0;
}

char *unprefixed_advice(const char *typed)
{
	struct stat st;

	if (stat(typed, &st) < 0)
		return NULL;
	if (S_ISDIR(st.st_mode))
		return is_layout(typed)
			       ? xasprintf("for the OCI layout here write oci:%s", text_of(typed))
			       : xasprintf("for the folder here write dir:%s", text_of(typed));
	if (is_ext4(typed))
		return xasprintf("for the file system here write ext4:%s", text_of(typed));
	return xasprintf("for the file here write docker-archive:%s, oci-archive:%s, or tar:%s for "
			 "a tar that is no image",
			 text_of(typed), text_of(typed), text_of(typed));
}

bool unprefixed_is_file(const char *typed)
{
	static const char *const ends[] = {".tar",     ".tar.gz", ".tgz", ".tar.zst",
					   ".tar.bz2", ".tar.xz", ".img", ".ext4"};
	size_t len = strlen(typed);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t n = strlen(ends[i]);

		if (len > n && strcmp(typed + len - n, ends[i]) == 0)
			return true;
	}
	return false;
}
