/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/path.h"
#include "tar/unpack-state.h"

/* Programs fill an archive up to a multiple of their own block, which is ten kilobytes, or more. */
#define REST_MAX (1u << 20)

/*
 * A path of plain components, "a/b/c", out of what an archive says. Return: 0; -EXDEV: it leads
 * elsewhere.
 */
static int normalise(char *to, const char *from, const char *only)
{
	size_t len = 0, first;

	if (*from == '/')
		return -EXDEV;
	while (*from) {
		size_t n = strcspn(from, "/");

		if (n == 2 && !memcmp(from, "..", 2))
			return -EXDEV;
		if (n > 0 && !(n == 1 && *from == '.')) {
			if (len > 0)
				to[len++] = '/';
			memcpy(to + len, from, n);
			len += n;
		}
		from += n;
		from += *from == '/';
	}
	to[len] = '\0';
	first = strcspn(to, "/");
	return only && (first != strlen(only) || memcmp(to, only, first) != 0) ? -EXDEV : 0;
}

/* The folder that @path is in, without the slash; "" is the destination. */
static const char *split(char *path, char **ret_slash)
{
	char *slash = strrchr(path, '/');

	*ret_slash = slash;
	if (slash)
		*slash = '\0';
	return slash ? slash + 1 : path;
}

/* Within one name alone, no link leads on: the archive may have made it, to what is beside it. */
static int open_folder(const struct unpacking *u, const char *path, uint64_t flags)
{
	const char *at = *path ? path : ".";

	return u->unpack->only ? path_open_strict(u->unpack->dir, at, flags | O_DIRECTORY, 0)
			       : path_open_beneath(u->unpack->dir, at, flags | O_DIRECTORY, 0);
}

/* All that are missing of @path. */
static int make_folders(struct unpacking *u, char *path)
{
	_cleanup_close_ int at = open_folder(u, "", O_PATH);
	size_t begin = 0;

	while (at >= 0 && path[begin]) {
		size_t len = begin + strcspn(path + begin, "/");
		char end = path[len];
		int next;

		path[len] = '\0';
		if (mkdirat(at, path + begin, 0755) < 0 && errno != EEXIST) {
			path[len] = end;
			return -errno;
		}
		next = open_folder(u, path, O_PATH);
		path[len] = end;
		fd_close(at);
		at = next;
		begin = len + (end == '/');
	}
	return at < 0 ? at : 0;
}

static int open_parent(struct unpacking *u, char *path)
{
	int fd = open_folder(u, path, O_PATH);
	int r = fd == -ENOENT ? make_folders(u, path) : 0;

	if (r < 0)
		return r;
	return fd == -ENOENT ? open_folder(u, path, O_PATH) : fd;
}

/* The folder of the member, kept for those that follow. */
static int find_parent(struct unpacking *u)
{
	char *slash;
	const char *name = split(u->path, &slash);
	const char *parent = slash ? u->path : "";
	int r = 0;

	if (u->parent < 0 || strcmp(parent, u->parent_path) != 0) {
		(void)snprintf(u->parent_path, sizeof(u->parent_path), "%s", parent);
		fd_close(u->parent);
		u->parent = open_parent(u, u->parent_path);
		r = MIN(u->parent, 0);
	}
	if (slash)
		*slash = '/';
	u->name = name;
	return r < 0 ? unpacking_fail(u, r, "unpack") : 0;
}

/* Folders: made at once, and given mode and times once all is in them. */

static int finish_folder(struct unpacking *u, const struct unpack_folder *f)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, f->mtime};
	_cleanup_close_ int fd = -EBADF;
	int r;

	u->inside[f->len] = '\0';
	fd = open_folder(u, u->inside, O_RDONLY);
	if (fd < 0)
		return tar_trouble_set(u->trouble, fd, "complete the folder", u->inside);
	r = unpacking_owner(u, fd, f->uid, f->gid);
	if (r < 0)
		return r;
	if (fchmod(fd, unpacking_mode(u, f->mode)) < 0 || futimens(fd, times) < 0)
		return tar_trouble_set(u->trouble, -errno, "complete the folder", u->inside);
	return 0;
}

static bool is_within(const char *path, const char *folder, size_t len)
{
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || !path[len]);
}

/* Those that the next member is not in are complete. */
static int finish_folders(struct unpacking *u, const char *next)
{
	int r = 0;

	while (u->n_folders > 0 && r == 0) {
		const struct unpack_folder *f = &u->folders[u->n_folders - 1];

		if (next && is_within(next, u->inside, f->len))
			break;
		u->n_folders--;
		r = finish_folder(u, f);
	}
	return r;
}

static void keep_folder(struct unpacking *u)
{
	const struct tar_member *m = &u->reader.member;
	size_t len = strlen(u->path);

	/* The same folder again. */
	if (u->n_folders > 0 && u->folders[u->n_folders - 1].len == len)
		u->n_folders--;
	memcpy(u->inside, u->path, len + 1);
	u->folders[u->n_folders++] = (struct unpack_folder){
		.len = len, .mode = m->mode, .uid = m->uid, .gid = m->gid, .mtime = m->mtime};
}

static int unpack_folder(struct unpacking *u)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (mkdirat(u->parent, u->name, 0700) < 0 && errno != EEXIST)
		return unpacking_fail(u, -errno, "make the folder");
	fd = openat(u->parent, u->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return unpacking_fail(u, -errno, "open the folder");
	r = unpacking_xattrs(u, fd);
	if (r == 0)
		keep_folder(u);
	return r;
}

/* Links and special files: what is there goes first. */

