/* SPDX-License-Identifier: Apache-2.0 */
#include "image/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/text.h"

#define NAME_TRIES 100

/* ".NAME.PID.N" of a name: what follows the former. Return: is that two numbers? */
static bool is_tmp(const char *rest)
{
	size_t pid = strspn(rest, "0123456789"), n;

	if (pid == 0 || rest[pid] != '.')
		return false;
	n = strspn(rest + pid + 1, "0123456789");
	return n > 0 && rest[pid + 1 + n] == '\0';
}

/* Who is killed while a name is replaced leaves a file, locked by nobody. */
static void sweep(const struct output *o)
{
	_cleanup_free_ char *prefix = xasprintf(".%.200s.", o->name);
	_cleanup_dir_ DIR *dir = dir_open(o->dir, ".");
	const char *name, *rest;

	while (dir && (name = dir_next(dir))) {
		_cleanup_close_ int fd = -EBADF;

		rest = str_starts(name, prefix);
		if (!rest || !is_tmp(rest))
			continue;
		fd = openat(o->dir, name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlinkat(o->dir, name, 0);
	}
}

static char *tmp_name(const struct output *o, int i)
{
	const char *slash = strrchr(o->name, '/');

	/* A name of 255 bytes leaves no room for more. */
	return xasprintf(".%.200s.%d.%d", slash ? slash + 1 : o->name, (int)getpid(), i);
}

/* Without O_TMPFILE, as on some network file systems. */
static int open_named(struct output *o)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		_cleanup_free_ char *name = tmp_name(o, i);

		o->fd = openat(o->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (o->fd >= 0) {
			o->tmp = take_ptr(name);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	o->fd = -EBADF;
	return -errno;
}

static int open_new(struct output *o)
{
	int r = 0;

	o->fd = openat(o->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (o->fd < 0) {
		o->fd = -EBADF;
		r = errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT ? open_named(o)
									      : -errno;
	}
	/* Before it has a name that sweep() looks at, where that can be. */
	if (r == 0)
		(void)flock(o->fd, LOCK_EX | LOCK_NB);
	return r;
}

int output_open(struct output *o, const char *path, struct err *err)
{
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	struct stat st;
	int r;

	/* It is written in several places, and appears all at once. */
	if (strcmp(path, "-") == 0)
		return err_set(err, -EINVAL,
			       "'-' is stdout, where this cannot go: name a file, ./- if it is to "
			       "be called so");
	o->name = xstrdup(slash ? slash + 1 : dir);
	if (slash)
		slash[slash == dir] = '\0';
	if (!*o->name || strcmp(o->name, ".") == 0 || strcmp(o->name, "..") == 0)
		return err_set(err, -EINVAL, "'%s' is not the name of a file", text_of(path));
	o->dir = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dir < 0) {
		o->dir = -EBADF;
		return err_errno(err, -errno, "cannot write to '%s'", text_of(path));
	}
	if (fstatat(o->dir, o->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, -EEXIST, "'%s' is there, and is no regular file",
			       text_of(path));
	sweep(o);
	r = open_new(o);
	return r < 0 ? err_errno(err, r, "cannot write to '%s'", text_of(path)) : 0;
}

int output_open_in(struct output *o, int dir, const char *name, struct err *err)
{
	int r;

	o->name = xstrdup(name);
	o->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (o->dir < 0)
		return err_errno(err, -errno, "cannot write to '%s'", text_of(name));
	r = open_new(o);
	return r < 0 ? err_errno(err, r, "cannot write to '%s'", text_of(name)) : 0;
}

/* A nameless file gets a temporary name, since only rename(2) replaces. */
static int give_name(struct output *o)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", o->fd);
	for (int i = 0; i < NAME_TRIES && !o->tmp; i++) {
		_cleanup_free_ char *name = tmp_name(o, i);

		if (linkat(AT_FDCWD, self, o->dir, name, AT_SYMLINK_FOLLOW) == 0)
			o->tmp = take_ptr(name);
		else if (errno != EEXIST)
			return -errno;
	}
	return o->tmp ? 0 : -EEXIST;
}

int output_commit(struct output *o, struct err *err)
{
	int r = give_name(o);

	if (r == 0 && renameat(o->dir, o->tmp, o->dir, o->name) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot write to '%s'", text_of(o->name));
	free(take_ptr(o->tmp));
	return 0;
}

void output_done(struct output *o)
{
	if (o->tmp)
		(void)unlinkat(o->dir, o->tmp, 0);
	free(take_ptr(o->tmp));
	free(take_ptr(o->name));
	o->fd = fd_close(o->fd);
	o->dir = fd_close(o->dir);
}
