/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "guest/mount/mount.h"

int volumes_make(struct setup *s)
{
	const Caisson__Guest__V1__Container *container = s->request->container;
	struct mount_error error;

	if (container->n_mounts > ARRAY_SIZE(s->volumes))
		return setup_fail(s, -E2BIG, TTRPC_INVALID_ARGUMENT, "too many mounts");
	for (size_t i = 0; i < container->n_mounts; i++) {
		s->volumes[i] = mount_make(container->mounts[i], false, &error);
		if (s->volumes[i] < 0)
			return setup_fail(s, s->volumes[i], error.code, "%s: %s",
					  container->mounts[i]->target, error.text);
	}
	return 0;
}

static int make_file(int folder, const char *name)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : 0;
}

/*
 * The next step of a path, of which @path is all up to there, and @folder what is before that. The
 * container's links lead nowhere else.
 */
static int open_or_make(int root, int folder, const char *path, bool file)
{
	int flags = O_PATH | (file ? 0 : O_DIRECTORY), fd = path_open_in_root(root, path, flags, 0);
	const char *name = strrchr(path, '/') + 1;
	int r;

	if (fd != -ENOENT)
		return fd;
	if (file)
		r = make_file(folder, name);
	else
		r = mkdirat(folder, name, 0755) < 0 ? -errno : 0;
	return r < 0 && r != -EEXIST ? r : path_open_in_root(root, path, flags, 0);
}

int volumes_open_target(const char *path, bool file)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
	char part[PATH_MAX];

	if (*path != '/' || strlen(path) >= sizeof(part)) {
		fd_close(at);
		return -EINVAL;
	}
	for (const char *end = path; at >= 0 && end[strspn(end, "/")];) {
		_cleanup_close_ int folder = at;

		end += strspn(end, "/");
		end += strcspn(end, "/");
		memcpy(part, path, (size_t)(end - path));
		part[end - path] = '\0';
		at = open_or_make(root, folder, part, file && !*end);
	}
	return at;
}

static int attach(int volume, const char *target)
{
	_cleanup_close_ int at = -EBADF;
	struct stat st;

	if (fstat(volume, &st) < 0)
		return -errno;
	at = volumes_open_target(target, !S_ISDIR(st.st_mode));
	return at < 0 ? at : mount_attach(volume, at);
}

int volumes_attach(struct setup *s)
{
	const Caisson__Guest__V1__Container *container = s->request->container;
	char buf[64];
	int r;

	for (size_t i = 0; i < container->n_mounts; i++) {
		r = attach(s->volumes[i], container->mounts[i]->target);
		if (r < 0)
			return setup_fail(s, r, TTRPC_INVALID_ARGUMENT, "cannot mount on %s: %s",
					  container->mounts[i]->target, setup_error(r, buf));
		s->volumes[i] = fd_close(s->volumes[i]);
	}
	return 0;
}
