/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/parse.h"
#include "overlay/overlay.h"
#include "tar/pack-state.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
/* Without waiting: it may have become a FIFO. */
#define FILE_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC)

static int pack_any(struct packing *p, int dir, const char *name);

int packing_flush(struct packing *p)
{
	size_t n = p->used;

	p->used = 0;
	return n > 0 ? p->pack->put(p->pack->userdata, p->buffer, n) : 0;
}

static int put_buffered(void *userdata, const void *data, size_t len)
{
	struct packing *p = userdata;
	int r = 0;

	while (len > 0 && r == 0) {
		size_t n = MIN(len, sizeof(p->buffer) - p->used);

		memcpy(p->buffer + p->used, data, n);
		p->used += n;
		data = (const char *)data + n;
		len -= n;
		if (p->used == sizeof(p->buffer))
			r = packing_flush(p);
	}
	return r;
}

static int push(struct packing *p, const char *prefix, const char *name)
{
	size_t len = p->len;
	int n = snprintf(p->path + len, sizeof(p->path) - len, "/%s%s", prefix, name);

	if (n < 0 || (size_t)n >= sizeof(p->path) - len) {
		p->path[len] = '\0';
		return packing_fail(p, -ENAMETOOLONG, "pack something in");
	}
	p->len += (size_t)n;
	return 0;
}

static void pop(struct packing *p, size_t len)
{
	p->len = len;
	p->path[len] = '\0';
}

static void fill(const struct packing *p, const struct stat *st, struct tar_member *m)
{
	*m = (struct tar_member){
		.path = p->path,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim,
		.xattrs = p->xattrs,
		.n_xattrs = p->n_xattrs,
	};
}

/* Whoever reads layers knows these names; they are files without anything. */
static int pack_marker(struct packing *p, const char *prefix, const char *name)
{
	struct tar_member m = {.path = p->path, .type = TAR_FILE};
	size_t len = p->len;
	int r = push(p, prefix, name);

	if (r == 0)
		r = tar_write_member(&p->writer, &m);
	pop(p, len);
	return r;
}

/* Can the archive do without it? */
static bool is_skipped(const struct packing *p, int r, uint64_t before)
{
	const struct tar_pack *pack = p->pack;

	return r < 0 && p->trouble->what && p->writer.total == before && pack->skips &&
	       pack->skips(pack->userdata, p->trouble, r);
}

static int pack_entry(struct packing *p, int dir, const char *name)
{
	struct stat st;
	uint64_t before = p->writer.total;
	size_t len = p->len;
	int r;

	if ((p->pack->flags & TAR_PACK_WHITEOUTS) &&
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && overlay_is_whiteout(&st))
		return pack_marker(p, TAR_WHITEOUT, name);
	r = push(p, "", name);
	if (r == 0 && (p->pack->flags & TAR_PACK_WHITEOUTS) && str_starts(name, TAR_WHITEOUT))
		r = packing_fail(p, -EILSEQ, "pack");
	if (r == 0)
		r = pack_any(p, dir, name);
	pop(p, len);
	/* Or has it vanished? */
	if (r != -ENOENT && !is_skipped(p, r, before))
		return r;
	tar_trouble_clear(p->trouble);
	return 0;
}

static int pack_entries(struct packing *p, int fd)
{
	_cleanup_dir_ DIR *dir = dir_open(fd, ".");
	const char *name;
	int r = 0;

	if (!dir)
		return packing_fail(p, -errno, "open");
	while (r == 0 && (name = dir_next(dir)))
		r = pack_entry(p, fd, name);
	return r == 0 && errno != 0 ? packing_fail(p, -errno, "read") : r;
}

/* What is in these is made when it is read, and is not as long as it says, or acts. */
static bool is_of_kernel(int fd)
{
	static const unsigned long types[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC,	    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,	  SECURITYFS_MAGIC, TRACEFS_MAGIC};
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((unsigned long)st.f_type == types[i])
			return true;
	return false;
}

static int pack_folder(struct packing *p, int fd, const struct stat *st)
{
	bool layer = p->pack->flags & TAR_PACK_WHITEOUTS;
	struct tar_member m;
	int r = packing_xattrs(p, fd);

	fill(p, st, &m);
	m.type = TAR_FOLDER;
	if (r == 0)
		r = tar_write_member(&p->writer, &m);
	if (r == 0 && layer && overlay_is_opaque(fd))
		r = pack_marker(p, "", TAR_OPAQUE);
	return r < 0 || is_of_kernel(fd) ? r : pack_entries(p, fd);
}

