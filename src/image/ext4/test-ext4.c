/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test-proc.h"
#include "base/test.h"
#include "image/digest.h"
#include "image/ext4/ext4.h"
#include "image/xattr.h"

/* What is written is looked at by e2fsck and through libext2fs. */

#define BLOCK 4096

struct made {
	int fd;
	struct ext4 *fs;
	char path[64];
	ext2_filsys e2;
};

static void begin(struct made *m)
{
	m->fd = memfd_create("fs", MFD_CLOEXEC);
	test_true(m->fd >= 0);
	(void)snprintf(m->path, sizeof(m->path), "/proc/%d/fd/%d", (int)getpid(), m->fd);
	m->fs = ext4_new(m->fd);
}

static void check(struct made *m)
{
	const char *argv[] = {"e2fsck", "-fn", m->path, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	_cleanup_free_ char *output = NULL;
	int r;

	spec.argv = argv;
	r = test_proc_run(&spec, &output);
	if (r != 0)
		test_fail("e2fsck: %d: %s", r, output ? output : "not started");
}

static void finish(struct made *m, const struct ext4_finish *how)
{
	uint64_t needed;

	test_int(ext4_finish(m->fs, how, &needed), 0);
	ext4_free(m->fs);
	m->fs = NULL;
	check(m);
	test_int(ext2fs_open(m->path, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &m->e2), 0);
}

static void end(struct made *m)
{
	if (m->e2)
		ext2fs_free(m->e2);
	ext4_free(m->fs);
	close(m->fd);
}

static const struct ext4_finish fitting = {.identity = "test"};

static struct ext4_attr attr(mode_t mode)
{
	return (struct ext4_attr){.mode = mode, .mtime = {.tv_sec = 1}, .atime = {.tv_sec = 2}};
}

static uint32_t make(struct made *m, uint32_t dir, const char *name, mode_t mode)
{
	const struct ext4_attr a = attr(mode);
	uint32_t node;

	test_int(ext4_make(m->fs, dir, name, &a, S_ISLNK(mode) ? "target" : NULL, &node), 0);
	return node;
}

static uint32_t make_file(struct made *m, const char *name, const void *data, size_t len)
{
	uint32_t node = make(m, EXT4_ROOT, name, S_IFREG | 0644);

	test_int(ext4_file_begin(m->fs, node, len), 0);
	test_int(ext4_file_write(m->fs, data, len, 0), 0);
	test_int(ext4_file_end(m->fs), 0);
	return node;
}

static ext2_ino_t find(struct made *m, const char *path, struct ext2_inode_large *inode)
{
	ext2_ino_t ino;

	test_int(ext2fs_namei(m->e2, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino), 0);
	test_int(ext2fs_read_inode_full(m->e2, ino, (struct ext2_inode *)inode, sizeof(*inode)), 0);
	return ino;
}

static void read_file(struct made *m, const char *path, uint64_t at, void *data, size_t len)
{
	struct ext2_inode_large inode;
	unsigned int got;
	ext2_file_t file;

	test_int(ext2fs_file_open(m->e2, find(m, path, &inode), 0, &file), 0);
	test_int(ext2fs_file_llseek(file, at, EXT2_SEEK_SET, NULL), 0);
	test_int(ext2fs_file_read(file, data, (unsigned int)len, &got), 0);
	test_int(got, len);
	ext2fs_file_close(file);
}

static void test_nothing(void)
{
	struct made m = {.fd = -1};
	struct stat st;

	begin(&m);
	finish(&m, &fitting);
	test_int(fstat(m.fd, &st), 0);
	test_true(st.st_size < 1 << 20);
	end(&m);
}

static void digest_file(int fd, struct digest *ret)
{
	struct stat st;
	void *p;

	test_int(fstat(fd, &st), 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	test_true(p != MAP_FAILED);
	digest_of(p, (size_t)st.st_size, ret);
	munmap(p, (size_t)st.st_size);
}

/* A few of everything: whoever changes these bytes changes what caches have. */
static void test_golden(void)
{
	const struct xattr xattrs[] = {{"user.long",
					"0123456789abcdef0123456789abcdef0123456789ab"
					"cdef0123456789abcdef0123456789abcdef",
					80},
				       {"user.short", "x", 1}};
	struct made m = {.fd = -1};
	struct digest digest;
	char name[32];
	size_t bad;

	begin(&m);
	(void)make(&m, EXT4_ROOT, "dir", S_IFDIR | 0755);
	(void)make(&m, EXT4_ROOT, "link", S_IFLNK | 0777);
	(void)make(&m, EXT4_ROOT, "fifo", S_IFIFO | 0600);
	test_int(ext4_set_xattrs(m.fs, make_file(&m, "file", "content", 7), xattrs, 2, &bad), 0);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "a name like many others %d", i);
		(void)make(&m, EXT4_ROOT, name, S_IFREG | 0644);
	}
	finish(&m, &fitting);
	digest_file(m.fd, &digest);
	test_str(digest.text,
		 "sha256:964bc999036033fc7f4cbd90b49ca25c9126ae33c4e895695c033ea9b18d0ebd");
	end(&m);
}

