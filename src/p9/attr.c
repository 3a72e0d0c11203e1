/* SPDX-License-Identifier: Apache-2.0 */
/* What files are: mode, owner, size, times; and their file systems. */
#include <errno.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW(fchownat);
SEAL_ALLOW(fchmodat);
SEAL_ALLOW(truncate);
SEAL_ALLOW(utimensat);
SEAL_ALLOW(fstatfs);

/* What is known of a file (Tgetattr), and what of it is to be changed (Tsetattr). */
#define GET_BASIC      0x7ffu
#define GET_BTIME      0x800u

#define SET_MODE       0x001u
#define SET_UID	       0x002u
#define SET_GID	       0x004u
#define SET_SIZE       0x008u
#define SET_ATIME      0x010u
#define SET_MTIME      0x020u
#define SET_ATIME_THIS 0x080u
#define SET_MTIME_THIS 0x100u

/* As it is from clients on: programs that look at it know of no changes that others make. */
#define FS_TYPE 0x01021997u

static void put_time(struct p9_out *out, const struct statx_timestamp *t)
{
	p9_put_u64(out, (uint64_t)t->tv_sec);
	p9_put_u64(out, t->tv_nsec);
}

/* As Linux encodes numbers of devices in 32 bits. */
static uint64_t device(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

static void put_attr(struct p9_server *s, struct p9_out *out, const struct statx *st)
{
	p9_put_u64(out, GET_BASIC | (st->stx_mask & STATX_BTIME ? GET_BTIME : 0));
	p9_put_qid_of(s, out, st);
	p9_put_u32(out, st->stx_mode);
	p9_put_u32(out, st->stx_uid);
	p9_put_u32(out, st->stx_gid);
	p9_put_u64(out, st->stx_nlink);
	p9_put_u64(out, device(st->stx_rdev_major, st->stx_rdev_minor));
	p9_put_u64(out, st->stx_size);
	p9_put_u64(out, st->stx_blksize);
	p9_put_u64(out, st->stx_blocks);
	put_time(out, &st->stx_atime);
	put_time(out, &st->stx_mtime);
	put_time(out, &st->stx_ctime);
	put_time(out, &st->stx_btime);
	/* Its generation, and the version of its data: nobody knows. */
	p9_put_u64(out, 0);
	p9_put_u64(out, 0);
}

int p9_getattr(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	struct statx st;
	int r;

	/* All is told, whatever was asked. */
	(void)p9_get_u64(in);
	if (!p9_in_end(in))
		return 0;
	r = p9_stat(fid->fd, &st);
	if (r < 0)
		return r;
	if (fid->alone)
		p9_alone_stat(&st);
	put_attr(s, out, &st);
	return 0;
}

/**
 * struct change - what Tsetattr says
 */
struct change {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	uint64_t atime[2], mtime[2];
};

static struct change get_change(struct p9_in *in)
{
	struct change c = {.valid = p9_get_u32(in)};

	c.mode = p9_get_u32(in);
	c.uid = p9_get_u32(in);
	c.gid = p9_get_u32(in);
	c.size = p9_get_u64(in);
	c.atime[0] = p9_get_u64(in);
	c.atime[1] = p9_get_u64(in);
	c.mtime[0] = p9_get_u64(in);
	c.mtime[1] = p9_get_u64(in);
	return c;
}

static int set_owner(const struct p9_fid *fid, const struct change *c)
{
	uid_t uid = c->valid & SET_UID ? c->uid : (uid_t)-1;
	gid_t gid = c->valid & SET_GID ? c->gid : (gid_t)-1;

	if (!(c->valid & (SET_UID | SET_GID)))
		return 0;
	return fchownat(fid->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int set_mode(struct p9_server *s, const struct p9_fid *fid, const struct change *c)
{
	char name[P9_FD_NAME_SIZE];

	if (!(c->valid & SET_MODE))
		return 0;
	if (fid->type == S_IFLNK)
		return -EOPNOTSUPP;
	p9_who_set(&s->who);
	return fchmodat(AT_FDCWD, p9_fd_name(fid->fd, name), c->mode & 07777, 0) < 0 ? -errno : 0;
}

static int set_size(struct p9_server *s, const struct p9_fid *fid, const struct change *c)
{
	char name[P9_FD_NAME_SIZE];

	if (!(c->valid & SET_SIZE))
		return 0;
	if (fid->type != S_IFREG)
		return fid->type == S_IFDIR ? -EISDIR : -EINVAL;
	p9_who_write(&s->who, fid->uid);
	/* By its name: the fid need not be open for writing. */
	return truncate(p9_fd_name(fid->fd, name), (off_t)c->size) < 0 ? -errno : 0;
}

static struct timespec time_of(const uint64_t t[2], uint32_t valid, uint32_t set, uint32_t this)
{
	if (!(valid & set))
		return (struct timespec){.tv_nsec = UTIME_OMIT};
	if (!(valid & this))
		return (struct timespec){.tv_nsec = UTIME_NOW};
	return (struct timespec){.tv_sec = (time_t)t[0],
				 .tv_nsec = t[1] < 1000000000 ? (long)t[1] : -1};
}

static int set_times(const struct p9_fid *fid, const struct change *c)
{
	const struct timespec times[2] = {
		time_of(c->atime, c->valid, SET_ATIME, SET_ATIME_THIS),
		time_of(c->mtime, c->valid, SET_MTIME, SET_MTIME_THIS),
	};

	if (!(c->valid & (SET_ATIME | SET_MTIME)))
		return 0;
	return utimensat(fid->fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int p9_setattr(struct p9_server *s, struct p9_fid *fid, struct p9_in *in,
	       struct p9_out *out _unused_)
{
	const struct change c = get_change(in);
	int r;

	if (!p9_in_end(in))
		return 0;
	if (fid->alone)
		return -EPERM;
	/* The mode after the owner: by the latter the kernel takes bits away, which the client has thought of. */
	r = set_owner(fid, &c);
	if (r == 0)
		r = set_size(s, fid, &c);
	if (r == 0)
		r = set_mode(s, fid, &c);
	return r < 0 ? r : set_times(fid, &c);
}

int p9_statfs(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	struct statfs fs;
	uint64_t id;

	if (!p9_in_end(in))
		return 0;
	if (fstatfs(fid->fd, &fs) < 0)
		return -errno;
	id = (uint32_t)fs.f_fsid.__val[0] | (uint64_t)(uint32_t)fs.f_fsid.__val[1] << 32;
	p9_put_u32(out, FS_TYPE);
	p9_put_u32(out, (uint32_t)fs.f_bsize);
	p9_put_u64(out, fs.f_blocks);
	p9_put_u64(out, fs.f_bfree);
	p9_put_u64(out, fs.f_bavail);
	p9_put_u64(out, fs.f_files);
	p9_put_u64(out, fs.f_ffree);
	p9_put_u64(out, id);
	p9_put_u32(out, (uint32_t)fs.f_namelen);
	return 0;
}