/* Return: whether it has been packed before, and is a hard link now; or negative errno. */
static int pack_link(struct packing *p, const struct stat *st)
{
	const char *first = st->st_nlink > 1 ? tar_links_find(&p->links, st, p->path) : NULL;
	struct tar_member m;
	int r;

	if (!first)
		return 0;
	p->n_xattrs = 0;
	fill(p, st, &m);
	m.type = TAR_HARDLINK;
	m.link = first;
	r = tar_write_member(&p->writer, &m);
	return r < 0 ? r : 1;
}

static int pack_file(struct packing *p, int fd, const struct stat *st)
{
	struct tar_member m;
	int r = is_of_kernel(fd) ? packing_fail(p, -EMEDIUMTYPE, "copy") : pack_link(p, st);

	if (r != 0)
		return MIN(r, 0);
	r = packing_xattrs(p, fd);
	fill(p, st, &m);
	m.type = TAR_FILE;
	return r < 0 ? r : packing_file(p, fd, &m);
}

static int read_link(struct packing *p, int dir, const char *name)
{
	ssize_t n = readlinkat(dir, name, p->link, sizeof(p->link));

	if (n < 0 || (size_t)n == sizeof(p->link))
		return n < 0 ? -errno : -ENAMETOOLONG;
	p->link[n] = '\0';
	return 0;
}

/* What is not opened: links, devices, FIFOs. */
static int pack_special(struct packing *p, int dir, const char *name, const struct stat *st)
{
	struct tar_member m;
	enum tar_type type;
	int r;

	if (!tar_type_of(st->st_mode, &type))
		return 0;
	r = pack_link(p, st);
	if (r != 0)
		return MIN(r, 0);
	r = packing_xattrs_at(p, dir, name);
	if (r < 0)
		return r;
	fill(p, st, &m);
	m.type = type;
	m.rdev_major = major(st->st_rdev);
	m.rdev_minor = minor(st->st_rdev);
	if (type == TAR_SYMLINK) {
		m.link = p->link;
		r = read_link(p, dir, name);
	}
	if (r == -ENOENT)
		return r;
	return r < 0 ? packing_fail(p, r, "read") : tar_write_member(&p->writer, &m);
}

/* What it is may change between a look and the opening: what was opened counts. */
static int pack_opened(struct packing *p, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return packing_fail(p, -errno, "read");
	if (S_ISDIR(st.st_mode))
		return pack_folder(p, fd, &st);
	return S_ISREG(st.st_mode) ? pack_file(p, fd, &st) : 0;
}

static int pack_any(struct packing *p, int dir, const char *name)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return packing_fail(p, -errno, "read");
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return pack_special(p, dir, name, &st);
	fd = openat(dir, name, S_ISDIR(st.st_mode) ? FOLDER_FLAGS : FILE_FLAGS);
	if (fd < 0)
		return packing_fail(p, -errno, "open");
	return pack_opened(p, fd);
}

static int pack_all(struct packing *p)
{
	const struct tar_pack *pack = p->pack;
	const char *as = pack->as ? pack->as : pack->name;
	int r;

	p->writer = (struct tar_writer){.put = put_buffered, .userdata = p};
	p->len = strlen(as);
	if (p->len >= sizeof(p->path))
		return tar_trouble_set(p->trouble, -ENAMETOOLONG, "pack", as);
	memcpy(p->path, as, p->len + 1);
	r = pack_any(p, pack->dir, pack->name);
	if (is_skipped(p, r, 0))
		r = 0;
	if (r == 0 && !(pack->flags & TAR_PACK_MORE))
		r = tar_write_end(&p->writer);
	return r < 0 ? r : packing_flush(p);
}

int tar_pack(const struct tar_pack *pack, struct tar_trouble *trouble)
{
	struct packing *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r;

	tar_trouble_clear(trouble);
	if (p == MAP_FAILED)
		return tar_trouble_set(trouble, -ENOMEM, "pack", pack->name);
	p->pack = pack;
	p->trouble = trouble;
	r = pack_all(p);
	(void)munmap(p, sizeof(*p));
	return r;
}