static void time_of(int64_t sec, long nsec, uint32_t want, uint32_t want_extra)
{
	struct ext4_attr a = attr(S_IFREG | 0644);
	struct ext2_inode_large inode;
	struct made m = {.fd = -1};
	uint32_t node;

	begin(&m);
	a.mtime = (struct timespec){sec, nsec};
	test_int(ext4_make(m.fs, EXT4_ROOT, "f", &a, NULL, &node), 0);
	finish(&m, &fitting);
	(void)find(&m, "f", &inode);
	test_int(inode.i_mtime, want);
	test_int(inode.i_mtime_extra, want_extra);
	end(&m);
}

/* The rows of inodes.rst, "Inode Timestamps", and beyond its ends. */
static void test_times(void)
{
	time_of(-1, 999999999, 0xffffffff, 999999999u << 2);
	time_of(-0x80000000LL, 0, 0x80000000, 0);
	time_of(0x7fffffff, 1, 0x7fffffff, 1 << 2);
	time_of(0x80000000LL, 0, 0x80000000, 1);
	time_of(0x100000000LL, 0, 0, 1);
	time_of(0x37fffffffLL, 5, 0x7fffffff, 3 | 5 << 2);
	time_of(0x380000000LL, 5, 0x7fffffff, 3);
	time_of(-0x80000001LL, 5, 0x80000000, 0);
}

static void test_attributes(void)
{
	struct ext4_attr a = {.mode = S_IFREG | 07751, .uid = 3000000000, .gid = 4000000000};
	struct ext4_attr device = {.mode = S_IFBLK | 0660, .rdev = makedev(259, 70000)};
	struct ext2_inode_large inode;
	struct made m = {.fd = -1};
	uint32_t node;

	begin(&m);
	test_int(ext4_make(m.fs, EXT4_ROOT, "f", &a, NULL, &node), 0);
	test_int(ext4_make(m.fs, EXT4_ROOT, "b", &device, NULL, &node), 0);
	device.rdev = (dev_t)1 << 40;
	test_int(ext4_make(m.fs, EXT4_ROOT, "c", &device, NULL, &node), -EINVAL);
	test_int(ext4_make(m.fs, EXT4_ROOT, "f", &a, NULL, &node), -EEXIST);
	test_int(ext4_make(m.fs, EXT4_ROOT, "", &a, NULL, &node), -EINVAL);
	test_int(ext4_make(m.fs, node, "x", &a, NULL, &node), -ENOTDIR);
	finish(&m, &fitting);
	(void)find(&m, "f", &inode);
	test_int(inode.i_mode, S_IFREG | 07751);
	test_int(inode_uid(inode), 3000000000);
	test_int(inode_gid(inode), 4000000000);
	(void)find(&m, "b", &inode);
	test_int(inode.i_block[1], 0x111 << 20 | 259 << 8 | 0x70);
	end(&m);
}

