/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "sandbox/oci-config.h"

/*
 * A file of the container's: it may be anything by now, and is only opened, which a device would
 * notice, once it is known to be a file, and one that does not hold us up.
 */
static int open_file(int root, const char *path)
{
	_cleanup_close_ int fd = path_open_in_root(root, path, O_PATH, 0);
	char self[64];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EBADF;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return open(self, O_RDONLY | O_CLOEXEC);
}

int oci_find_user(int root, const char *spec, struct user *ret, struct err *err)
{
	_cleanup_close_ int passwd = open_file(root, "/etc/passwd");
	_cleanup_close_ int group = open_file(root, "/etc/group");
	size_t name_len = strcspn(spec, ":");
	int r;

	r = user_lookup(spec, passwd, group, ret);
	if (r < 0)
		return err_errno(err, r, "/etc/passwd of the image");
	switch (r) {
	case 0:
		return 0;
	case USER_E_NO_USER:
		return err_set(err, -EINVAL,
			       "unable to find user %.*s: no matching entries in passwd file",
			       (int)name_len, spec);
	case USER_E_NO_GROUP:
		return err_set(err, -EINVAL,
			       "unable to find group %s: no matching entries in group file",
			       spec + name_len + 1);
	default:
		return err_set(err, -EINVAL, "uids and gids must be in range 0-2147483647");
	}
}
