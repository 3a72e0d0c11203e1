/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/write.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "tar/header.h"

/*
 * What is written is read by others: libarchive, and GNU tar, which makes files of it.
 */

static int archive_fd;
static struct tar_writer writer;

static void begin(void)
{
	archive_fd = memfd_create("archive", MFD_CLOEXEC);
	writer = (struct tar_writer){.put = fd_put, .userdata = &archive_fd};
	test_true(archive_fd >= 0);
}

static void add(const struct tar_member *m, const char *content)
{
	test_int(tar_write_member(&writer, m), 0);
	test_int(tar_content_size(m), strlen(content));
	test_int(tar_write_data(&writer, content, strlen(content)), 0);
	test_int(tar_write_pad(&writer), 0);
}

static void complete(void)
{
	test_int(tar_write_end(&writer), 0);
	test_int(lseek(archive_fd, 0, SEEK_CUR), (long long)writer.total);
	test_int(writer.total % TAR_BLOCK_SIZE, 0);
	test_int(lseek(archive_fd, 0, SEEK_SET), 0);
}

static void add_sparse(const struct tar_member *m)
{
	char first[TAR_BLOCK_SIZE] = "one";

	test_int(tar_write_member(&writer, m), 0);
	test_int(tar_content_size(m), sizeof(first) + 4);
	test_int(tar_write_data(&writer, first, sizeof(first)), 0);
	test_int(tar_write_data(&writer, "two!", 4), 0);
	test_int(tar_write_pad(&writer), 0);
}

static struct archive *reader;
static struct archive_entry *entry;

static void read_back(void)
{
	complete();
	reader = archive_read_new();
	test_int(archive_read_support_format_tar(reader), ARCHIVE_OK);
	test_int(archive_read_open_fd(reader, archive_fd, 10240), ARCHIVE_OK);
}

static void next_is(const char *path)
{
	test_int(archive_read_next_header(reader, &entry), ARCHIVE_OK);
	test_str(archive_entry_pathname(entry), path);
}

static void read_over(void)
{
	test_int(archive_read_next_header(reader, &entry), ARCHIVE_EOF);
	archive_read_free(reader);
	fd_close(archive_fd);
}

static const struct tar_member plain = {
	.path = "folder/plain",
	.type = TAR_FILE,
	.mode = 04751,
	.uid = 1000,
	.gid = 100,
	.size = 5,
	.mtime = {.tv_sec = 1700000000},
};

static void what_ustar_can_say_is_ustar(void)
{
	struct tar_header h;

	begin();
	add(&plain, "hello");
	complete();
	test_int(writer.total, 4 * TAR_BLOCK_SIZE);
	test_int(fd_read_full(archive_fd, &h, sizeof(h)), sizeof(h));
	test_str(h.name, "folder/plain");
	test_int(h.typeflag, '0');
	test_str(h.mode, "0004751");
	test_str(h.uid, "0001750");
	test_str(h.size, "00000000005");
	test_str(h.magic, "ustar");
	test_mem(h.version, "00", 2);
	test_int(strtol(h.chksum, NULL, 8), tar_header_sum(&h));
	fd_close(archive_fd);
}

static char long_path[PATH_MAX], long_link[PATH_MAX];

static void make_long_names(void)
{
	for (size_t i = 0; i < 2990; i++) {
		long_path[i] = i % 200 == 199 ? '/' : (char)('a' + i % 26);
		long_link[i] = i % 100 == 99 ? '/' : '.';
	}
}

static void long_names_and_large_numbers_are_kept(void)
{
	struct tar_member m = plain;

	begin();
	m.path = long_path;
	m.type = TAR_SYMLINK;
	m.link = long_link;
	m.uid = UINT32_MAX - 1;
	m.gid = 2097152;
	add(&m, "");
	m = plain;
	/* A hundred bytes fit, and with the slash of a folder no more. */
	m.path = "0123456789012345678901234567890123456789012345678901234567890123456789"
		 "012345678901234567890123456789";
	add(&m, "hello");
	m.type = TAR_FOLDER;
	add(&m, "");
	read_back();
	next_is(long_path);
	test_str(archive_entry_symlink(entry), long_link);
	test_int(archive_entry_uid(entry), UINT32_MAX - 1);
	test_int(archive_entry_gid(entry), 2097152);
	next_is(m.path);
	test_int(archive_read_next_header(reader, &entry), ARCHIVE_OK);
	test_int(strlen(archive_entry_pathname(entry)), 101);
	read_over();
}

static void a_size_beyond_8_gib_is_kept(void)
{
	struct tar_member m = plain;

	begin();
	m.size = 8ULL << 30;
	test_int(tar_write_member(&writer, &m), 0);
	tar_write_passed(&writer, m.size);
	test_int(tar_write_pad(&writer), 0);
	test_int(lseek(archive_fd, (off_t)writer.total, SEEK_SET), writer.total);
	read_back();
	next_is("folder/plain");
	test_int(archive_entry_size(entry), 8LL << 30);
	archive_read_free(reader);
	fd_close(archive_fd);
}

