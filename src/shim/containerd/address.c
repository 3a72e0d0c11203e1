/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/address.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/unix.h"
#include "image/digest.h"

char *containerd_socket_path(const struct containerd_args *args, const char *group, const char *dir)
{
	_cleanup_free_ char *name = xasprintf("%s/%s/%s", args->address, args->namespace, group);
	struct digest digest;

	digest_of(name, strlen(name), &digest);
	return path_join(dir && *dir ? dir : CONTAINERD_SOCKETS, strchr(digest.text, ':') + 1);
}

/* Of two who find that nobody listens, one would remove the other's socket. */
static int lock_folder_of(const char *path)
{
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_close_ int dir = -EBADF;
	int r = path_mkdirs(folder, 0700);

	if (r < 0)
		return r;
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX) < 0)
		return -errno;
	return take_fd(dir);
}

int containerd_listen(const char *path, struct err *err)
{
	_cleanup_close_ int lock = lock_folder_of(path);
	int fd = lock < 0 ? lock : unix_listen_alone(path);

	return fd < 0 && fd != -EADDRINUSE ? err_errno(err, fd, "cannot listen on %s", path) : fd;
}

void containerd_unlink(const char *path)
{
	_cleanup_close_ int lock = lock_folder_of(path);

	if (lock >= 0)
		unix_leave(path);
}

int containerd_paths(const char *namespace, struct paths *ret, struct err *err)
{
	_cleanup_free_ char *run = paths_default_run(), *root = NULL;
	/* What is made for the root's sake would be open to others. */
	int r = path_mkdirs(run, 0700);

	if (r < 0)
		return err_errno(err, r, "cannot make the folder %s", run);
	root = xasprintf("%s/" PATHS_CONTAINERD "/%s", run, namespace);
	r = paths_set_root(root, err);
	return r == 0 ? paths_init(ret, err) : r;
}
