/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/msg.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

const uint8_t *p9_get_bytes(struct p9_in *in, size_t len)
{
	const uint8_t *at = in->at;

	if (in->bad || len > in->left) {
		in->bad = true;
		return NULL;
	}
	in->at += len;
	in->left -= len;
	return at;
}

uint8_t p9_get_u8(struct p9_in *in)
{
	const uint8_t *p = p9_get_bytes(in, 1);

	return p ? *p : 0;
}

uint16_t p9_get_u16(struct p9_in *in)
{
	const uint8_t *p = p9_get_bytes(in, sizeof(uint16_t));
	uint16_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

uint32_t p9_get_u32(struct p9_in *in)
{
	const uint8_t *p = p9_get_bytes(in, sizeof(uint32_t));
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t p9_get_u64(struct p9_in *in)
{
	const uint8_t *p = p9_get_bytes(in, sizeof(uint64_t));
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

int p9_get_text(struct p9_in *in, char *buf, size_t size)
{
	size_t len = p9_get_u16(in);
	const uint8_t *p = p9_get_bytes(in, len);

	buf[0] = '\0';
	if (!p)
		return 0;
	if (len >= size)
		return -ENAMETOOLONG;
	if (memchr(p, '\0', len))
		return -EINVAL;
	memcpy(buf, p, len);
	buf[len] = '\0';
	return 0;
}

int p9_get_name(struct p9_in *in, char buf[static P9_NAME_SIZE])
{
	int r = p9_get_text(in, buf, P9_NAME_SIZE);

	if (r < 0 || in->bad)
		return r;
	if (!*buf || strchr(buf, '/') || strcmp(buf, ".") == 0 || strcmp(buf, "..") == 0)
		return -EINVAL;
	return 0;
}

bool p9_in_end(struct p9_in *in)
{
	if (in->left > 0)
		in->bad = true;
	return !in->bad;
}

uint8_t *p9_room(struct p9_out *out, size_t *ret_len)
{
	*ret_len = out->max - out->len;
	return out->at + out->len;
}

static void put(struct p9_out *out, const void *bytes, size_t len)
{
	if (out->full || len > out->max - out->len) {
		out->full = true;
		return;
	}
	memcpy(out->at + out->len, bytes, len);
	out->len += len;
}

void p9_put_u8(struct p9_out *out, uint8_t v)
{
	put(out, &v, sizeof(v));
}

void p9_put_u16(struct p9_out *out, uint16_t v)
{
	v = htole16(v);
	put(out, &v, sizeof(v));
}

void p9_put_u32(struct p9_out *out, uint32_t v)
{
	v = htole32(v);
	put(out, &v, sizeof(v));
}

void p9_put_u64(struct p9_out *out, uint64_t v)
{
	v = htole64(v);
	put(out, &v, sizeof(v));
}

void p9_put_text(struct p9_out *out, const char *s, size_t len)
{
	if (len > UINT16_MAX) {
		out->full = true;
		return;
	}
	p9_put_u16(out, (uint16_t)len);
	put(out, s, len);
}

void p9_put_qid(struct p9_out *out, const struct p9_qid *qid)
{
	p9_put_u8(out, qid->type);
	p9_put_u32(out, qid->version);
	p9_put_u64(out, qid->path);
}

static void set(struct p9_out *out, size_t at, const void *bytes, size_t len)
{
	if (at + len <= out->len)
		memcpy(out->at + at, bytes, len);
}

void p9_set_u16(struct p9_out *out, size_t at, uint16_t v)
{
	v = htole16(v);
	set(out, at, &v, sizeof(v));
}

void p9_set_u32(struct p9_out *out, size_t at, uint32_t v)
{
	v = htole32(v);
	set(out, at, &v, sizeof(v));
}