static void time_is(struct timespec t)
{
	struct tar_member m = plain;

	m.mtime = t;
	begin();
	add(&m, "hello");
	read_back();
	next_is("folder/plain");
	test_int(archive_entry_mtime(entry), t.tv_sec);
	test_int(archive_entry_mtime_nsec(entry), t.tv_nsec);
	read_over();
}

static void times_are_kept(void)
{
	time_is((struct timespec){0, 0});
	time_is((struct timespec){1700000000, 1});
	time_is((struct timespec){1700000000, 120000000});
	time_is((struct timespec){-7, 0});
	time_is((struct timespec){TAR_OCTAL11_MAX, 0});
	time_is((struct timespec){TAR_OCTAL11_MAX + 1, 999999999});
}

/* libarchive reads fractions of negative times otherwise than POSIX and GNU tar have them. */
static void a_negative_fraction_is_of_the_number(void)
{
	struct tar_member m = plain;
	char records[TAR_BLOCK_SIZE];

	begin();
	m.mtime = (struct timespec){-2, 250000000};
	add(&m, "hello");
	test_int(pread(archive_fd, records, sizeof(records), TAR_BLOCK_SIZE), sizeof(records));
	test_str(records, "15 mtime=-1.75\n");
	m.mtime = (struct timespec){INT64_MIN, 0};
	add(&m, "hello");
	complete();
	fd_close(archive_fd);
}

static void attributes_are_kept(void)
{
	static const unsigned char caps[] = {1, 0, 0, 2, 0, '\n', 0, 0, 0xff, '=', 0, 0};
	const struct tar_xattr xattrs[] = {
		{"security.capability", caps, sizeof(caps)},
		{"user.empty", "", 0},
		{"user.name with spaces", "x", 1},
	};
	struct tar_member m = plain;
	const char *name;
	const void *value;
	size_t len;

	begin();
	m.xattrs = xattrs;
	m.n_xattrs = 3;
	add(&m, "hello");
	read_back();
	next_is("folder/plain");
	test_int(archive_entry_xattr_reset(entry), 3);
	while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK)
		if (!strcmp(name, "security.capability")) {
			test_int(len, sizeof(caps));
			test_mem(value, caps, sizeof(caps));
		}
	read_over();
}

static void a_record_s_length_counts_itself(void)
{
	char value[1200], records[3 * TAR_BLOCK_SIZE], end;
	struct tar_xattr xattr = {"user.a", value, 0};
	struct tar_member m = plain;
	int length;

	memset(value, 'v', sizeof(value));
	m.xattrs = &xattr;
	m.n_xattrs = 1;
	for (xattr.len = 0; xattr.len < sizeof(value); xattr.len++) {
		begin();
		add(&m, "hello");
		test_true(pread(archive_fd, records, sizeof(records), TAR_BLOCK_SIZE) > 0);
		length = atoi(records);
		end = records[length - 1];
		test_int(end, '\n');
		test_int(records[length - 2], xattr.len ? 'v' : '=');
		fd_close(archive_fd);
	}
}

static void holes_are_kept(void)
{
	const struct tar_extent extents[] = {{4096, 512}, {1ULL << 35, 4}};
	struct tar_member m = plain;
	int64_t offset;
	const void *data;
	size_t len;

	begin();
	m.sparse = true;
	m.size = (1ULL << 35) + 4096;
	m.extents = extents;
	m.n_extents = 2;
	add_sparse(&m);
	m.n_extents = 0;
	m.path = "all-hole";
	add(&m, "");
	read_back();
	next_is("folder/plain");
	test_int(archive_entry_size(entry), m.size);
	test_int(archive_read_data_block(reader, &data, &len, &offset), ARCHIVE_OK);
	test_int(offset, 4096);
	test_mem(data, "one", 3);
	next_is("all-hole");
	test_int(archive_entry_size(entry), m.size);
	read_over();
}

static void what_is_malformed_is_refused(void)
{
	const struct tar_extent crossed[] = {{0, 512}, {511, 1}}, beyond[] = {{0, 6}},
				odd[] = {{0, 1}, {2, 1}};
	struct tar_member bad[] = {plain, plain, plain, plain, plain, plain, plain, plain};

	bad[0].path = "";
	bad[1].type = TAR_SYMLINK;
	bad[2].mode = 010000;
	bad[3].mtime.tv_nsec = 1000000000;
	bad[4].sparse = bad[5].sparse = true;
	bad[4].extents = crossed;
	bad[4].n_extents = 2;
	bad[5].extents = beyond;
	bad[5].n_extents = 1;
	bad[6].type = '7';
	bad[4].size = 1024;
	bad[7].sparse = true;
	bad[7].extents = odd;
	bad[7].n_extents = 2;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		test_int(tar_write_member(&writer, &bad[i]), -EINVAL);
	test_int(writer.total, 0);
	fd_close(archive_fd);
}

static int puts_left;

static int put_few(void *userdata, const void *data, size_t len)
{
	return puts_left-- > 0 ? 0 : -EPIPE;
}

