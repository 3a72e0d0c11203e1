/* SPDX-License-Identifier: Apache-2.0 */
#include "image/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char place[] = "/tmp/test-seal-XXXXXX";
static int dir = -EBADF;
static char told[2048];

static void write_file(const char *path, const void *data, size_t len)
{
	_cleanup_close_ int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, data, len), 0);
}

static void begin(void)
{
	test_int(mkdir(place, 0700), 0);
	dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_true(dir >= 0);
}

static void end(void)
{
	dir = fd_close(dir);
	test_int(path_remove_tree(AT_FDCWD, place), 0);
}

static void differs(const char *path, const char *how, void *userdata _unused_)
{
	size_t len = strlen(told);

	(void)snprintf(told + len, sizeof(told) - len, "[%s] %s\n", path, how);
}

static const struct seal_reader reader = {.differs = differs};

static int check(enum image_form form)
{
	struct err err = ERR_NULL;
	int r;

	*told = '\0';
	r = seal_check(dir, form, &reader, &err);
	test_true((r < 0) == (*err.text != '\0'));
	return r;
}

static void expect(enum image_form form, const char *want)
{
	test_int(check(form), 0);
	test_str(told, want);
}

static void seal(enum image_form form, const struct inodes *known)
{
	struct err err = ERR_NULL;

	(void)unlinkat(dir, seal_name(form), 0);
	test_int(seal_write(dir, form, known, &err), 0);
	expect(form, "");
}

/* Folders */

static void begin_folder(void)
{
	begin();
	test_int(mkdirat(dir, "rootfs", 0755), 0);
	test_int(mkdirat(dir, "rootfs/d", 0755), 0);
	write_file("rootfs/d/file", "content", 7);
	write_file("rootfs/one", "1", 1);
	test_int(linkat(dir, "rootfs/one", dir, "rootfs/two", 0), 0);
	test_int(symlinkat("file", dir, "rootfs/d/link"), 0);
	test_int(mkfifoat(dir, "rootfs/d/fifo", 0600), 0);
	seal(IMAGE_FOLDER, NULL);
}

/* struct times - of @path, to be put back */
struct times {
	const char *path;
	struct stat st;
};

static struct times take_times(const char *path)
{
	struct times t = {.path = path};

	test_int(fstatat(dir, path, &t.st, AT_SYMLINK_NOFOLLOW), 0);
	return t;
}

static void put_times(const struct times *t)
{
	const struct timespec times[2] = {t->st.st_atim, t->st.st_mtim};

	test_int(utimensat(dir, t->path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void set_content(void)
{
	struct times t = take_times("rootfs/d/file");

	write_file("rootfs/d/file", "cOntent", 7);
	put_times(&t);
}

static void set_second(void)
{
	struct times t = take_times("rootfs/d/file");

	t.st.st_mtim.tv_sec--;
	put_times(&t);
}

static void set_nanosecond(void)
{
	struct times t = take_times("rootfs/d/file");

	t.st.st_mtim.tv_nsec ^= 1;
	put_times(&t);
}

static void set_mode(void)
{
	test_int(fchmodat(dir, "rootfs/d", 0750, 0), 0);
}

static void set_link(void)
{
	struct times t = take_times("rootfs/d/link"), folder = take_times("rootfs/d");

	test_int(unlinkat(dir, "rootfs/d/link", 0), 0);
	test_int(symlinkat("fil", dir, "rootfs/d/link"), 0);
	put_times(&t);
	put_times(&folder);
}

static void add(void)
{
	struct times folder = take_times("rootfs");

	test_int(symlinkat("x", dir, "rootfs/new\n"), 0);
	put_times(&folder);
}

static void take_away(void)
{
	struct times folder = take_times("rootfs/d");

	test_int(unlinkat(dir, "rootfs/d/fifo", 0), 0);
	put_times(&folder);
}

/* As many names as before, but not the same ones. */
static void link_others(void)
{
	struct times folder = take_times("rootfs"), t = take_times("rootfs/d/file");

	test_int(unlinkat(dir, "rootfs/two", 0), 0);
	test_int(linkat(dir, "rootfs/d/file", dir, "rootfs/two", 0), 0);
	put_times(&folder);
	put_times(&t);
	write_file("rootfs/two", "1", 1);
	t.path = "rootfs/one";
	t.st = take_times("rootfs/two").st;
	put_times(&t);
}

static const struct {
	void (*change)(void);
	const char *want;
} changes[] = {
	{set_content, "[d/file] differs: content\n"},
	{set_second, "[d/file] differs: time\n"},
	{set_nanosecond, "[d/file] differs: time\n"},
	{set_mode, "[d] differs: mode\n"},
	{set_link, "[d/link] differs: size, content\n"},
	{add, "[new\n] added\n"},
	{take_away, "[d/fifo] missing\n"},
};

static void every_change_is_told(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		begin_folder();
		changes[i].change();
		expect(IMAGE_FOLDER, changes[i].want);
		end();
	}
}

static void names_of_one_file_are_told(void)
{
	begin_folder();
	link_others();
	test_int(check(IMAGE_FOLDER), 0);
	test_true(strstr(told, "[one] differs:"));
	test_true(strstr(told, "number of names, names"));
	end();
}

static void extended_attributes_are_told(void)
{
	_cleanup_free_ char *path = NULL;

	begin_folder();
	path = xasprintf("%s/rootfs/one", place);
	if (setxattr(path, "user.b", "1", 1, 0) == 0) {
		expect(IMAGE_FOLDER, "[one] differs: extended attributes\n"
				     "[two] differs: extended attributes\n");
		seal(IMAGE_FOLDER, NULL);
		test_int(setxattr(path, "user.b", "2", 1, 0), 0);
		test_int(check(IMAGE_FOLDER), 0);
		test_true(*told);
	} else {
		printf("# no user.* there\n");
	}
	end();
}

/* They are not read again to be described, and so it is seen if they were not what was said. */
static void known_checksums_are_taken(void)
{
	struct inodes known = {.n = 0};
	struct times t;

	begin_folder();
	t = take_times("rootfs/d/file");
	inodes_add(&known, t.st.st_dev, t.st.st_ino, sum_of("content", 7));
	seal(IMAGE_FOLDER, &known);
	inodes_add(&known, t.st.st_dev, t.st.st_ino, 1);
	test_int(unlinkat(dir, seal_name(IMAGE_FOLDER), 0), 0);
	test_int(seal_write(dir, IMAGE_FOLDER, &known, NULL), 0);
	expect(IMAGE_FOLDER, "[d/file] differs: content\n");
	inodes_done(&known);
	end();
}

/* Descriptions */

static void it_is_made_once(void)
{
	struct err err = ERR_NULL;

	begin_folder();
	test_int(seal_write(dir, IMAGE_FOLDER, NULL, &err), -EEXIST);
	expect(IMAGE_FOLDER, "");
	end();
}

/* Any byte of it, and any length. */
static void damage_is_noticed(void)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	begin_folder();
	test_int(file_slurp_at(dir, "rootfs.sums", 100000, &text, &len), 0);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 4;
		write_file("rootfs.sums", text, len);
		test_int(check(IMAGE_FOLDER), -EBADMSG);
		text[i] ^= 4;
		write_file("rootfs.sums", text, i);
		test_int(check(IMAGE_FOLDER), -EBADMSG);
		test_str(told, "");
	}
	write_file("rootfs.sums", text, len);
	expect(IMAGE_FOLDER, "");
	test_int(unlinkat(dir, "rootfs.sums", 0), 0);
	test_int(check(IMAGE_FOLDER), -ENODATA);
	end();
}

