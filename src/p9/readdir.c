/* SPDX-License-Identifier: Apache-2.0 */
/* What is in folders. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW(getdents64);
SEAL_ALLOW(lseek);

/*
 * An entry is 24 bytes and its name here, and in the kernel's answer 20 and its name at least, a multiple of 8. So of
 * a buffer that is 6 / 7 of the room in the answer all entries fit, and the folder's own position is always right
 * behind what the client has got: file systems whose cookies do not survive changes in the folder are never told to
 * go to one, as long as the client reads on.
 */
#define BUF_MAX 32768u

/**
 * struct entry - as getdents64(2) has it
 */
struct entry {
	uint64_t ino;
	uint64_t next;
	uint16_t len;
	uint8_t type;
	char name[];
};

static void put_entry(struct p9_out *out, const struct p9_qid *qid, uint64_t next, uint8_t type,
		      const char *name)
{
	p9_put_qid(out, qid);
	p9_put_u64(out, next);
	p9_put_u8(out, type);
	p9_put_text(out, name, strlen(name));
}

static struct p9_qid qid_of(struct p9_server *s, const struct p9_fid *fid, const struct statx *dir,
			    const struct entry *e)
{
	const struct p9_tree *tree = &s->tree[fid->tree];
	struct p9_qid qid = {.version = 1};
	uint64_t ino = e->ino;

	/* What is above is none of the client's business. */
	if (strcmp(e->name, "..") == 0 && p9_same_file(dir, &tree->st))
		ino = dir->stx_ino;
	if (e->type == DT_DIR)
		qid.type = P9_QT_DIR;
	else if (e->type == DT_LNK)
		qid.type = P9_QT_SYMLINK;
	qid.path = p9_qid_path(&s->devs, dir, ino);
	return qid;
}

/* Return: how many bytes of the buffer the next entries took; 0: there are none; negative errno. */
static long read_some(struct p9_server *s, struct p9_fid *fid, const struct statx *dir, size_t room,
		      struct p9_out *out)
{
	_Alignas(struct entry) static char buf[BUF_MAX];
	long n = syscall(SYS_getdents64, fid->fd, buf, MIN(sizeof(buf), room / 7 * 6));
	const struct entry *e;
	struct p9_qid qid;

	if (n < 0)
		return -errno;
	for (long at = 0; at < n; at += e->len) {
		e = (const struct entry *)(buf + at);
		qid = qid_of(s, fid, dir, e);
		put_entry(out, &qid, e->next, e->type, e->name);
		fid->place = e->next;
	}
	return n;
}

static int read_folder(struct p9_server *s, struct p9_fid *fid, uint64_t offset, size_t room,
		       struct p9_out *out)
{
	const size_t begin = out->len;
	struct statx dir;
	long n = p9_stat(fid->fd, &dir);

	if (n < 0)
		return (int)n;
	if (offset != fid->place && lseek(fid->fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	fid->place = offset;
	do
		n = read_some(s, fid, &dir, room - (out->len - begin), out);
	while (n > 0);
	/* One that does not fit any more is an error only if it is the first. */
	return out->len > begin ? 0 : (int)n;
}

/* ".", ".." and the file. */
static int read_alone(struct p9_server *s, const struct p9_fid *fid, uint64_t offset,
		      struct p9_out *out)
{
	const char *name = p9_tree_name(&s->tree[fid->tree]);
	const char *const names[] = {".", "..", name};
	struct p9_qid file, folder;
	struct statx st;
	int r = p9_stat(fid->fd, &st);

	if (r < 0)
		return r;
	file = p9_qid(&s->devs, &st);
	p9_alone_stat(&st);
	folder = p9_qid(&s->devs, &st);
	for (; offset < ARRAY_SIZE(names); offset++)
		put_entry(out, offset < 2 ? &folder : &file, offset + 1,
			  offset < 2 ? DT_DIR : DT_UNKNOWN, names[offset]);
	return 0;
}

int p9_readdir(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	uint64_t offset = p9_get_u64(in);
	uint32_t count = p9_get_u32(in);
	size_t at = out->len, room;
	int r;

	if (!p9_in_end(in))
		return 0;
	if (fid->kind != P9_FID_DIR)
		return fid->type == S_IFDIR ? -EBADF : -ENOTDIR;
	p9_put_u32(out, 0);
	(void)p9_room(out, &room);
	if (fid->alone)
		r = read_alone(s, fid, offset, out);
	else
		r = read_folder(s, fid, offset, MIN(count, room), out);
	if (r == 0)
		p9_set_u32(out, at, (uint32_t)(out->len - at - sizeof(uint32_t)));
	return r;
}
