/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/address.h"

#include <errno.h>
#include <string.h>

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

int containerd_listen(const char *path, struct err *err)
{
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int fd = path_mkdirs(folder, 0700);

	if (fd == 0)
		fd = unix_listen_alone(path);
	return fd < 0 && fd != -EADDRINUSE ? err_errno(err, fd, "cannot listen on %s", path) : fd;
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