/* Whole, but not of this world. */
static void nonsense_is_harmless(void)
{
	static const char *const texts[] = {"", "x", "d/file", "\n\n\n"};
	char text[64];

	begin_folder();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int n = snprintf(text, sizeof(text), "%s%08x\n", texts[i],
				 sum_of(texts[i], strlen(texts[i])));

		write_file("rootfs.sums", text, (size_t)n);
		test_int(check(IMAGE_FOLDER), 0);
		test_true(strstr(told, "[d/file] added\n"));
	}
	end();
}

/* Disks */

#define DISK_SIZE (4 * SEAL_PIECE + 100)

static void patch(off_t at, const char *data)
{
	_cleanup_close_ int fd = openat(dir, "rootfs.ext4", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	test_int(pwrite(fd, data, strlen(data), at), (long long)strlen(data));
}

static void cut(off_t size)
{
	_cleanup_close_ int fd = openat(dir, "rootfs.ext4", O_WRONLY | O_CLOEXEC);

	test_int(ftruncate(fd, size), 0);
}

/* A hole from the second piece to the end of the third. */
static void begin_disk(void)
{
	begin();
	patch(0, "first");
	patch(3 * (off_t)SEAL_PIECE, "fourth");
	patch(4 * (off_t)SEAL_PIECE + 99, "x");
	seal(IMAGE_DISK, NULL);
}

static void every_piece_of_a_disk_counts(void)
{
	begin_disk();
	patch(2 * (off_t)SEAL_PIECE + 7, "x");
	expect(IMAGE_DISK, "[] 1 of its pieces of 65536 bytes differs, that at byte 131072\n");
	patch(4 * (off_t)SEAL_PIECE + 99, "y");
	patch(1, "y");
	expect(IMAGE_DISK, "[] 3 of its pieces of 65536 bytes differ, the first at byte 0\n");
	end();
}

static void zeros_are_as_good_as_a_hole(void)
{
	_cleanup_free_ char *zeros = xcalloc(1, SEAL_PIECE);
	_cleanup_close_ int fd = -EBADF;

	begin_disk();
	fd = openat(dir, "rootfs.ext4", O_WRONLY | O_CLOEXEC);
	test_int(pwrite(fd, zeros, SEAL_PIECE, SEAL_PIECE + 100), SEAL_PIECE);
	expect(IMAGE_DISK, "");
	end();
}

static void the_size_of_a_disk_counts(void)
{
	begin_disk();
	cut(DISK_SIZE + 1);
	expect(IMAGE_DISK, "[] has 262245 bytes instead of 262244\n");
	cut(4 * (off_t)SEAL_PIECE);
	expect(IMAGE_DISK, "[] has 262144 bytes instead of 262244\n");
	cut(0);
	expect(IMAGE_DISK, "[] has 0 bytes instead of 262244\n");
	test_int(unlinkat(dir, "rootfs.ext4", 0), 0);
	test_int(check(IMAGE_DISK), -ENOENT);
	end();
}

int main(void)
{
	test_true(mkdtemp(place));
	test_int(rmdir(place), 0);
	test_run(every_change_is_told);
	test_run(names_of_one_file_are_told);
	test_run(extended_attributes_are_told);
	test_run(known_checksums_are_taken);
	test_run(it_is_made_once);
	test_run(damage_is_noticed);
	test_run(nonsense_is_harmless);
	test_run(every_piece_of_a_disk_counts);
	test_run(zeros_are_as_good_as_a_hole);
	test_run(the_size_of_a_disk_counts);
	return 0;
}
