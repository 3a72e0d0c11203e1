/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/volume-store.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"

#define FOLDER	    "volumes"
#define NAME_LENGTH 64

bool volume_name_valid(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return len >= 2 && len <= NAME_LENGTH && !name[len] && isalnum((unsigned char)*name);
}

int volume_store_make(const char *root, const char *name, char **ret, struct err *err)
{
	_cleanup_free_ char *folder = path_join(root, FOLDER), *path = path_join(folder, name);
	int r = mkdir(folder, 0711) < 0 && errno != EEXIST ? -errno : 0;

	if (r == 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot make the volume %s", path);
	*ret = take_ptr(path);
	return 0;
}
