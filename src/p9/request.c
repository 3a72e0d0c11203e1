/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers begin and end with: fids, and the qids that they answer. */
#include "p9/request.h"

#include <errno.h>

int p9_fid_of(struct p9_server *s, uint32_t number, unsigned int of, struct p9_fid **ret)
{
	struct p9_fid *fid = p9_fid_find(&s->fids, number);

	*ret = fid;
	if (!fid || !(fid->kind & of))
		return -EBADF;
	if ((of & P9_OF_FOLDER) != P9_OF_FOLDER)
		return 0;
	if (fid->alone)
		return -EPERM;
	return fid->type == S_IFDIR ? 0 : -ENOTDIR;
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
