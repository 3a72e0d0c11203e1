/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/test-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/fd.h"
#include "base/test.h"
#include "p9/node.h"

int peer_enter_fds(int proc)
{
	_cleanup_close_ int fds = openat(proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fds < 0 ? -errno : p9_enter_fds(fds);
}

static int take(struct peer *p, size_t len)
{
	uint32_t size;
	uint8_t type;

	p->in = (struct p9_in){.at = p->answer, .left = len};
	size = p9_get_u32(&p->in);
	type = p9_get_u8(&p->in);
	test_int(p9_get_u16(&p->in), p->request[5] | p->request[6] << 8);
	test_int(size, len);
	if (type == P9_RLERROR)
		return -(int)p9_get_u32(&p->in);
	test_int(type, p->request[4] + 1);
	return 0;
}

static int over_socket(struct peer *p, size_t len)
{
	uint32_t size;

	if (fd_write_full(p->sock, p->request, len) < 0 ||
	    fd_read_full(p->sock, p->answer, sizeof(size)) != sizeof(size))
		return -EPIPE;
	memcpy(&size, p->answer, sizeof(size));
	test_true(size >= P9_HEADER_LEN && size <= sizeof(p->answer));
	if (fd_read_full(p->sock, p->answer + sizeof(size), size - sizeof(size)) !=
	    (ssize_t)(size - sizeof(size)))
		return -EPIPE;
	return take(p, size);
}

static int send_request(struct peer *p, size_t len)
{
	size_t n;
	int r;

	if (p->sock >= 0)
		return over_socket(p, len);
	r = p9_server_answer(p->server, p->request, len, p->answer, &n);
	return r < 0 ? r : take(p, n);
}

int peer_raw(struct peer *p, const void *bytes, size_t len)
{
	memcpy(p->request, bytes, len);
	return send_request(p, len);
}

static void put_one(struct p9_out *out, char what, va_list *ap)
{
	const struct peer_data *data;
	const char *text;
	size_t room;

	switch (what) {
	case 'b':
		p9_put_u8(out, (uint8_t)va_arg(*ap, int));
		break;
	case 'w':
		p9_put_u16(out, (uint16_t)va_arg(*ap, int));
		break;
	case 'd':
		p9_put_u32(out, va_arg(*ap, uint32_t));
		break;
	case 'q':
		p9_put_u64(out, va_arg(*ap, uint64_t));
		break;
	case 's':
		text = va_arg(*ap, const char *);
		p9_put_text(out, text, strlen(text));
		break;
	case 'D':
		data = va_arg(*ap, const struct peer_data *);
		p9_put_u32(out, data->len);
		memcpy(p9_room(out, &room), data->at, data->len);
		out->len += data->len;
		break;
	default:
		test_fail("format");
	}
}

int peer_call(struct peer *p, enum p9_type type, const char *fmt, ...)
{
	struct p9_out out = {.at = p->request, .max = sizeof(p->request)};
	va_list ap;

	p9_put_u32(&out, 0);
	p9_put_u8(&out, (uint8_t)type);
	p9_put_u16(&out, 7);
	va_start(ap, fmt);
	for (; *fmt; fmt++)
		put_one(&out, *fmt, &ap);
	va_end(ap);
	p9_set_u32(&out, 0, (uint32_t)out.len);
	return send_request(p, out.len);
}

void peer_begin(struct peer *p, uint32_t msize, const char *aname, uint32_t uid)
{
	char version[32];

	test_int(peer_call(p, P9_TVERSION, "ds", msize, P9_VERSION), 0);
	test_int(p9_get_u32(&p->in), msize);
	test_int(p9_get_text(&p->in, version, sizeof(version)), 0);
	test_str(version, P9_VERSION);
	test_int(peer_call(p, P9_TATTACH, "ddssd", 0, P9_NOFID, "", aname, uid), 0);
}

int peer_walk(struct peer *p, uint32_t fid, const char *path)
{
	struct p9_out out = {.at = p->request, .max = sizeof(p->request)};
	uint16_t n = 0, done;
	size_t len;
	int r;

	p9_put_u32(&out, 0);
	p9_put_u8(&out, P9_TWALK);
	p9_put_u16(&out, 7);
	p9_put_u32(&out, 0);
	p9_put_u32(&out, fid);
	p9_put_u16(&out, 0);
	for (; *path; n++) {
		len = strcspn(path, "/");
		p9_put_text(&out, path, len);
		path += path[len] ? len + 1 : len;
	}
	p9_set_u16(&out, P9_HEADER_LEN + 2 * sizeof(uint32_t), n);
	p9_set_u32(&out, 0, (uint32_t)out.len);
	r = send_request(p, out.len);
	if (r < 0)
		return r;
	done = p9_get_u16(&p->in);
	return done == n ? 0 : -ENOENT;
}

int peer_create(struct peer *p, uint32_t fid, const char *name, uint32_t mode, uint32_t gid)
{
	int r = peer_walk(p, fid, "");

	return r < 0 ? r : peer_call(p, P9_TLCREATE, "dsddd", fid, name, 02u | 0100, mode, gid);
}

int peer_attr(struct peer *p, uint32_t fid, struct peer_attr *ret)
{
	int r = peer_call(p, P9_TGETATTR, "dq", fid, UINT64_C(0x7ff));

	if (r < 0)
		return r;
	ret->valid = p9_get_u64(&p->in);
	ret->qid.type = p9_get_u8(&p->in);
	ret->qid.version = p9_get_u32(&p->in);
	ret->qid.path = p9_get_u64(&p->in);
	ret->mode = p9_get_u32(&p->in);
	ret->uid = p9_get_u32(&p->in);
	ret->gid = p9_get_u32(&p->in);
	ret->nlink = p9_get_u64(&p->in);
	ret->rdev = p9_get_u64(&p->in);
	ret->size = p9_get_u64(&p->in);
	ret->blksize = p9_get_u64(&p->in);
	ret->blocks = p9_get_u64(&p->in);
	ret->atime = (int64_t)p9_get_u64(&p->in);
	ret->atime_ns = (int64_t)p9_get_u64(&p->in);
	ret->mtime = (int64_t)p9_get_u64(&p->in);
	ret->mtime_ns = (int64_t)p9_get_u64(&p->in);
	/* Two more times of two numbers, the generation, the version. */
	(void)p9_get_bytes(&p->in, 6 * sizeof(uint64_t));
	test_true(p9_in_end(&p->in));
	return 0;
}

int peer_write(struct peer *p, uint32_t fid, uint64_t offset, const char *text)
{
	const struct peer_data data = {.at = text, .len = (uint32_t)strlen(text)};
	int r = peer_call(p, P9_TWRITE, "dqD", fid, offset, &data);

	return r < 0 ? r : (int)p9_get_u32(&p->in);
}

int peer_read(struct peer *p, uint32_t fid, uint64_t offset, uint32_t count, const char **ret)
{
	int r = peer_call(p, P9_TREAD, "dqd", fid, offset, count);
	uint32_t n;

	if (r < 0)
		return r;
	n = p9_get_u32(&p->in);
	test_int(p->in.left, n);
	((uint8_t *)p->in.at)[n] = '\0';
	*ret = (const char *)p->in.at;
	return (int)n;
}
