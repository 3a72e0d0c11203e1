/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and creating files. What is neither a file nor a folder is never opened here: it might wait, or act. */
#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "p9/request.h"

#define FLAG_EXCL  0200u
#define FLAG_TRUNC 01000u

/*
 * The client's flags, which are the same on all architectures, that mean something here. Of the others, O_DIRECT needs
 * buffers that lie well, and who opens a file without waiting need not wait for one.
 */
static const struct {
	uint32_t theirs;
	int ours;
} known[] = {
	{FLAG_TRUNC, O_TRUNC}, {02000, O_APPEND},  {010000, O_DSYNC},
	{01000000, O_NOATIME}, {04000000, O_SYNC},
};

static int flags_of(uint32_t theirs)
{
	int ours = (int)(theirs & O_ACCMODE);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (theirs & known[i].theirs)
			ours |= known[i].ours;
	return ours;
}

static bool only_reads(uint32_t flags)
{
	return (flags & O_ACCMODE) == O_RDONLY;
}

/* @type: of what @path_fd is of */
static int open_file(struct p9_server *s, const struct p9_fid *fid, int path_fd, mode_t type,
		     uint32_t flags)
{
	if (!S_ISREG(type))
		return S_ISDIR(type) ? -EISDIR : S_ISLNK(type) ? -ELOOP : -ENXIO;
	if (flags & FLAG_TRUNC)
		p9_who_write(&s->who, fid->uid);
	return p9_reopen(path_fd, flags_of(flags));
}

/*
 * What is written at a time: Linux puts that into one piece of its memory to send it by vsock, as much as 64 KiB if it may.
 * Where there is none of that size it does not wait, and the client is done with the connection for good; of 32 KiB,
 * with what belongs to it, there always is.
 */
#define WRITTEN_MAX (28u << 10)

/* The fid has what was opened from now on. @fd: taken over in any case; or negative errno, which is returned */
static int opened(struct p9_server *s, struct p9_fid *fid, enum p9_fid_kind kind, int fd,
		  uint32_t flags, struct p9_out *out)
{
	int r = fd < 0 ? fd : p9_put_qid_at(s, out, fd, "");

	if (r < 0) {
		fd_close(fd);
		return r;
	}
	p9_put_u32(out, only_reads(flags) ? 0 : WRITTEN_MAX);
	fd_close(fid->fd);
	fid->fd = fd;
	fid->kind = (uint8_t)kind;
	fid->place = 0;
	return 0;
}

/* The folder around a single file is read without a descriptor. */
static int open_alone(struct p9_server *s, struct p9_fid *fid, uint32_t flags, struct p9_out *out)
{
	struct statx st;
	int r;

	if (!only_reads(flags))
		return -EISDIR;
	r = p9_stat(fid->fd, &st);
	if (r < 0)
		return r;
	p9_alone_stat(&st);
	p9_put_qid_of(s, out, &st);
	p9_put_u32(out, 0);
	fid->kind = P9_FID_DIR;
	fid->place = 0;
	return 0;
}

static int open_folder(struct p9_server *s, struct p9_fid *fid, uint32_t flags, struct p9_out *out)
{
	if (!only_reads(flags) || flags & FLAG_TRUNC)
		return -EISDIR;
	return opened(s, fid, P9_FID_DIR, p9_reopen(fid->fd, O_RDONLY | O_DIRECTORY), flags, out);
}

int p9_lopen(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	uint32_t flags = p9_get_u32(in);
	int fd;

	if (!p9_in_end(in))
		return 0;
	if (s->readonly && (!only_reads(flags) || flags & FLAG_TRUNC))
		return -EROFS;
	if (fid->alone)
		return open_alone(s, fid, flags, out);
	if (fid->type == S_IFDIR)
		return open_folder(s, fid, flags, out);
	fd = open_file(s, fid, fid->fd, fid->type, flags);
	return opened(s, fid, P9_FID_FILE, fd, flags, out);
}

static int create_new(int dirfd, const char *name, uint32_t flags, mode_t mode)
{
	const struct open_how how = {
		.flags = (uint64_t)flags_of(flags & ~FLAG_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW |
			 O_NOCTTY | O_CLOEXEC,
		.mode = mode & 07777,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Somebody else has made it meanwhile, which may be anything. */
static int open_present(struct p9_server *s, struct p9_fid *dir, const char *name, uint32_t flags)
{
	_cleanup_close_ int fd = p9_open_path(dir->fd, name, 0);
	struct statx st;
	int r = fd < 0 ? fd : p9_stat(fd, &st);

	return r < 0 ? r : open_file(s, dir, fd, st.stx_mode, flags);
}

static int create(struct p9_server *s, struct p9_fid *dir, const char *name, uint32_t flags,
		  mode_t mode, gid_t gid)
{
	int fd, r = p9_who_make(&s->who, dir->uid, gid);

	if (r < 0)
		return r;
	fd = create_new(dir->fd, name, flags, mode);
	return fd == -EEXIST && !(flags & FLAG_EXCL) ? open_present(s, dir, name, flags) : fd;
}

int p9_lcreate(struct p9_server *s, struct p9_fid *dir, struct p9_in *in, struct p9_out *out)
{
	char name[P9_NAME_SIZE];
	int r = p9_get_name(in, name);
	uint32_t flags, mode, gid;

	flags = p9_get_u32(in);
	mode = p9_get_u32(in);
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r < 0)
		return r;
	if (dir->kind != P9_FID_PATH)
		return -EBADF;
	r = opened(s, dir, P9_FID_FILE, create(s, dir, name, flags, mode, gid), flags, out);
	if (r == 0)
		dir->type = S_IFREG;
	return r;
}