/* Every second block: as many extents as blocks, in a tree of two levels. */
static void test_many_extents(void)
{
	const uint32_t n = 3000;
	char data[BLOCK], back[BLOCK];
	struct ext2_inode_large inode;
	struct made m = {.fd = -1};
	uint32_t node;

	begin(&m);
	node = make(&m, EXT4_ROOT, "f", S_IFREG | 0644);
	test_int(ext4_file_begin(m.fs, node, UINT64_C(6) << 30), 0);
	for (uint32_t i = 0; i < n; i++) {
		memset(data, (int)i, sizeof(data));
		test_int(ext4_file_write(m.fs, data, BLOCK, (uint64_t)i * 2 * BLOCK), 0);
	}
	test_int(ext4_file_write(m.fs, "end", 3, (UINT64_C(6) << 30) - 3), 0);
	test_int(ext4_file_end(m.fs), 0);
	finish(&m, &fitting);
	for (uint32_t i = 0; i < n; i += 7) {
		memset(data, (int)i, sizeof(data));
		read_file(&m, "f", (uint64_t)i * 2 * BLOCK, back, BLOCK);
		test_mem(back, data, BLOCK);
	}
	read_file(&m, "f", (UINT64_C(6) << 30) - 3, back, 3);
	test_mem(back, "end", 3);
	(void)find(&m, "f", &inode);
	test_int(EXT2_I_SIZE(&inode), UINT64_C(6) << 30);
	/* Its blocks, and 9 leaves and 1 above them. */
	test_int(inode.i_blocks, (n + 1 + 9 + 1) * 8);
	end(&m);
}

