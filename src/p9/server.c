/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/server.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "p9/request.h"

/* Refused where nothing may be changed; others look for themselves. */
#define CHANGES 1
/* Becomes whoever makes something. */
#define MAKES 2

/**
 * struct request - what a type of message is
 * @answer: what answers it
 * @of: what fid it begins with (p9_fid_of()); 0: with none, or one that is to be
 * @flags: CHANGES, MAKES
 */
struct request {
	p9_request_fn *answer;
	uint8_t of, flags;
};

/* By half of their number: those of answers are odd. */
static const struct request requests[] = {
	[P9_TSTATFS / 2] = {p9_statfs, P9_OF_FILE},
	[P9_TLOPEN / 2] = {p9_lopen, P9_FID_PATH},
	[P9_TLCREATE / 2] = {p9_lcreate, P9_OF_FOLDER, CHANGES | MAKES},
	[P9_TSYMLINK / 2] = {p9_symlink, P9_OF_FOLDER, CHANGES | MAKES},
	[P9_TMKNOD / 2] = {p9_mknod, P9_OF_FOLDER, CHANGES | MAKES},
	[P9_TRENAME / 2] = {p9_rename, P9_OF_FILE, CHANGES},
	[P9_TREADLINK / 2] = {p9_readlink, P9_OF_ANY},
	[P9_TGETATTR / 2] = {p9_getattr, P9_OF_FILE},
	[P9_TSETATTR / 2] = {p9_setattr, P9_OF_FILE, CHANGES},
	[P9_TXATTRWALK / 2] = {p9_xattrwalk, P9_OF_FILE},
	[P9_TXATTRCREATE / 2] = {p9_xattrcreate, P9_FID_PATH, CHANGES},
	[P9_TREADDIR / 2] = {p9_readdir, P9_OF_ANY},
	[P9_TFSYNC / 2] = {p9_fsync, P9_FID_OPENED},
	[P9_TLOCK / 2] = {p9_lock, P9_FID_OPENED},
	[P9_TGETLOCK / 2] = {p9_getlock, P9_FID_OPENED},
	[P9_TLINK / 2] = {p9_link, P9_OF_FOLDER, CHANGES},
	[P9_TMKDIR / 2] = {p9_mkdir, P9_OF_FOLDER, CHANGES | MAKES},
	[P9_TRENAMEAT / 2] = {p9_renameat, P9_OF_FOLDER, CHANGES},
	[P9_TUNLINKAT / 2] = {p9_unlinkat, P9_OF_FOLDER, CHANGES},
	[P9_TVERSION / 2] = {p9_version, 0},
	[P9_TAUTH / 2] = {p9_auth, 0},
	[P9_TATTACH / 2] = {p9_attach, 0},
	[P9_TFLUSH / 2] = {p9_flush, 0},
	[P9_TWALK / 2] = {p9_walk, P9_OF_FILE},
	[P9_TREAD / 2] = {p9_read, P9_OF_ANY},
	[P9_TWRITE / 2] = {p9_write, P9_OF_ANY},
	[P9_TCLUNK / 2] = {p9_clunk, P9_OF_ANY},
	[P9_TREMOVE / 2] = {p9_remove, P9_OF_ANY},
};

void p9_server_init(struct p9_server *s, const struct p9_server_args *args)
{
	memset(s, 0, sizeof(*s));
	s->root = args->root;
	s->readonly = args->readonly;
	s->told = args->told;
	p9_fids_init(&s->fids, args->max_fids);
	p9_who_init(&s->who, args->fixed, args->parent);
}

void p9_server_reset(struct p9_server *s)
{
	p9_fids_clear(&s->fids);
	while (s->n_trees > 0)
		fd_close(s->tree[--s->n_trees].fd);
	s->devs.n = 0;
	s->msize = 0;
}

void p9_server_deinit(struct p9_server *s)
{
	p9_server_reset(s);
	p9_fids_deinit(&s->fids);
}

uint32_t p9_server_limit(const struct p9_server *s)
{
	return s->msize > 0 ? s->msize : P9_MSIZE_MIN;
}

static int answer(struct p9_server *s, uint8_t type, struct p9_in *in, struct p9_out *out)
{
	const struct request *request;
	struct p9_fid *fid = NULL;
	int r = 0;

	if (type % 2 != 0 || type / 2 >= ARRAY_SIZE(requests) || !requests[type / 2].answer)
		return -EOPNOTSUPP;
	request = &requests[type / 2];
	if (request->flags & CHANGES && s->readonly)
		return -EROFS;
	if (request->of)
		r = p9_fid_of(s, p9_get_u32(in), request->of, &fid);
	if (r < 0)
		return r;
	if (!(request->flags & MAKES))
		p9_who_own(&s->who);
	return request->answer(s, fid, in, out);
}

bool p9_tell_once(bool *told)
{
	bool first = !*told;

	*told = true;
	return first;
}

static void tell_limit(struct p9_server *s, int error)
{
	if (error != -ENFILE || !s->told || !p9_tell_once(s->told))
		return;
	log_warn("a guest has %u files of a volume open or in its cache: it gets no more",
		 s->fids.n);
}

static void begin(struct p9_out *out, uint8_t type, uint16_t tag)
{
	out->len = 0;
	out->full = false;
	p9_put_u32(out, 0);
	p9_put_u8(out, type);
	p9_put_u16(out, tag);
}

int p9_server_answer(struct p9_server *s, const uint8_t *msg, size_t len, uint8_t *buf,
		     size_t *ret_len)
{
	struct p9_in in = {.at = msg + sizeof(uint32_t), .left = len - sizeof(uint32_t)};
	struct p9_out out = {.at = buf, .max = p9_server_limit(s)};
	uint8_t type = p9_get_u8(&in);
	uint16_t tag = p9_get_u16(&in);
	int r;

	if (s->msize == 0 && type != P9_TVERSION)
		return -EPROTO;
	begin(&out, type + 1, tag);
	r = answer(s, type, &in, &out);
	if (in.bad)
		return -EPROTO;
	if (r >= 0 && out.full)
		r = -EMSGSIZE;
	if (r < 0) {
		tell_limit(s, r);
		begin(&out, P9_RLERROR, tag);
		p9_put_u32(&out, (uint32_t)-r);
	}
	p9_set_u32(&out, 0, (uint32_t)out.len);
	*ret_len = out.len;
	return 0;
}