static int write_all(struct tar_writer *w)
{
	const struct tar_extent extent = {2, 1};
	const struct tar_xattr xattr = {"user.a", "b", 1};
	struct tar_member m = plain;
	int r;

	m.sparse = true;
	m.extents = &extent;
	m.n_extents = 1;
	m.xattrs = &xattr;
	m.n_xattrs = 1;
	r = tar_write_member(w, &m);
	r = r < 0 ? r : tar_write_data(w, "x", 1);
	r = r < 0 ? r : tar_write_pad(w);
	return r < 0 ? r : tar_write_end(w);
}

static void what_put_says_is_passed_on(void)
{
	int n = 0;

	for (;; n++) {
		struct tar_writer w = {.put = put_few};

		puts_left = n;
		if (write_all(&w) == 0)
			break;
		test_int(puts_left, -1);
	}
	test_true(n > 10);
}

/* GNU tar, which makes files of it. */

static char folder[] = "/tmp/caisson-test-XXXXXX";

static void shell(const char *command)
{
	int status = system(command);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		test_fail("%s: %d", command, status);
}

static int unpack_with_gnu_tar(void)
{
	char command[200];

	complete();
	test_true(mkdtemp(folder));
	(void)snprintf(
		command, sizeof(command),
		"tar --xattrs --xattrs-include='*' -C %s -x -p -f /proc/%d/fd/%d 2>/dev/null",
		folder, getpid(), archive_fd);
	shell(command);
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static const struct tar_member gnu_members[] = {
	{.path = long_path, .type = TAR_FILE, .mode = 0644},
	{.path = "dir", .type = TAR_FOLDER, .mode = 01777, .mtime = {-5, 500000000}},
	{.path = "dir/new\nline \xff\xfe",
	 .type = TAR_FILE,
	 .mode = 0600,
	 .mtime = {5000000000, 7}},
	{.path = "dir/hard", .link = "dir/new\nline \xff\xfe", .type = TAR_HARDLINK, .mode = 0600},
	{.path = "dir/fifo", .type = TAR_FIFO, .mode = 0644},
};

static void add_for_gnu_tar(void)
{
	static const struct tar_extent extents[] = {{4096, 512}, {100 << 20, 4}};
	static const struct tar_xattr xattrs[] = {{"user.a=b%3D%", "\0\n=\xff", 4}};
	struct tar_member m = {.path = "dir/sparse",
			       .type = TAR_FILE,
			       .mode = 0640,
			       .size = 200 << 20,
			       .sparse = true,
			       .extents = extents,
			       .n_extents = 2,
			       .xattrs = xattrs,
			       .n_xattrs = 1};

	for (size_t i = 0; i < ARRAY_SIZE(gnu_members); i++)
		add(&gnu_members[i], "");
	add_sparse(&m);
}

static struct stat stat_of(int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		test_fail("%s: %s", name, strerror(errno));
	return st;
}

static void sparse_is_right(int fd)
{
	_cleanup_close_ int file = openat(fd, "dir/sparse", O_RDONLY | O_CLOEXEC);
	char value[8], data[8];

	test_int(stat_of(fd, "dir/sparse").st_size, 200 << 20);
	test_true(stat_of(fd, "dir/sparse").st_blocks < 100);
	test_int(pread(file, data, 4, 100 << 20), 4);
	test_mem(data, "two!", 4);
	/* Where the file system has no such attributes, GNU tar has said so. */
	if (fgetxattr(file, "user.a=b%3D%", value, sizeof(value)) < 0)
		test_int(errno, ENOTSUP);
	else
		test_mem(value, "\0\n=\xff", 4);
}

static void gnu_tar_makes_files_of_it(void)
{
	_cleanup_close_ int fd = -EBADF;
	char command[100];
	struct stat st;

	begin();
	add_for_gnu_tar();
	fd = unpack_with_gnu_tar();
	test_true(fd >= 0);
	st = stat_of(fd, "dir");
	test_int(st.st_mode, S_IFDIR | 01777);
	test_int(st.st_mtim.tv_sec, -5);
	test_int(st.st_mtim.tv_nsec, 500000000);
	st = stat_of(fd, "dir/hard");
	test_int(st.st_nlink, 2);
	test_int(st.st_mtim.tv_sec, 5000000000);
	test_int(st.st_mtim.tv_nsec, 7);
	test_true(S_ISFIFO(stat_of(fd, "dir/fifo").st_mode));
	test_int(stat_of(fd, long_path).st_size, 0);
	sparse_is_right(fd);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	shell(command);
	fd_close(archive_fd);
}

int main(void)
{
	(void)setlocale(LC_ALL, "C.UTF-8");
	make_long_names();
	test_run(what_ustar_can_say_is_ustar);
	test_run(long_names_and_large_numbers_are_kept);
	test_run(a_size_beyond_8_gib_is_kept);
	test_run(times_are_kept);
	test_run(a_negative_fraction_is_of_the_number);
	test_run(attributes_are_kept);
	test_run(a_record_s_length_counts_itself);
	test_run(holes_are_kept);
	test_run(what_is_malformed_is_refused);
	test_run(what_put_says_is_passed_on);
	test_run(gnu_tar_makes_files_of_it);
	return 0;
}
