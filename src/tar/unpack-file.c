/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "tar/unpack-state.h"

#define TMP_TRIES 100

/* A file that is on its way: without a name, if the file system has such files. */
struct arriving {
	int fd;
	char tmp[64];
};

static void tmp_name(struct unpacking *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, ".caisson-cp-%u-%u", (unsigned int)getpid(), u->counter++);
}

static int begin(struct unpacking *u, struct arriving *a)
{
	a->tmp[0] = '\0';
	a->fd = openat(u->parent, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	for (int i = 0; a->fd < 0 && i < TMP_TRIES; i++) {
		tmp_name(u, a->tmp, sizeof(a->tmp));
		a->fd = openat(u->parent, a->tmp,
			       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (a->fd < 0 && errno != EEXIST)
			return -errno;
	}
	return a->fd < 0 ? -EEXIST : 0;
}

static int give_name(const struct unpacking *u, const struct arriving *a, const char *name)
{
	char path[32];

	if (linkat(a->fd, "", u->parent, name, AT_EMPTY_PATH) == 0)
		return 0;
	/* Who may not do that has /proc instead. */
	if (errno != ENOENT)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", a->fd);
	return linkat(AT_FDCWD, path, u->parent, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* In place of what is there, in one step. */
static int arrive(struct unpacking *u, struct arriving *a)
{
	int r = a->tmp[0] ? 0 : give_name(u, a, u->name);

	if (!a->tmp[0] && r != -EEXIST)
		return r;
	for (int i = 0; !a->tmp[0] && i < TMP_TRIES; i++) {
		char tmp[sizeof(a->tmp)];

		tmp_name(u, tmp, sizeof(tmp));
		r = give_name(u, a, tmp);
		if (r == 0)
			(void)snprintf(a->tmp, sizeof(a->tmp), "%s", tmp);
		else if (r != -EEXIST)
			return r;
	}
	if (!a->tmp[0])
		return r;
	if (renameat(u->parent, a->tmp, u->parent, u->name) < 0)
		return -errno;
	a->tmp[0] = '\0';
	return 0;
}

static void end(const struct unpacking *u, struct arriving *a)
{
	if (a->fd >= 0 && a->tmp[0])
		(void)unlinkat(u->parent, a->tmp, 0);
	a->fd = fd_close(a->fd);
}

static int write_at(int fd, const void *data, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		data = (const char *)data + n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int fill(struct unpacking *u, int fd)
{
	uint64_t offset;
	const void *data;
	ssize_t n;
	int r;

	while ((n = tar_read_data(&u->reader, &data, &offset)) > 0) {
		r = write_at(fd, data, (size_t)n, offset);
		if (r < 0)
			return unpacking_fail(u, r, "write");
	}
	if (n < 0)
		return unpacking_fail(u, (int)n, "read the content of");
	if (ftruncate(fd, (off_t)u->reader.member.size) < 0)
		return unpacking_fail(u, -errno, "write");
	return 0;
}

/* The owner first: with it go capabilities, and some bits of the mode. */
static int dress(struct unpacking *u, int fd)
{
	const struct tar_member *m = &u->reader.member;
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, m->mtime};
	int r = unpacking_owner(u, fd, m->uid, m->gid);

	if (r == 0 && fchmod(fd, unpacking_mode(u, m->mode)) < 0)
		r = unpacking_fail(u, -errno, "set the mode of");
	if (r == 0)
		r = unpacking_xattrs(u, fd);
	if (r == 0 && futimens(fd, times) < 0)
		r = unpacking_fail(u, -errno, "set the time of");
	return r;
}

int unpacking_file(struct unpacking *u)
{
	struct arriving a;
	int r = begin(u, &a);

	if (r < 0)
		return unpacking_fail(u, r, "make");
	r = fill(u, a.fd);
	if (r == 0)
		r = dress(u, a.fd);
	if (r == 0) {
		r = arrive(u, &a);
		if (r < 0)
			(void)unpacking_fail(u, r, "make");
	}
	end(u, &a);
	return r;
}
