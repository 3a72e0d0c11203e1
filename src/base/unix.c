/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

#define BACKLOG 128

static int unix_address(const char *path, struct sockaddr_un *sun)
{
	size_t len = strlen(path);

	if (len >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(sun->sun_path, path, len);
	return 0;
}

/* Return: a socket, with @ret for it; or negative errno. */
static int make(const char *path, int flags, struct sockaddr_un *ret)
{
	int r = unix_address(path, ret), fd;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	return fd < 0 ? -errno : fd;
}

int unix_connect(const char *path)
{
	static const struct timeval patience = {.tv_sec = UNIX_PATIENCE_SECONDS};
	struct sockaddr_un sun;
	_cleanup_close_ int fd = make(path, 0, &sun);
	int r;

	if (fd < 0)
		return fd;
	/* Connecting to a unix socket is done at once, or waits for a place in the backlog. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	r = fd_nonblock(fd, true);
	return r < 0 ? r : take_fd(fd);
}

int unix_connect_now(const char *path)
{
	struct sockaddr_un sun;
	_cleanup_close_ int fd = make(path, SOCK_NONBLOCK, &sun);

	if (fd < 0)
		return fd;
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : take_fd(fd);
}

/* Nothing else is ours to remove. */
static int remove_socket(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int unix_listen(const char *path)
{
	struct sockaddr_un sun;
	_cleanup_close_ int fd = make(path, SOCK_NONBLOCK, &sun);
	int r;

	if (fd < 0)
		return fd;
	r = remove_socket(path);
	if (r < 0)
		return r;
	/* The file gets the mode of the socket: that of what is at @path by then is not touched. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(fd);
}

/* One who is too busy to let anybody in lives, and one whose socket is of another type, as that of a log. */
static bool is_served(const char *path)
{
	_cleanup_close_ int fd = unix_connect_now(path);

	return fd >= 0 || fd == -EAGAIN || fd == -EPROTOTYPE;
}

int unix_listen_alone(const char *path)
{
	return is_served(path) ? -EADDRINUSE : unix_listen(path);
}

void unix_leave(const char *path)
{
	if (!is_served(path))
		(void)remove_socket(path);
}

int unix_pin(int dir, const char *path)
{
	_cleanup_close_ int fd = openat(dir, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISSOCK(st.st_mode) ? take_fd(fd) : -ECONNREFUSED;
}

int unix_connect_pinned(int pinned)
{
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", pinned);
	return unix_connect_now(link);
}
