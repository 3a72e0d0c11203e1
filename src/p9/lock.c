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
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW_ARG(fcntl, 1, ~0u, F_OFD_SETLK);
SEAL_ALLOW_ARG(fcntl, 1, ~0u, F_OFD_GETLK);
SEAL_ALLOW(flock);

enum status { SUCCESS, BLOCKED };

#define CLIENT_ID_MAX 256

/* What both requests say; types have the numbers that fcntl(2) gives them. */
static int get_range(struct p9_in *in, uint8_t type, struct flock *ret)
{
	uint64_t start = p9_get_u64(in), length = p9_get_u64(in);

	*ret = (struct flock){.l_type = (short)type,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)start,
			      .l_len = (off_t)length};
	return type > F_UNLCK || start > INT64_MAX || length > INT64_MAX ? -EINVAL : 0;
}

static int set_range(const struct p9_fid *fid, struct flock range)
{
	int fd = fid->lock_fd >= 0 ? fid->lock_fd : fid->fd;

	range.l_pid = 0;
	return fcntl(fd, F_OFD_SETLK, &range) < 0 ? -errno : 0;
}

/* flock(2) needs no file that is open for writing. If there can be none, its own lock is all that there is. */
static int set_for_reader(struct p9_fid *fid, const struct flock *range)
{
	struct flock none = *range;

	if (fid->kind != P9_FID_FILE || fid->lock_fd >= 0)
		return 0;
	none.l_type = F_UNLCK;
	(void)set_range(fid, none);
	fid->lock_fd = p9_reopen(fid->fd, O_RDWR);
	if (fid->lock_fd >= 0)
		return set_range(fid, *range);
	return fid->lock_fd == -EMFILE || fid->lock_fd == -ENFILE ? -ENOLCK : 0;
}

static int set_whole(struct p9_fid *fid, const struct flock *range)
{
	static const int operations[] = {
		[F_RDLCK] = LOCK_SH | LOCK_NB, [F_WRLCK] = LOCK_EX | LOCK_NB, [F_UNLCK] = LOCK_UN};
	struct flock none = *range;
	int r = fid->kind == P9_FID_DIR ? 0 : set_range(fid, *range);

	if (r == -EBADF)
		r = set_for_reader(fid, range);
	if (r < 0 || flock(fid->fd, operations[range->l_type]) == 0)
		return r;
	r = -errno;
	none.l_type = F_UNLCK;
	(void)set_range(fid, none);
	return r;
}

int p9_lock(struct p9_server *s _unused_, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	uint8_t type = p9_get_u8(in);
	char client[CLIENT_ID_MAX];
	struct flock range;
	int r, r2;

	/* Whether the client would wait: it asks again. */
	(void)p9_get_u32(in);
	r = get_range(in, type, &range);
	(void)p9_get_u32(in);
	r2 = p9_get_text(in, client, sizeof(client));
	if (!p9_in_end(in))
		return 0;
	if (r < 0 || r2 < 0)
		return r < 0 ? r : r2;
	if (fid->alone)
		return -EBADF;
	if (range.l_start == 0 && range.l_len == 0)
		r = set_whole(fid, &range);
	else
		r = set_range(fid, range);
	if (r < 0 && r != -EAGAIN && r != -EACCES)
		return r;
	p9_put_u8(out, r < 0 ? BLOCKED : SUCCESS);
	return 0;
}

int p9_getlock(struct p9_server *s _unused_, struct p9_fid *fid, struct p9_in *in,
	       struct p9_out *out)
{
	uint8_t type = p9_get_u8(in);
	char client[CLIENT_ID_MAX];
	struct flock range;
	int r = get_range(in, type, &range), r2;
	uint32_t process;

	process = p9_get_u32(in);
	r2 = p9_get_text(in, client, sizeof(client));
	if (!p9_in_end(in))
		return 0;
	if (r < 0 || r2 < 0)
		return r < 0 ? r : r2;
	if (fid->alone)
		return -EBADF;
	if (fcntl(fid->lock_fd >= 0 ? fid->lock_fd : fid->fd, F_OFD_GETLK, &range) < 0)
		return -errno;
	p9_put_u8(out, (uint8_t)range.l_type);
	p9_put_u64(out, (uint64_t)range.l_start);
	p9_put_u64(out, (uint64_t)range.l_len);
	/* Whose it is no number of the client's says. */
	p9_put_u32(out, range.l_type == F_UNLCK ? process : 0);
	p9_put_text(out, client, strlen(client));
	return 0;
}