static int make_room(struct unpacking *u)
{
	if (unlinkat(u->parent, u->name, 0) < 0 && errno != ENOENT)
		return unpacking_fail(u, -errno, "replace");
	return 0;
}

static int unpack_hardlink(struct unpacking *u)
{
	_cleanup_close_ int folder = -EBADF;
	struct stat from, to;
	const char *name;
	char *slash;
	int r = normalise(u->link, u->reader.link, u->unpack->only);

	if (r < 0)
		return unpacking_fail(u, r, "unpack the hard link");
	name = split(u->link, &slash);
	folder = open_folder(u, slash ? u->link : "", O_PATH);
	if (folder < 0)
		return unpacking_fail(u, folder, "unpack the hard link");
	if (fstatat(folder, name, &from, AT_SYMLINK_NOFOLLOW) < 0)
		return unpacking_fail(u, -errno, "unpack the hard link");
	if (fstatat(u->parent, u->name, &to, AT_SYMLINK_NOFOLLOW) == 0 &&
	    from.st_ino == to.st_ino && from.st_dev == to.st_dev)
		return 0;
	r = make_room(u);
	if (r == 0 && linkat(folder, name, u->parent, u->name, 0) < 0)
		r = unpacking_fail(u, -errno, "make the hard link");
	return r;
}

static int make_special(const struct unpacking *u)
{
	const struct tar_member *m = &u->reader.member;
	mode_t format = m->type == TAR_CHAR ? S_IFCHR : m->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;
	mode_t mode = format | unpacking_mode(u, m->mode);

	if (m->type == TAR_SYMLINK)
		return symlinkat(u->reader.link, u->parent, u->name);
	return mknodat(u->parent, u->name, mode, makedev(m->rdev_major, m->rdev_minor));
}

static int unpack_special(struct unpacking *u)
{
	const struct tar_member *m = &u->reader.member;
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, m->mtime};
	int r = make_room(u);

	if (r == 0 && make_special(u) < 0)
		r = unpacking_fail(u, -errno, "make");
	if (r == 0 && (u->owners || unpacking_exact(u)) &&
	    fchownat(u->parent, u->name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    unpacking_exact(u))
		r = unpacking_fail(u, -errno, "keep the owner of");
	if (r == 0)
		r = unpacking_xattrs_at(u);
	if (r == 0 && utimensat(u->parent, u->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = unpacking_fail(u, -errno, "set the time of");
	return r;
}

static int check_room(struct unpacking *u)
{
	bool folder = u->reader.member.type == TAR_FOLDER;
	struct stat st;

	if (fstatat(u->parent, u->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : unpacking_fail(u, -errno, "unpack");
	if (S_ISDIR(st.st_mode) && !folder)
		return unpacking_fail(u, -EISDIR, "make");
	if (!S_ISDIR(st.st_mode) && folder)
		return unpacking_fail(u, -ENOTDIR, "make the folder");
	return 0;
}

static int unpack_member(struct unpacking *u)
{
	int r = normalise(u->path, u->reader.path, u->unpack->only);

	if (r < 0)
		return unpacking_fail(u, r, "unpack");
	/* The destination stays as it is. */
	if (!u->path[0])
		return u->reader.member.type == TAR_FOLDER ? 0 : unpacking_fail(u, -EISDIR, "make");
	r = finish_folders(u, u->path);
	if (r == 0)
		r = find_parent(u);
	if (r == 0)
		r = check_room(u);
	if (r < 0)
		return r;
	switch (u->reader.member.type) {
	case TAR_FILE:
		return unpacking_file(u);
	case TAR_FOLDER:
		return unpack_folder(u);
	case TAR_HARDLINK:
		return unpack_hardlink(u);
	default:
		return unpack_special(u);
	}
}

/* Whoever writes it shall not hear that nobody reads it any more. */
static int read_rest(struct unpacking *u)
{
	const struct tar_unpack *unpack = u->unpack;
	size_t total = 0;
	ssize_t n;

	do {
		n = unpack->get(unpack->userdata, u->reader.buffer, sizeof(u->reader.buffer));
		total += n > 0 ? (size_t)n : 0;
	} while (n > 0 && total < REST_MAX);
	return n < 0 ? (int)n : 0;
}

static int unpack_all(struct unpacking *u)
{
	int r;

	while ((r = tar_read_next(&u->reader)) > 0) {
		if (u->unpack->flags & TAR_UNPACK_NOW)
			u->reader.member.mtime.tv_nsec = UTIME_OMIT;
		r = unpack_member(u);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = read_rest(u);
	if (r < 0)
		return tar_trouble_set(u->trouble, r, "read the archive", "");
	return finish_folders(u, NULL);
}

int tar_unpack(const struct tar_unpack *unpack, struct tar_trouble *trouble)
{
	struct unpacking *u = mmap(NULL, sizeof(*u), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	mode_t mask;
	int r;

	tar_trouble_clear(trouble);
	if (u == MAP_FAILED)
		return tar_trouble_set(trouble, -ENOMEM, "unpack", "");
	u->unpack = unpack;
	u->trouble = trouble;
	u->owners = geteuid() == 0 && !(unpack->flags & TAR_UNPACK_OWN);
	u->parent = -EBADF;
	u->reader.get = unpack->get;
	u->reader.userdata = unpack->userdata;
	mask = umask(0);
	if (unpack->flags & TAR_UNPACK_MASKED)
		u->mask = mask;
	r = unpack_all(u);
	(void)umask(mask);
	fd_close(u->parent);
	(void)munmap(u, sizeof(*u));
	return r;
}