static void test_holes_within_blocks(void)
{
	const uint64_t at[] = {0, 10, 4090, 5000, 20000, 4096 * 8 - 1, 4096 * 8};
	static char want[10 * BLOCK], back[10 * BLOCK];
	struct made m = {.fd = -1};
	uint32_t node;

	begin(&m);
	node = make(&m, EXT4_ROOT, "f", S_IFREG | 0644);
	test_int(ext4_file_begin(m.fs, node, sizeof(want)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		test_int(ext4_file_write(m.fs, "x", 1, at[i]), 0);
		want[at[i]] = 'x';
	}
	test_int(ext4_file_write(m.fs, "x", 1, 0), -EINVAL);
	test_int(ext4_file_write(m.fs, "xx", 2, sizeof(want) - 1), -EINVAL);
	test_int(ext4_file_end(m.fs), 0);
	finish(&m, &fitting);
	read_file(&m, "f", 0, back, sizeof(back));
	test_mem(back, want, sizeof(want));
	end(&m);
}

static bool holds(int fd, const char *text)
{
	struct stat st;
	void *p;
	bool found;

	test_int(fstat(fd, &st), 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	test_true(p != MAP_FAILED);
	found = memmem(p, (size_t)st.st_size, text, strlen(text));
	munmap(p, (size_t)st.st_size);
	return found;
}

/* The blocks of what is removed are used again, or become a hole. */
static void test_removed_content(void)
{
	static char big[40 * BLOCK];
	struct ext2_inode_large old, new;
	struct made m = {.fd = -1};
	uint32_t node;

	begin(&m);
	memset(big, 'b', sizeof(big));
	memcpy(big + 30 * BLOCK, "secret", 6);
	(void)make_file(&m, "gone", big, sizeof(big));
	(void)make_file(&m, "stays", "s", 1);
	test_int(ext4_lookup(m.fs, EXT4_ROOT, "gone", &node), 0);
	test_int(ext4_link(m.fs, EXT4_ROOT, "again", node), 0);
	test_int(ext4_unlink(m.fs, EXT4_ROOT, "gone"), 0);
	test_int(ext4_unlink(m.fs, EXT4_ROOT, "gone"), -ENOENT);
	test_int(ext4_unlink(m.fs, EXT4_ROOT, "again"), 0);
	(void)make_file(&m, "new", big, 5 * BLOCK);
	finish(&m, &fitting);
	(void)find(&m, "stays", &old);
	(void)find(&m, "new", &new);
	test_true(new.i_block[5] < old.i_block[5]);
	test_true(!holds(m.fd, "secret"));
	test_true(holds(m.fd, "bbbb"));
	end(&m);
}

/* A name that comes again is there once, with what it names then. */
static void test_names_that_come_again(void)
{
	struct made m = {.fd = -1};
	uint32_t dir, node, n = 0;

	begin(&m);
	dir = make(&m, EXT4_ROOT, "d", S_IFDIR | 0755);
	for (int i = 0; i < 3; i++) {
		(void)make(&m, dir, "a", S_IFREG | 0644);
		(void)make(&m, dir, "b", S_IFDIR | 0755);
		node = make(&m, dir, "c", S_IFREG | 0644);
		test_int(ext4_unlink(m.fs, dir, i == 1 ? "c" : "a"), 0);
		if (i < 2) {
			test_int(ext4_unlink(m.fs, EXT4_ROOT, "d"), -ENOTEMPTY);
			test_int(ext4_remove_tree(m.fs, EXT4_ROOT, "d"), 0);
			dir = make(&m, EXT4_ROOT, "d", S_IFDIR | 0755);
		}
	}
	for (uint32_t i = ext4_entry_first(m.fs, dir); i; i = ext4_entry_next(m.fs, i))
		n++;
	test_int(n, 2);
	test_int(ext4_lookup(m.fs, dir, "a", &node), -ENOENT);
	(void)make(&m, dir, "a", S_IFREG | 0644);
	finish(&m, &fitting);
	end(&m);
}

static void fill_folder(struct made *m, uint32_t dir, uint32_t n, mode_t mode)
{
	char name[256];

	for (uint32_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%0*u", i % 3 ? 200 : 6, i);
		(void)make(m, dir, name, mode);
	}
}

/* An index of one level and of two; e2fsck looks at the hashes. */
static void test_large_folders(void)
{
	struct ext2_inode_large inode;
	struct made m = {.fd = -1};

	begin(&m);
	fill_folder(&m, make(&m, EXT4_ROOT, "one", S_IFDIR | 0755), 1000, S_IFREG | 0644);
	fill_folder(&m, make(&m, EXT4_ROOT, "two", S_IFDIR | 0755), 100000, S_IFREG | 0644);
	fill_folder(&m, make(&m, EXT4_ROOT, "dirs", S_IFDIR | 0755), 66000, S_IFDIR | 0755);
	finish(&m, &fitting);
	(void)find(&m, "one", &inode);
	test_true(inode.i_flags & EXT2_INDEX_FL);
	(void)find(&m, "two/000999", &inode);
	(void)find(&m, "two", &inode);
	test_true(inode.i_flags & EXT2_INDEX_FL);
	test_int(inode.i_links_count, 2);
	(void)find(&m, "dirs", &inode);
	test_int(inode.i_links_count, 1);
	end(&m);
}

#define CANDIDATES 300000u

struct candidate {
	uint32_t hash, number;
};

static int compare(const void *pa, const void *pb)
{
	const struct candidate *a = pa, *b = pb;

	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static void name_of(uint32_t number, char name[256])
{
	(void)snprintf(name, 256, "%0255u", number);
}

/* Their hashes, in the folders of a file system with this identity, in order. */
static struct candidate *hash_names(const char *identity)
{
	struct candidate *v = xcalloc(CANDIDATES, sizeof(*v));
	struct digest digest;
	uint32_t seed[4], minor;
	char name[256];

	digest_of(identity, strlen(identity), &digest);
	test_int(
		sscanf(digest_hex(&digest), "%8x%8x%8x%8x", &seed[0], &seed[1], &seed[2], &seed[3]),
		4);
	for (uint32_t i = 0; i < CANDIDATES; i++) {
		name_of(i, name);
		v[i].number = i;
		test_int(ext2fs_dirhash(EXT2_HASH_HALF_MD4_UNSIGNED, name, 255, seed, &v[i].hash,
					&minor),
			 0);
	}
	qsort(v, CANDIDATES, sizeof(*v), compare);
	return v;
}

/* Of two names with one hash, the second is in the next block: its hash in the index says so. */
static void test_same_hash_in_two_blocks(void)
{
	const uint32_t in_block = 15, n = 40 * in_block;
	_cleanup_free_ struct candidate *v = hash_names(fitting.identity);
	struct ext2_dx_entry index[42];
	struct ext2_inode_large inode;
	struct made m = {.fd = -1};
	uint32_t dir, at = n, marked = 0;
	char name[256];

	/* The first of the two becomes the last of its block. */
	while (v[at].hash != v[at + 1].hash)
		test_true(++at + n < CANDIDATES);
	begin(&m);
	dir = make(&m, EXT4_ROOT, "d", S_IFDIR | 0755);
	for (uint32_t i = at - (in_block * 20 - 1); i < at + in_block * 20 + 1; i++) {
		name_of(v[i].number, name);
		(void)make(&m, dir, name, S_IFREG | 0644);
	}
	finish(&m, &fitting);
	(void)find(&m, "d", &inode);
	test_int(inode.i_size, 41 * BLOCK);
	test_int(pread(m.fd, index, sizeof(index), (off_t)inode.i_block[5] * BLOCK + 32),
		 sizeof(index));
	for (uint32_t i = 1; i < 40; i++)
		marked += index[i].hash == (v[at].hash | 1);
	test_int(marked, 1);
	end(&m);
}

static void test_too_many_links(void)
{
	struct made m = {.fd = -1};
	uint32_t node, dir;
	char name[16];

	begin(&m);
	dir = make(&m, EXT4_ROOT, "d", S_IFDIR | 0755);
	node = make(&m, dir, "f", S_IFREG | 0644);
	for (int i = 1; i < 65000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		test_int(ext4_link(m.fs, dir, name, node), 0);
	}
	test_int(ext4_link(m.fs, dir, "more", node), -EMLINK);
	test_int(ext4_link(m.fs, EXT4_ROOT, "dir", dir), -EPERM);
	finish(&m, &fitting);
	end(&m);
}

static void test_symlinks(void)
{
	struct ext4_attr a = attr(S_IFLNK | 0777);
	struct ext2_inode_large inode;
	struct made m = {.fd = -1};
	char target[BLOCK], name[16], back[BLOCK];
	uint32_t node;

	memset(target, 't', sizeof(target));
	begin(&m);
	for (int len = 1; len < BLOCK; len = len == 1 ? 59 : len == 60 ? BLOCK - 1 : len + 1) {
		(void)snprintf(name, sizeof(name), "%d", len);
		target[len] = '\0';
		test_int(ext4_make(m.fs, EXT4_ROOT, name, &a, target, &node), 0);
		target[len] = 't';
	}
	test_int(ext4_make(m.fs, EXT4_ROOT, "x", &a, "", &node), -EINVAL);
	finish(&m, &fitting);
	(void)find(&m, ".", &inode);
	test_int(ext2fs_lookup(m.e2, EXT2_ROOT_INO, "59", 2, NULL, &node), 0);
	test_int(ext2fs_read_inode(m.e2, node, (struct ext2_inode *)&inode), 0);
	test_mem(inode.i_block, target, 59);
	test_int(inode.i_blocks, 0);
	test_int(ext2fs_lookup(m.e2, EXT2_ROOT_INO, "4095", 4, NULL, &node), 0);
	test_int(ext2fs_read_inode(m.e2, node, (struct ext2_inode *)&inode), 0);
	test_int(inode.i_size, 4095);
	test_int(pread(m.fd, back, BLOCK, (off_t)inode.i_block[5] * BLOCK), BLOCK);
	test_mem(back, target, 4095);
	end(&m);
}

static void value_is(struct made *m, const char *path, const char *name, const char *want, size_t n)
{
	struct ext2_inode_large inode;
	struct ext2_xattr_handle *h;
	void *value;
	size_t len;

	test_int(ext2fs_xattrs_open(m->e2, find(m, path, &inode), &h), 0);
	test_int(ext2fs_xattrs_read(h), 0);
	test_int(ext2fs_xattr_get(h, name, &value, &len), 0);
	test_int(len, n);
	test_mem(value, want, n);
	ext2fs_free_mem(&value);
	ext2fs_xattrs_close(&h);
}

static void test_xattrs(void)
{
	static char big[3000], huge[BLOCK];
	const struct xattr many[] = {{"user.a", "1", 1},
				     {"user.big", big, sizeof(big)},
				     {"trusted.t", "", 0},
				     {"user.b\xc3\xa9", "2", 1},
				     {"user.a", "last", 4}};
	const struct xattr more[] = {{"user.a", "new", 3}, {"security.x", "s", 1}};
	const struct xattr wrong[] = {{"user.fine", "", 0}, {"other.x", "", 0}};
	const struct xattr large[] = {{"user.fine", "", 0}, {"user.huge", huge, sizeof(huge)}};
	struct made m = {.fd = -1};
	uint32_t node, link;
	size_t bad;

	memset(big, 'B', sizeof(big));
	begin(&m);
	node = make_file(&m, "f", "x", 1);
	link = make(&m, EXT4_ROOT, "l", S_IFLNK | 0777);
	test_int(ext4_set_xattrs(m.fs, node, many, ARRAY_SIZE(many), &bad), 0);
	test_int(ext4_set_xattrs(m.fs, node, more, ARRAY_SIZE(more), &bad), 0);
	test_int(ext4_set_xattrs(m.fs, node, wrong, ARRAY_SIZE(wrong), &bad), -ENOTSUP);
	test_int(bad, 1);
	test_int(ext4_set_xattrs(m.fs, node, large, ARRAY_SIZE(large), &bad), -E2BIG);
	test_int(bad, 1);
	test_int(ext4_set_xattrs(m.fs, link, many, 1, &bad), -EPERM);
	finish(&m, &fitting);
	value_is(&m, "f", "user.a", "new", 3);
	value_is(&m, "f", "user.big", big, sizeof(big));
	value_is(&m, "f", "user.b\xc3\xa9", "2", 1);
	value_is(&m, "f", "trusted.t", "", 0);
	value_is(&m, "f", "security.x", "s", 1);
	end(&m);
}

#define WORD(x)	 (char)(x), 0
#define ANY	 (char)0xff, (char)0xff, (char)0xff, (char)0xff
#define ACL_HEAD 2, 0, 0, 0

static void test_acls(void)
{
	static const char good[] = {
		ACL_HEAD, WORD(1), WORD(7), ANY,      WORD(2), WORD(6), 5,	  0,	   0,  0,
		WORD(4),  WORD(5), ANY,	    WORD(16), WORD(3), ANY,	WORD(32), WORD(1), ANY};
	static const char disk[] = {1,	     0,	      0,	0,	 WORD(1),  WORD(7),
				    WORD(2), WORD(6), 5,	0,	 0,	   0,
				    WORD(4), WORD(5), WORD(16), WORD(3), WORD(32), WORD(1)};
	static const char no_mask[] = {ACL_HEAD, WORD(1), WORD(7), ANY, WORD(2),  WORD(6), 5,  0, 0,
				       0,	 WORD(4), WORD(5), ANY, WORD(32), WORD(1), ANY};
	struct xattr x = {"system.posix_acl_access", good, sizeof(good)};
	struct made m = {.fd = -1};
	struct ext2_inode_large inode;
	char raw[sizeof(disk)];
	uint32_t node, ino;
	uint64_t at;
	size_t bad;

	begin(&m);
	node = make_file(&m, "f", "x", 1);
	test_int(ext4_set_xattrs(m.fs, node, &x, 1, &bad), 0);
	x.len--;
	test_int(ext4_set_xattrs(m.fs, node, &x, 1, &bad), -EINVAL);
	x.len = 0;
	test_int(ext4_set_xattrs(m.fs, node, &x, 1, &bad), -EINVAL);
	x = (struct xattr){"system.posix_acl_access", no_mask, sizeof(no_mask)};
	test_int(ext4_set_xattrs(m.fs, node, &x, 1, &bad), -EINVAL);
	x = (struct xattr){"system.posix_acl_default", good, sizeof(good)};
	test_int(ext4_set_xattrs(m.fs, node, &x, 1, &bad), -EACCES);
	finish(&m, &fitting);
	ino = find(&m, "f", &inode);
	test_int(inode.i_mode, S_IFREG | 0731);
	at = ext2fs_inode_table_loc(m.e2, 0) * BLOCK + (ino - 1) * 256;
	/* The only value is at the inode's end. */
	test_int(pread(m.fd, raw, sizeof(raw), (off_t)at + 256 - (off_t)sizeof(raw)), sizeof(raw));
	test_mem(raw, disk, sizeof(disk));
	end(&m);
}

static void test_sizes(void)
{
	const struct ext4_finish small = {.size = 1 << 20}, large = {.size = UINT64_C(300) << 30},
				 more = {.extra = 200 << 20};
	static char data[2 << 20];
	struct made m = {.fd = -1};
	uint64_t needed;
	struct stat st;

	memset(data, 1, sizeof(data));
	begin(&m);
	(void)make_file(&m, "f", data, sizeof(data));
	test_int(ext4_finish(m.fs, &small, &needed), -EMSGSIZE);
	test_true(needed > sizeof(data) && needed < 2 * sizeof(data));
	end(&m);
	m = (struct made){.fd = -1};
	begin(&m);
	(void)make_file(&m, "f", data, sizeof(data));
	finish(&m, &large);
	test_int(fstat(m.fd, &st), 0);
	test_int(st.st_size, large.size);
	test_true(st.st_blocks < 16 << 10);
	end(&m);
	m = (struct made){.fd = -1};
	begin(&m);
	(void)make_file(&m, "f", data, sizeof(data));
	finish(&m, &more);
	test_true(ext2fs_free_blocks_count(m.e2->super) * BLOCK >= more.extra - (4 << 20));
	end(&m);
}

/* Content that goes past the copies of superblock and descriptors in groups 1 and 3. */
static void test_past_fixed_blocks(void)
{
	static char data[1 << 20], back[1 << 20];
	struct made m = {.fd = -1};
	uint32_t node;

	begin(&m);
	node = make(&m, EXT4_ROOT, "f", S_IFREG | 0644);
	test_int(ext4_file_begin(m.fs, node, UINT64_C(450) << 20), 0);
	for (uint64_t i = 0; i < 450; i++) {
		memset(data, (int)i + 1, sizeof(data));
		test_int(ext4_file_write(m.fs, data, sizeof(data), i << 20), 0);
	}
	test_int(ext4_file_end(m.fs), 0);
	finish(&m, &fitting);
	for (uint64_t i = 0; i < 450; i += 1 + i % 3) {
		memset(data, (int)i + 1, sizeof(data));
		read_file(&m, "f", i << 20, back, sizeof(back));
		test_mem(back, data, sizeof(data));
	}
	end(&m);
}

static void test_errors_of_the_file(void)
{
	static char data[4 << 20];
	uint64_t needed;
	struct made m = {.fd = -1};
	uint32_t node;

	begin(&m);
	ext4_free(m.fs);
	m.fs = ext4_new(open("/dev/full", O_WRONLY | O_CLOEXEC));
	node = make(&m, EXT4_ROOT, "f", S_IFREG | 0644);
	test_int(ext4_file_begin(m.fs, node, sizeof(data)), 0);
	test_int(ext4_file_write(m.fs, data, sizeof(data), 0), -ENOSPC);
	test_int(ext4_file_end(m.fs), -ENOSPC);
	test_int(ext4_finish(m.fs, &fitting, &needed), -ENOSPC);
	test_int(ext4_file_begin(m.fs, node, UINT64_MAX), -EFBIG);
	end(&m);
}

int main(void)
{
	test_run(test_nothing);
	test_run(test_golden);
	test_run(test_times);
	test_run(test_attributes);
	test_run(test_many_extents);
	test_run(test_holes_within_blocks);
	test_run(test_removed_content);
	test_run(test_names_that_come_again);
	test_run(test_large_folders);
	test_run(test_same_hash_in_two_blocks);
	test_run(test_too_many_links);
	test_run(test_symlinks);
	test_run(test_xattrs);
	test_run(test_acls);
	test_run(test_sizes);
	test_run(test_past_fixed_blocks);
	test_run(test_errors_of_the_file);
	return 0;
}
