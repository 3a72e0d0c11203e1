/* SPDX-License-Identifier: Apache-2.0 */
/* How a client begins and ends. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "p9/request.h"

#define NOBODY 65534

int p9_version(struct p9_server *s, struct p9_fid *fid _unused_, struct p9_in *in,
	       struct p9_out *out)
{
	uint32_t msize = p9_get_u32(in);
	char version[32];
	int r = p9_get_text(in, version, sizeof(version));

	if (!p9_in_end(in))
		return 0;
	if (msize < P9_MSIZE_MIN)
		return -EINVAL;
	p9_server_reset(s);
	/* A client that does not speak this is told so, and may try another. */
	if (r < 0 || strcmp(version, P9_VERSION) != 0) {
		p9_put_u32(out, msize);
		p9_put_text(out, "unknown", 7);
		return 0;
	}
	s->msize = MIN(msize, P9_MSIZE_MAX);
	p9_put_u32(out, s->msize);
	p9_put_text(out, version, strlen(version));
	return 0;
}

int p9_auth(struct p9_server *s _unused_, struct p9_fid *fid _unused_, struct p9_in *in,
	    struct p9_out *out _unused_)
{
	char text[PATH_MAX];

	(void)p9_get_u32(in);
	(void)p9_get_text(in, text, sizeof(text));
	(void)p9_get_text(in, text, sizeof(text));
	(void)p9_get_u32(in);
	(void)p9_in_end(in);
	/* Whoever has the connection may use it; clients go on without, when told so. */
	return -EOPNOTSUPP;
}

static int attach(struct p9_server *s, uint32_t number, uint32_t uid, const char *aname,
		  struct p9_out *out)
{
	_cleanup_close_ int fd = -EBADF;
	struct p9_fid *fid;
	struct statx st;
	uint8_t tree;
	int r = p9_tree_attach(s, aname, &tree);

	if (r < 0)
		return r;
	fd = fcntl(s->tree[tree].fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = p9_stat(fd, &st);
	if (r == 0)
		r = p9_fid_add(&s->fids, number, fd, &fid);
	if (r < 0)
		return r;
	(void)take_fd(fd);
	fid->tree = tree;
	fid->type = S_IFDIR;
	fid->uid = uid == P9_NOUID ? NOBODY : uid;
	fid->alone = p9_tree_alone(&s->tree[tree]);
	if (fid->alone)
		p9_alone_stat(&st);
	p9_put_qid_of(s, out, &st);
	return 0;
}

int p9_attach(struct p9_server *s, struct p9_fid *fid _unused_, struct p9_in *in,
	      struct p9_out *out)
{
	uint32_t number = p9_get_u32(in), afid = p9_get_u32(in), uid;
	char uname[P9_NAME_SIZE], aname[PATH_MAX];
	int r = p9_get_text(in, uname, sizeof(uname)), r2;

	r2 = p9_get_text(in, aname, sizeof(aname));
	uid = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (r < 0 || r2 < 0)
		return r < 0 ? r : r2;
	if (afid != P9_NOFID)
		return -EBADF;
	return attach(s, number, uid, aname, out);
}

int p9_flush(struct p9_server *s _unused_, struct p9_fid *fid _unused_, struct p9_in *in,
	     struct p9_out *out _unused_)
{
	(void)p9_get_u16(in);
	(void)p9_in_end(in);
	return 0;
}

int p9_clunk(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out _unused_)
{
	int r = 0;

	if (!p9_in_end(in))
		return 0;
	if (fid->kind == P9_FID_XATTR_SET)
		r = p9_xattr_finish(fid);
	p9_fid_remove(&s->fids, fid);
	return r;
}
