/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/seal.h"
#include "image/store.h"
#include "image/walk.h"
#include "image/xattr.h"

/* What a description says, in its order. */
static const char *const fields[] = {
	"mode",	 "owner",   "size",
	"time",	 "device",  "number of names",
	"names", "content", "extended attributes",
};

/* struct sealer - a walk. @known: of contents; @links: of the first name of those with several */
struct sealer {
	const struct inodes *known;
	struct inodes links;
	int (*take)(struct sealer *s, const char *path, const char *about);
	struct seal_out *out;
	struct list *list;
};

static int add_xattr(const char *path, const char *name, FILE *out)
{
	char value[XATTR_SIZE_MAX];
	ssize_t n = lgetxattr(path, name, value, sizeof(value));

	if (n < 0)
		return -errno;
	fprintf(out, "%s=%zd:", name, n);
	return fwrite(value, 1, (size_t)n, out) == (size_t)n ? 0 : -ENOMEM;
}

/* @list: names, each with a NUL. Sorted: their order is the file system's. */
static int sum_xattrs(const char *path, const char *list, size_t len, uint32_t *ret)
{
	_cleanup_strv_ struct strv names = STRV_NULL;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r = out ? 0 : -ENOMEM;

	for (const char *p = list; p < list + len; p += strlen(p) + 1)
		if (xattr_is_for_us(p))
			strv_add(&names, p);
	strv_sort(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = add_xattr(path, names.v[i], out);
	if (out && fclose(out) != 0)
		r = -ENOMEM;
	if (r == 0 && names.n > 0)
		*ret = sum_of(text, size);
	return r;
}

static int xattrs_of(const struct walk_entry *e, uint32_t *ret)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d/%s", e->dirfd, e->name);
	char list[XATTR_LIST_MAX];
	ssize_t n = llistxattr(path, list, sizeof(list));

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	return n > 0 ? sum_xattrs(path, list, (size_t)n, ret) : 0;
}

static int link_of(const struct walk_entry *e, uint32_t *ret)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(e->dirfd, e->name, target, sizeof(target));

	*ret = n < 0 ? 0 : sum_of(target, (size_t)n);
	return n < 0 ? -errno : 0;
}

static int content_of(const struct sealer *s, const struct walk_entry *e, uint32_t *ret)
{
	_cleanup_close_ int fd = -EBADF;

	if (S_ISLNK(e->st.st_mode))
		return link_of(e, ret);
	if (!S_ISREG(e->st.st_mode))
		return 0;
	*ret = s->known ? inodes_find(s->known, e->st.st_dev, e->st.st_ino) : 0;
	if (*ret)
		return 0;
	fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!s->known)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return sum_file(fd, ret);
}

/* Which of the files with several names it is: a checksum of the first of these. */
static uint32_t links_of(struct sealer *s, const struct walk_entry *e)
{
	const struct stat *st = &e->st;
	uint32_t first;

	if (S_ISDIR(st->st_mode) || st->st_nlink == 1)
		return 0;
	first = inodes_find(&s->links, st->st_dev, st->st_ino);
	if (!first) {
		first = sum_of(e->path, strlen(e->path));
		inodes_add(&s->links, st->st_dev, st->st_ino, first);
	}
	return first;
}

static int describe(const struct walk_entry *e, void *userdata)
{
	struct sealer *s = userdata;
	const struct stat *st = &e->st;
	uint32_t content = 0, xattrs = 0;
	char about[256];
	int r = content_of(s, e, &content);

	if (r == 0)
		r = xattrs_of(e, &xattrs);
	if (r < 0)
		return r;
	(void)snprintf(about, sizeof(about), "%o %u:%u %lld %lld.%09ld %llx %u %08x %08x %08x",
		       st->st_mode, st->st_uid, st->st_gid,
		       S_ISDIR(st->st_mode) ? 0LL : (long long)st->st_size,
		       (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		       (unsigned long long)st->st_rdev,
		       S_ISDIR(st->st_mode) ? 0 : (unsigned int)st->st_nlink, links_of(s, e),
		       content, xattrs);
	return s->take(s, e->path, about);
}

static int walk(struct sealer *s, int dirfd)
{
	_cleanup_close_ int root = openat(dirfd, store_form(IMAGE_FOLDER),
					  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = root < 0 ? -errno : walk_folder(root, describe, s);

	inodes_done(&s->links);
	return r;
}

static int write_entry(struct sealer *s, const char *path, const char *about)
{
	int r = seal_put(s->out, path, strlen(path) + 1);

	return r < 0 ? r : seal_put(s->out, about, strlen(about) + 1);
}

int seal_folder_write(int dirfd, const struct inodes *known, struct seal_out *out)
{
	struct sealer s = {.known = known, .take = write_entry, .out = out};

	return walk(&s, dirfd);
}

/* struct sealed - a file of the description */
struct sealed {
	const char *path, *about;
	bool seen;
};

struct list {
	struct sealed *v;
	size_t n;
	const struct seal_reader *reader;
};

static void tell(const struct list *l, const char *path, const char *how)
{
	l->reader->differs(path, how, l->reader->userdata);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct sealed *)a)->path, ((const struct sealed *)b)->path);
}

static void read_list(struct list *l, const char *text, size_t len)
{
	const char *end = text + len;
	size_t size = 0;

	while (text < end) {
		const char *about = text + strlen(text) + 1;

		if (about >= end)
			break;
		if (l->n == size) {
			size = size ? 2 * size : 1024;
			l->v = xreallocarray(l->v, size, sizeof(*l->v));
		}
		l->v[l->n++] = (struct sealed){.path = text, .about = about};
		text = about + strlen(about) + 1;
	}
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), compare);
}

/* Which fields are not the same? */
static void tell_fields(const struct list *l, const char *path, const char *have, const char *want)
{
	_cleanup_free_ char *how = xstrdup("differs:");
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		size_t a = strcspn(have, " "), b = strcspn(want, " ");

		if (a != b || memcmp(have, want, a) != 0) {
			_cleanup_free_ char *before = how;

			how = xasprintf("%s%s %s", before, n++ ? "," : "", fields[i]);
		}
		have += a + (have[a] != '\0');
		want += b + (want[b] != '\0');
	}
	tell(l, path, how);
}

static int check_entry(struct sealer *s, const char *path, const char *about)
{
	struct list *l = s->list;
	struct sealed key = {.path = path}, *want;

	want = l->n > 0 ? bsearch(&key, l->v, l->n, sizeof(*l->v), compare) : NULL;
	if (!want)
		tell(l, path, "added");
	else if (strcmp(want->about, about) != 0)
		tell_fields(l, path, about, want->about);
	if (want)
		want->seen = true;
	return 0;
}

int seal_folder_check(int dirfd, const char *text, size_t len, const struct seal_reader *reader)
{
	struct list l = {.reader = reader};
	struct sealer s = {.take = check_entry, .list = &l};
	int r;

	read_list(&l, text, len);
	r = walk(&s, dirfd);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		if (!l.v[i].seen)
			tell(&l, l.v[i].path, "missing");
	free(l.v);
	return r;
}
