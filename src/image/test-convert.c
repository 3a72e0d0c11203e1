/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test-proc.h"
#include "base/test.h"
#include "image/convert.h"
#include "image/ext4-read/ext4-read.h"
#include "image/ext4/ext4.h"
#include "image/xattr.h"
#include "tar/write.h"

/*
 * File systems with a byte that is another, and such that end too early: whatever is said of them, it is
 * said in a sentence, and by nobody who has read what is not theirs.
 */

#define SIZE_MAX_READ (4 << 20)

static int count(void *userdata, const void *data _unused_, size_t len)
{
	*(uint64_t *)userdata += len;
	return 0;
}

/* Return: 0, or negative errno, with a message. */
static int convert(int fd, uint64_t *ret_bytes, struct err *err)
{
	const struct image_get_options opts = {.max_bytes = 64 << 20, .max_entries = 1000};
	struct tar_writer tar = {.put = count, .userdata = ret_bytes};
	struct convert_walk walk = {.tar = &tar, .opts = &opts};
	int r = ext4r_open(fd, &walk.fs, err);

	*ret_bytes = 0;
	if (r == 0)
		r = convert_walk(&walk, err);
	ext4r_free(walk.fs);
	return r;
}

static void check_sentence(const struct err *err, int r)
{
	test_int(err->code, r);
	test_true(*err->text);
	for (const char *p = err->text; *p; p++)
		test_true((unsigned char)*p >= ' ');
}

/* Return: whether it was refused. */
static bool try(int fd)
{
	struct err err = ERR_NULL;
	uint64_t bytes;
	int r = convert(fd, &bytes, &err);

	if (r < 0)
		check_sentence(&err, r);
	return r < 0;
}

static void put(struct ext4 *fs, uint32_t node, const char *text, size_t len)
{
	test_int(ext4_file_begin(fs, node, len), 0);
	test_int(ext4_file_write(fs, text, strlen(text), len - strlen(text)), 0);
	test_int(ext4_file_end(fs), 0);
}

static int own_image(void)
{
	const struct ext4_attr file = {.mode = S_IFREG | 0644, .mtime.tv_sec = -7};
	const struct ext4_attr folder = {.mode = S_IFDIR | 0755}, link = {.mode = S_IFLNK | 0777};
	const struct ext4_attr null = {.mode = S_IFCHR | 0666, .rdev = 0x103};
	const struct xattr x = {"user.many", "value", 5};
	const struct ext4_finish how = {.identity = "test"};
	int fd = memfd_create("own", MFD_CLOEXEC);
	struct ext4 *fs = ext4_new(fd);
	uint32_t dir, node;
	uint64_t needed;
	size_t bad;

	test_int(ext4_make(fs, EXT4_ROOT, "folder", &folder, NULL, &dir), 0);
	/* Enough for an index. */
	for (int i = 0; i < 40; i++) {
		_cleanup_free_ char *name = xasprintf("name%0120d", i);

		test_int(ext4_make(fs, dir, name, &file, NULL, &node), 0);
	}
	put(fs, node, "content behind a hole", 100000);
	test_int(ext4_set_xattrs(fs, node, &x, 1, &bad), 0);
	test_int(ext4_link(fs, EXT4_ROOT, "again", node), 0);
	test_int(ext4_make(fs, EXT4_ROOT, "link", &link, "folder", &node), 0);
	test_int(ext4_make(fs, EXT4_ROOT, "null", &null, NULL, &node), 0);
	test_int(ext4_finish(fs, &how, &needed), 0);
	ext4_free(fs);
	return fd;
}

/* What mke2fs makes of a folder with some of everything. */
static void fill_folder(int dir)
{
	_cleanup_close_ int fd = openat(dir, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	_cleanup_close_ int large = openat(dir, "large", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	char block[1000];

	test_int(fd_write_full(fd, "a few bytes", 11), 0);
	memset(block, 'x', sizeof(block));
	for (off_t i = 0; i < 20; i++)
		test_int(pwrite(large, block, sizeof(block), i * 5000), sizeof(block));
	test_int(mkdirat(dir, "folder", 0755), 0);
	for (int i = 0; i < 10; i++) {
		_cleanup_free_ char *name = xasprintf("folder/a link whose name is long %d", i);

		test_int(symlinkat(i % 2 ? "short"
					 : "a target that does not fit into the inode, but needs "
					   "a block of its own",
				   dir, name),
			 0);
	}
}

static int mke2fs_image(const char *features, const char *block)
{
	char dir[] = "/tmp/caisson-convert-XXXXXX", path[64];
	_cleanup_close_ int folder = -EBADF;
	_cleanup_free_ char *output = NULL;
	struct proc_spec spec = PROC_SPEC_NULL;
	int fd = memfd_create("mke2fs", MFD_CLOEXEC);
	const char *argv[] = {"mke2fs", "-q",	  "-F", "-N",  "64", "-d", dir,
			      "-O",	features, "-b", block, path, NULL};

	test_true(fd >= 0 && mkdtemp(dir));
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill_folder(folder);
	test_int(ftruncate(fd, 1 << 20), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	spec.argv = argv;
	if (test_proc_run(&spec, &output) != 0)
		test_fail("mke2fs: %s", output ? output : "cannot be started");
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return fd;
}

static void flip_all(int fd)
{
	_cleanup_free_ unsigned char *image = xmalloc(SIZE_MAX_READ);
	ssize_t size = pread(fd, image, SIZE_MAX_READ, 0);
	unsigned int refused = 0, random = 1;

	test_true(size > 0);
	test_true(!try(fd));
	for (ssize_t i = 0; i < size; i++) {
		unsigned char byte;

		/* Most bytes are as the one before; of those, some. */
		random = random * 1103515245 + 12345;
		if (i > 0 && image[i] == image[i - 1] && (random >> 16) % 256)
			continue;
		byte = image[i] ^ (random >> 24 ? (unsigned char)(random >> 24) : 1);
		test_int(pwrite(fd, &byte, 1, i), 1);
		refused += try(fd);
		test_int(pwrite(fd, &image[i], 1, i), 1);
	}
	test_true(refused > 100);
	test_true(!try(fd));
	for (ssize_t len = size - 1; len >= 0; len -= 4095) {
		test_int(ftruncate(fd, len), 0);
		test_true(try(fd));
	}
}

static void test_own(void)
{
	_cleanup_close_ int fd = own_image();

	flip_all(fd);
}

static void test_mke2fs(void)
{
	static const char *const kinds[][2] = {
		{"^extents,^64bit,^metadata_csum,^has_journal,^resize_inode", "1024"},
		{"extents,64bit,metadata_csum,^has_journal,^resize_inode", "1024"},
		{"inline_data,^metadata_csum,^has_journal,^resize_inode", "4096"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_close_ int fd = mke2fs_image(kinds[i][0], kinds[i][1]);

		flip_all(fd);
	}
}

static void test_none(void)
{
	_cleanup_close_ int empty = memfd_create("empty", MFD_CLOEXEC);
	_cleanup_close_ int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	test_true(try(empty));
	test_int(ftruncate(empty, 1 << 20), 0);
	test_true(try(empty));
	test_true(try(folder));
}

int main(void)
{
	test_run(test_own);
	test_run(test_mke2fs);
	test_run(test_none);
	return 0;
}
