/* SPDX-License-Identifier: Apache-2.0 */
/* From one file to another: each step by itself, through no symbolic link. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "p9/request.h"

/**
 * struct place - where a walk has come
 * @fd: owned
 * @alone: in the folder around a single file
 */
struct place {
	int fd;
	struct statx st;
	bool alone;
};

static void place_done(struct place *p)
{
	p->fd = fd_close(p->fd);
}

/* The same descriptor again, or one that is not open for anything. */
static int again(const struct p9_fid *fid)
{
	int fd;

	if (fid->kind & P9_FID_OPENED)
		return p9_reopen(fid->fd, O_PATH);
	fd = fcntl(fid->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

/* Nobody gets above what is attached. */
static int step_up(struct p9_server *s, const struct p9_fid *from, struct place *p)
{
	const struct p9_tree *tree = &s->tree[from->tree];
	const struct p9_fid here = {.fd = p->fd, .tree = from->tree};
	char base[P9_NAME_SIZE];
	int fd;

	if (p9_tree_alone(tree)) {
		p->alone = true;
		p->st = tree->st;
		p9_alone_stat(&p->st);
		return 0;
	}
	if (p9_same_file(&tree->st, &p->st))
		return 0;
	fd = p9_tree_parent(s, &here, base);
	if (fd < 0)
		return fd;
	fd_close(p->fd);
	p->fd = fd;
	return p9_stat(fd, &p->st);
}

static int step_to_alone(const struct p9_tree *tree, const char *name, struct place *p)
{
	if (strcmp(name, p9_tree_name(tree)) != 0)
		return -ENOENT;
	p->alone = false;
	return p9_stat(p->fd, &p->st);
}

static int step(struct p9_server *s, const struct p9_fid *from, const char *name, struct place *p)
{
	int fd;

	if (!S_ISDIR(p->st.stx_mode))
		return -ENOTDIR;
	if (strcmp(name, "..") == 0)
		return step_up(s, from, p);
	if (p->alone)
		return step_to_alone(&s->tree[from->tree], name, p);
	fd = p9_open_path(p->fd, name, 0);
	if (fd < 0)
		return fd;
	fd_close(p->fd);
	p->fd = fd;
	return p9_stat(fd, &p->st);
}

static int next_name(struct p9_in *in, char name[static P9_NAME_SIZE])
{
	struct p9_in at = *in;
	int r;

	r = p9_get_text(in, name, P9_NAME_SIZE);
	if (r == 0 && !in->bad && strcmp(name, "..") == 0)
		return 0;
	*in = at;
	return p9_get_name(in, name);
}

/* Return: how many steps were made; negative errno: not even the first. */
static int steps(struct p9_server *s, const struct p9_fid *from, struct p9_in *in, unsigned int n,
		 struct place *p, struct p9_out *out)
{
	char name[P9_NAME_SIZE];
	unsigned int done;
	int r = 0;

	for (done = 0; done < n && r == 0; done++) {
		r = next_name(in, name);
		if (r == 0)
			r = step(s, from, name, p);
		if (r < 0)
			break;
		p9_put_qid_of(s, out, &p->st);
	}
	return r < 0 && done == 0 ? r : (int)done;
}

static int arrive(struct p9_server *s, struct p9_fid *from, uint32_t number, struct place *p)
{
	const struct p9_fid old = *from;
	struct p9_fid *fid = from;
	int r = 0;

	if (number != from->number)
		r = p9_fid_add(&s->fids, number, p->fd, &fid);
	else
		fd_close(from->fd);
	if (r < 0)
		return r;
	fid->fd = take_fd(p->fd);
	fid->uid = old.uid;
	fid->tree = old.tree;
	fid->alone = p->alone;
	fid->type = p->st.stx_mode & S_IFMT;
	return 0;
}

/* All of the request must be there before any of it is done. */
static bool check_names(struct p9_in in, unsigned int n)
{
	while (n-- > 0)
		(void)p9_get_bytes(&in, p9_get_u16(&in));
	return p9_in_end(&in);
}

static int walk(struct p9_server *s, struct p9_fid *from, uint32_t number, struct p9_in *in,
		unsigned int n, struct p9_out *out)
{
	__attribute__((cleanup(place_done))) struct place p = {.fd = again(from)};
	size_t at = out->len;
	int r;

	if (p.fd < 0)
		return p.fd;
	p.alone = from->alone;
	r = p9_stat(p.fd, &p.st);
	if (p.alone)
		p9_alone_stat(&p.st);
	p9_put_u16(out, 0);
	if (r == 0)
		r = steps(s, from, in, n, &p, out);
	if (r < 0)
		return r;
	p9_set_u16(out, at, (uint16_t)r);
	return r == (int)n ? arrive(s, from, number, &p) : 0;
}

int p9_walk(struct p9_server *s, struct p9_fid *from, struct p9_in *in, struct p9_out *out)
{
	uint32_t number = p9_get_u32(in);
	unsigned int n = p9_get_u16(in);
	bool same = number == from->number;

	if (in->bad || !check_names(*in, n)) {
		in->bad = true;
		return 0;
	}
	if (n > P9_WALK_MAX)
		return -EINVAL;
	/* An open file is not to become another one. */
	if (same ? from->kind != P9_FID_PATH : p9_fid_find(&s->fids, number) != NULL)
		return -EBADF;
	return walk(s, from, number, in, n, out);
}
