/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and creating files. What is neither a file nor a folder is never opened here: it might wait, or act. */
#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "p9/request.h"

#define FLAG_CREATE 0100u
#define FLAG_EXCL   0200u
#define FLAG_TRUNC  01000u

/*
 * The client's flags, which are the same on all architectures, that mean something here. Of the others, O_DIRECT needs
 * buffers that lie well, and who opens a file without waiting need not wait for one.
 */
static const struct {
	uint32_t theirs;
	int ours;
} flags[] = {
	{FLAG_TRUNC, O_TRUNC}, {02000, O_APPEND},  {010000, O_DSYNC},
	{01000000, O_NOATIME}, {04000000, O_SYNC},
};

static int flags_of(uint32_t theirs)
{
	int ours = (int)(theirs & O_ACCMODE);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (theirs & flags[i].theirs)
			ours |= flags[i].ours;
	return ours;
}

static int open_file(struct p9_server *s, struct p9_fid *fid, int path_fd, uint32_t how)
{
	if (how & FLAG_TRUNC)
		p9_who_write(&s->who, fid->uid);
	return p9_reopen(path_fd, flags_of(how));
}

/*
 * What is written at a time: Linux puts that into one piece of its memory to send it by vsock, as much as 64 KiB if it may.
 * Where there is none of that size it does not wait, and the client is done with the connection for good; of 32 KiB,
 * with what belongs to it, there always is.
 */
#define WRITTEN_MAX (28u << 10)

static int put_opened(struct p9_server *s, struct p9_out *out, int fd, uint32_t how)
{
	int r = p9_put_qid_at(s, out, fd, "");

	p9_put_u32(out, (how & O_ACCMODE) != O_RDONLY ? WRITTEN_MAX : 0);
	return r;
}

static void have_opened(struct p9_fid *fid, enum p9_fid_kind kind, int fd)
{
	fd_close(fid->fd);
	fid->fd = fd;
	fid->kind = (uint8_t)kind;
	fid->place = 0;
}

/* The folder around a single file is read without a descriptor. */
static int open_alone(struct p9_server *s, struct p9_fid *fid, uint32_t how, struct p9_out *out)
{
	struct statx st;
	int r;

	if ((how & O_ACCMODE) != O_RDONLY)
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

static int open_folder(struct p9_server *s, struct p9_fid *fid, uint32_t how, struct p9_out *out)
{
	int fd, r;

	if ((how & O_ACCMODE) != O_RDONLY || how & FLAG_TRUNC)
		return -EISDIR;
	fd = p9_reopen(fid->fd, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	r = put_opened(s, out, fd, how);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	have_opened(fid, P9_FID_DIR, fd);
	return 0;
}

int p9_lopen(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	uint32_t how = p9_get_u32(in);
	int fd, r;

	if (!p9_in_end(in))
		return 0;
	if (s->readonly && ((how & O_ACCMODE) != O_RDONLY || how & FLAG_TRUNC))
		return -EROFS;
	if (fid->alone)
		return open_alone(s, fid, how, out);
	if (fid->type == S_IFDIR)
		return open_folder(s, fid, how, out);
	if (fid->type != S_IFREG)
		return fid->type == S_IFLNK ? -ELOOP : -ENXIO;
	fd = open_file(s, fid, fid->fd, how);
	if (fd < 0)
		return fd;
	r = put_opened(s, out, fd, how);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	have_opened(fid, P9_FID_FILE, fd);
	return 0;
}

static int create_new(int dirfd, const char *name, uint32_t flags_, mode_t mode)
{
	const struct open_how how = {
		.flags = (uint64_t)flags_of(flags_ & ~FLAG_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW |
			 O_NOCTTY | O_CLOEXEC,
		.mode = mode & 07777,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Somebody else has made it meanwhile, which may be anything. */
static int open_present(struct p9_server *s, struct p9_fid *dir, const char *name, uint32_t how)
{
	_cleanup_close_ int fd = p9_open_path(dir->fd, name, 0);
	struct statx st;
	int r = fd < 0 ? fd : p9_stat(fd, &st);

	if (r < 0)
		return r;
	if (!S_ISREG(st.stx_mode))
		return S_ISDIR(st.stx_mode) ? -EISDIR : S_ISLNK(st.stx_mode) ? -ELOOP : -ENXIO;
	return open_file(s, dir, fd, how);
}

static int create(struct p9_server *s, struct p9_fid *dir, const char *name, uint32_t how,
		  mode_t mode, gid_t gid)
{
	int fd, r = p9_who_make(&s->who, dir->uid, gid);

	if (r < 0)
		return r;
	fd = create_new(dir->fd, name, how, mode);
	return fd == -EEXIST && !(how & FLAG_EXCL) ? open_present(s, dir, name, how) : fd;
}

int p9_lcreate(struct p9_server *s, struct p9_fid *dir, struct p9_in *in, struct p9_out *out)
{
	char name[P9_NAME_SIZE];
	int fd, r = p9_get_name(in, name);
	uint32_t how, mode, gid;

	how = p9_get_u32(in);
	mode = p9_get_u32(in);
	gid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r < 0)
		return r;
	if (dir->kind != P9_FID_PATH)
		return -EBADF;
	fd = create(s, dir, name, how, mode, gid);
	if (fd < 0)
		return fd;
	r = put_opened(s, out, fd, how);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	have_opened(dir, P9_FID_FILE, fd);
	dir->type = S_IFREG;
	return 0;
}
