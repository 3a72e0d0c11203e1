/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/test.h"

#define MANY 5000

static char path[] = "/tmp/caisson-test.XXXXXX";
static const char *const paths[] = {"/", "/a b", "/tab\tnew\nline\\040", "/disk", "/odd\\9"};

static void write_file(const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	test_int(fd_write_full(fd, text, strlen(text)), 0);
}

static void write_lines(void)
{
	write_file("1 0 0:2 / / rw - rootfs none rw\n"
		   "22 1 0:21 / /a\\040b rw,nosuid shared:1 - tmpfs tmpfs rw\n"
		   "broken line\n"
		   "23 1 254:0 / /tab\\011new\\012line\\134040 ro,noatime - ext4 /dev/vda rw\n"
		   "\n"
		   "24 1 254:16 / /disk rw - ext4 /dev/vdb rw\n"
		   "25 1 0:22 / /odd\\9 rwx - tmpfs tmpfs rw\n");
}

static void forwards(void)
{
	static const bool on_device[] = {false, false, true, true, false};
	static const bool writable[] = {true, true, false, true, false};
	struct mountinfo info;
	struct mountinfo_line line;

	write_lines();
	test_int(mountinfo_open(&info, AT_FDCWD, path), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		test_true(mountinfo_next(&info, &line));
		test_str(line.path, paths[i]);
		test_int(line.on_device, on_device[i]);
		test_int(line.writable, writable[i]);
	}
	test_true(!mountinfo_next(&info, &line));
	mountinfo_close(&info);
}

static void backwards(void)
{
	struct mountinfo info;
	struct mountinfo_line line;

	write_lines();
	test_int(mountinfo_open(&info, AT_FDCWD, path), 0);
	for (size_t i = ARRAY_SIZE(paths); i-- > 0;) {
		test_true(mountinfo_previous(&info, &line));
		test_str(line.path, paths[i]);
	}
	test_true(!mountinfo_previous(&info, &line));
	mountinfo_close(&info);
}

static void as_many_as_there_are(void)
{
	static char text[MANY * 64];
	struct mountinfo info;
	struct mountinfo_line line;
	size_t at = 0, n = 0;

	for (int i = 0; i < MANY; i++)
		at += (size_t)sprintf(text + at, "%d 1 0:2 / /m/%d rw - tmpfs tmpfs rw\n", i, i);
	write_file(text);
	test_int(mountinfo_open(&info, AT_FDCWD, path), 0);
	while (mountinfo_previous(&info, &line))
		n++;
	test_int(n, MANY);
	test_str(line.path, "/m/0");
	mountinfo_close(&info);
}

static void nothing_there(void)
{
	struct mountinfo info;
	struct mountinfo_line line;

	write_file("");
	test_int(mountinfo_open(&info, AT_FDCWD, path), 0);
	test_true(!mountinfo_next(&info, &line));
	test_true(!mountinfo_previous(&info, &line));
	mountinfo_close(&info);
	test_int(unlink(path), 0);
	test_int(mountinfo_open(&info, AT_FDCWD, path), -ENOENT);
}

int main(void)
{
	int fd = mkstemp(path);

	test_true(fd >= 0);
	fd_close(fd);
	test_run(forwards);
	test_run(backwards);
	test_run(as_many_as_there_are);
	test_run(nothing_there);
	return 0;
}
