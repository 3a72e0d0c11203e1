/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers begin and end with: fids, and the qids that they answer. */
#include "p9/request.h"

#include <errno.h>

int p9_fid_of(struct p9_server *s, uint32_t number, struct p9_fid **ret)
{
	*ret = p9_fid_find(&s->fids, number);
	return *ret ? 0 : -EBADF;
}

int p9_folder_of(struct p9_server *s, uint32_t number, struct p9_fid **ret)
{
	int r = p9_fid_of(s, number, ret);

	if (r < 0)
		return r;
	if ((*ret)->kind == P9_FID_XATTR_GET || (*ret)->kind == P9_FID_XATTR_SET)
		return -EBADF;
	if ((*ret)->alone)
		return -EPERM;
	return (*ret)->type == S_IFDIR ? 0 : -ENOTDIR;
}

void p9_put_qid_of(struct p9_server *s, struct p9_out *out, const struct statx *st)
{
	const struct p9_qid qid = p9_qid(&s->devs, st);

	p9_put_qid(out, &qid);
}

int p9_put_qid_at(struct p9_server *s, struct p9_out *out, int dirfd, const char *name)
{
	struct statx st;
	int r = p9_stat_at(dirfd, name, &st);

	if (r == 0)
		p9_put_qid_of(s, out, &st);
	return r;
}
