/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks, which other guests and the host's own programs see. Those between processes of one guest its kernel settles
 * before it asks here.
 *
 * The owner of a lock is the open file (F_OFD_SETLK), as the kernel takes those of a process away with any of its
 * descriptors of the file, and this process has all of the guest's. A client does not say whether a lock is one of
 * flock(2) or of fcntl(2), but flock's are of a whole file: so those are taken both ways.
 */
#include <errno.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW_ARG(fcntl, 1, ~0u, F_OFD_SETLK);
SEAL_ALLOW_ARG(fcntl, 1, ~0u, F_OFD_GETLK);
SEAL_ALLOW(flock);

enum status { SUCCESS, BLOCKED };

#define CLIENT_ID_MAX 256

/**
 * struct ask - what both requests say
 * @range: its type has the numbers that fcntl(2) gives them
 * @process, @client: whose it is
 */
struct ask {
	struct flock range;
	uint32_t process;
	char client[CLIENT_ID_MAX];
};

/* Return: 0, or negative errno, also if @in is bad. */
static int take_ask(const struct p9_fid *fid, struct p9_in *in, bool with_flags, struct ask *ret)
{
	uint8_t type = p9_get_u8(in);
	uint64_t start, length;
	int r;

	/* Whether the client would wait: it asks again. */
	if (with_flags)
		(void)p9_get_u32(in);
	start = p9_get_u64(in);
	length = p9_get_u64(in);
	ret->process = p9_get_u32(in);
	r = p9_get_text(in, ret->client, sizeof(ret->client));
	if (!p9_in_end(in) || type > F_UNLCK || start > INT64_MAX || length > INT64_MAX)
		return -EINVAL;
	ret->range = (struct flock){.l_type = (short)type,
				    .l_whence = SEEK_SET,
				    .l_start = (off_t)start,
				    .l_len = (off_t)length};
	return r == 0 && fid->alone ? -EBADF : r;
}

static int lock_fd_of(const struct p9_fid *fid)
{
	return fid->lock_fd >= 0 ? fid->lock_fd : fid->fd;
}

static int set_range(struct p9_fids *fids, struct p9_fid *fid, struct flock range)
{
	_cleanup_free_ struct p9_ranges *after = p9_ranges_after(fid->locks, &range);

	if (!after || !p9_fids_can_lock(fids, fid, after))
		return -ENOLCK;
	if (fcntl(lock_fd_of(fid), F_OFD_SETLK, &range) < 0)
		return -errno;
	p9_fid_set_locks(fids, fid, take_ptr(after));
	return 0;
}

/* flock(2) needs no file that is open for writing. If there can be none, its own lock is all that there is. */
static int set_for_reader(struct p9_fids *fids, struct p9_fid *fid, const struct flock *range)
{
	struct flock none = *range;

	if (fid->kind != P9_FID_FILE || fid->lock_fd >= 0)
		return 0;
	none.l_type = F_UNLCK;
	(void)set_range(fids, fid, none);
	fid->lock_fd = p9_reopen(fid->fd, O_RDWR);
	if (fid->lock_fd >= 0)
		return set_range(fids, fid, *range);
	return fid->lock_fd == -EMFILE || fid->lock_fd == -ENFILE ? -ENOLCK : 0;
}

static int set_whole(struct p9_fids *fids, struct p9_fid *fid, const struct flock *range)
{
	static const int operations[] = {
		[F_RDLCK] = LOCK_SH | LOCK_NB, [F_WRLCK] = LOCK_EX | LOCK_NB, [F_UNLCK] = LOCK_UN};
	struct flock none = *range;
	int r = fid->kind == P9_FID_DIR ? 0 : set_range(fids, fid, *range);

	if (r == -EBADF)
		r = set_for_reader(fids, fid, range);
	if (r < 0 || flock(fid->fd, operations[range->l_type]) == 0)
		return r;
	r = -errno;
	none.l_type = F_UNLCK;
	(void)set_range(fids, fid, none);
	return r;
}

int p9_lock(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	struct ask ask;
	int r = take_ask(fid, in, true, &ask);

	if (r < 0)
		return r;
	if (ask.range.l_start == 0 && ask.range.l_len == 0)
		r = set_whole(&s->fids, fid, &ask.range);
	else
		r = set_range(&s->fids, fid, ask.range);
	if (r < 0 && r != -EAGAIN && r != -EACCES)
		return r;
	p9_put_u8(out, r < 0 ? BLOCKED : SUCCESS);
	return 0;
}

int p9_getlock(struct p9_server *s _unused_, struct p9_fid *fid, struct p9_in *in,
	       struct p9_out *out)
{
	struct ask ask;
	int r = take_ask(fid, in, false, &ask);

	if (r < 0)
		return r;
	if (fcntl(lock_fd_of(fid), F_OFD_GETLK, &ask.range) < 0)
		return -errno;
	p9_put_u8(out, (uint8_t)ask.range.l_type);
	p9_put_u64(out, (uint64_t)ask.range.l_start);
	p9_put_u64(out, (uint64_t)ask.range.l_len);
	/* Whose it is no number of the client's says. */
	p9_put_u32(out, ask.range.l_type == F_UNLCK ? ask.process : 0);
	p9_put_text(out, ask.client, strlen(ask.client));
	return 0;
}
