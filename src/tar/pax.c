/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/pax.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tar/header.h"

#define NUMBER_MAX 40

/* A record's value may be in two pieces. */
struct piece {
	const void *data;
	size_t len;
};

static void put(struct pax_out *out, const void *data, size_t len)
{
	out->total += len;
	if (out->put && out->error == 0 && len > 0)
		out->error = out->put(out->userdata, data, len);
}

static size_t digits(uint64_t n)
{
	size_t count = 1;

	for (; n >= 10; n /= 10)
		count++;
	return count;
}

/* The length at the beginning of a record counts its own digits. */
static uint64_t record_length(uint64_t rest)
{
	uint64_t len = rest + digits(rest);

	return rest + digits(len);
}

/*
 * In an attribute's name "=" would end the key. As GNU tar does: "%3D" stands for it; so "%" has to be
 * "%25" where it would be taken for one of these two.
 */
static const char *escape(const char *at)
{
	if (*at == '=')
		return "%3D";
	if (*at == '%' && (!strncmp(at, "%3D", 3) || !strncmp(at, "%25", 3)))
		return "%25";
	return NULL;
}

static void put_name(struct pax_out *out, const char *name)
{
	for (; *name; name++) {
		const char *escaped = escape(name);

		put(out, escaped ? escaped : name, escaped ? 3 : 1);
	}
}

static void record(struct pax_out *out, const char *key, const char *name, struct piece first,
		   struct piece second)
{
	struct pax_out count = {.put = NULL};
	char length[NUMBER_MAX];
	uint64_t rest;
	int n;

	put_name(&count, name);
	rest = strlen(" ") + strlen(key) + count.total + strlen("=") + first.len + second.len +
	       strlen("\n");
	n = snprintf(length, sizeof(length), "%" PRIu64 " ", record_length(rest));
	put(out, length, (size_t)n);
	put(out, key, strlen(key));
	put_name(out, name);
	put(out, "=", 1);
	put(out, first.data, first.len);
	put(out, second.data, second.len);
	put(out, "\n", 1);
}

static void text(struct pax_out *out, const char *key, const char *value, const char *more)
{
	record(out, key, "", (struct piece){value, strlen(value)},
	       (struct piece){more, strlen(more)});
}

static void number(struct pax_out *out, const char *key, uint64_t value)
{
	char buf[NUMBER_MAX];

	(void)snprintf(buf, sizeof(buf), "%" PRIu64, value);
	text(out, key, buf, "");
}

/* Of -0.5 s the timespec's seconds are -1. */
static void mtime(struct pax_out *out, const struct timespec *t)
{
	char buf[NUMBER_MAX];
	bool negative = t->tv_sec < 0;
	long nsec = negative && t->tv_nsec > 0 ? 1000000000 - t->tv_nsec : t->tv_nsec;
	/* In unsigned arithmetic: the smallest number has no positive counterpart. */
	uint64_t sec = negative ? 0 - (uint64_t)t->tv_sec - (t->tv_nsec > 0) : (uint64_t)t->tv_sec;
	int n = snprintf(buf, sizeof(buf), "%s%" PRIu64 ".%09ld", negative ? "-" : "", sec, nsec);

	while (buf[n - 1] == '0')
		buf[--n] = '\0';
	if (buf[n - 1] == '.')
		buf[--n] = '\0';
	text(out, "mtime", buf, "");
}

static void sparse(struct pax_out *out, const struct tar_member *m)
{
	number(out, "GNU.sparse.major", 1);
	number(out, "GNU.sparse.minor", 0);
	text(out, "GNU.sparse.name", m->path, "");
	number(out, "GNU.sparse.realsize", m->size);
}

static bool has_link(const struct tar_member *m)
{
	return m->type == TAR_HARDLINK || m->type == TAR_SYMLINK;
}

void pax_records(struct pax_out *out, const struct tar_member *m, const char *slash,
		 uint64_t stored)
{
	struct tar_header *h = NULL;

	if (m->type == TAR_FILE && m->sparse)
		sparse(out, m);
	else if (strlen(m->path) + strlen(slash) > sizeof(h->name))
		text(out, "path", m->path, slash);
	if (has_link(m) && strlen(m->link) > sizeof(h->linkname))
		text(out, "linkpath", m->link, "");
	if (stored > TAR_OCTAL11_MAX)
		number(out, "size", stored);
	if (m->uid > TAR_OCTAL7_MAX)
		number(out, "uid", m->uid);
	if (m->gid > TAR_OCTAL7_MAX)
		number(out, "gid", m->gid);
	if (m->mtime.tv_nsec != 0 || m->mtime.tv_sec < 0 ||
	    (uint64_t)m->mtime.tv_sec > TAR_OCTAL11_MAX)
		mtime(out, &m->mtime);
	for (size_t i = 0; i < m->n_xattrs; i++)
		record(out, "SCHILY.xattr.", m->xattrs[i].name,
		       (struct piece){m->xattrs[i].value, m->xattrs[i].len},
		       (struct piece){NULL, 0});
}
