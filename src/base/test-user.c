/* SPDX-License-Identifier: Apache-2.0 */
#include "base/user.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment\n"
			     "broken\n"
			     "bad:x:abc:1::/bad:\n"
			     "huge:x:4294967295:1::/huge:\n"
			     "nobody:x:65534:65533:nobody:/nonexistent:/bin/false\n"
			     "anna:x:1000:1001:Anna:/home/anna:/bin/sh\n"
			     "1000:x:1002:1002::/home/number:/bin/sh\n"
			     "homeless:x:1003:1003:::\n"
			     "last:x:1004:1004::/last:/bin/sh";
static const char group[] = "root:x:0:\n"
			    "wheel:x:10:root,anna\n"
			    "audio:x:29:pulse,anna,bert\n"
			    "almost:x:30:annabel\n"
			    "short:x\n"
			    "anna:x:1001:anna\n"
			    "last:x:77:anna";

static struct user user;

static int text_fd(const char *text, size_t len)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	test_int(write(fd, text, len), (long long)len);
	test_int(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int lookup(const char *spec)
{
	_cleanup_close_ int p = text_fd(passwd, sizeof(passwd) - 1);
	_cleanup_close_ int g = text_fd(group, sizeof(group) - 1);

	memset(&user, 0xff, sizeof(user));
	return user_lookup(spec, p, g, &user);
}

static void check(const char *spec, unsigned int uid, unsigned int gid, const char *home, size_t n)
{
	test_int(lookup(spec), 0);
	test_int(user.uid, uid);
	test_int(user.gid, gid);
	test_str(user.home, home);
	test_int(user.n_groups, n);
}

static void names_and_numbers(void)
{
	check("", 0, 0, "/root", 2);
	check("root", 0, 0, "/root", 2);
	check("anna", 1000, 1001, "/home/anna", 4);
	test_int(user.groups[0], 1001);
	test_int(user.groups[1], 10);
	test_int(user.groups[2], 29);
	test_int(user.groups[3], 77);
	check("last", 1004, 1004, "/last", 1);
	check("homeless", 1003, 1003, "/", 1);
	/* A number is never taken for a name. */
	check("1000", 1000, 1001, "/home/anna", 4);
	check("4711", 4711, 0, "/", 1);
	check("2147483647", 2147483647, 0, "/", 1);
}

static void groups(void)
{
	check("anna:audio", 1000, 29, "/home/anna", 1);
	check("anna:29", 1000, 29, "/home/anna", 1);
	check("5:6", 5, 6, "/", 1);
	test_int(user.groups[0], 6);
	check(":audio", 0, 29, "/root", 1);
	check("anna:", 1000, 1001, "/home/anna", 4);
}

static void unknown(void)
{
	test_int(lookup("carl"), USER_E_NO_USER);
	test_int(lookup("bad"), USER_E_NO_USER);
	test_int(lookup("huge"), USER_E_NO_USER);
	test_int(lookup("anna:nogroup"), USER_E_NO_GROUP);
	test_int(lookup("2147483648"), USER_E_RANGE);
	test_int(lookup("99999999999999999999"), USER_E_RANGE);
	test_int(lookup("0:2147483648"), USER_E_RANGE);
	test_int(lookup("-1"), USER_E_NO_USER);
}

static void without_files(void)
{
	test_int(user_lookup("", -EBADF, -EBADF, &user), 0);
	test_int(user.uid, 0);
	test_str(user.home, "/");
	test_int(user_lookup("7:8", -EBADF, -EBADF, &user), 0);
	test_int(user.uid, 7);
	test_int(user.gid, 8);
	test_int(user_lookup("x", -EBADF, -EBADF, &user), USER_E_NO_USER);
	test_int(user_lookup("7:x", -EBADF, -EBADF, &user), USER_E_NO_GROUP);
}

/* A line longer than any buffer, then a good one; the long line's tail is no line of its own. */
static void long_lines_are_skipped(void)
{
	static const char tail[] = "\nevil:x:0:0::/:\nzoe:x:9:9::/zoe:\n";
	size_t len = 300000;
	char *text = malloc(len + sizeof(tail));
	int fd;

	test_true(text);
	memset(text, 'a', len);
	memcpy(text + 65535, "zoe:x:0:0::/:", 13);
	memcpy(text + len, tail, sizeof(tail));
	fd = text_fd(text, len + sizeof(tail) - 1);
	test_int(user_lookup("zoe", fd, -EBADF, &user), 0);
	test_int(user.uid, 9);
	fd_close(fd);
	free(text);
}

/* A sparse file takes no room, and a long time to read. */
static void large_files_are_refused(void)
{
	static const char line[] = "\nzoe:x:9:9::/zoe:\n";
	int fd = text_fd(passwd, sizeof(passwd) - 1);

	test_int(pwrite(fd, line, sizeof(line) - 1, USER_FILE_MAX - (off_t)sizeof(line)),
		 sizeof(line) - 1);
	test_int(user_lookup("zoe", fd, -EBADF, &user), 0);
	test_int(pwrite(fd, line, sizeof(line) - 1, INT64_C(1) << 40), sizeof(line) - 1);
	test_int(lseek(fd, 0, SEEK_SET), 0);
	test_int(user_lookup("anna", fd, -EBADF, &user), 0);
	test_int(lseek(fd, 0, SEEK_SET), 0);
	test_int(user_lookup("carl", fd, -EBADF, &user), -EFBIG);
	fd_close(fd);
}

static void quotas_hold(void)
{
	char line[64], spec[400];
	int fd = memfd_create("group", MFD_CLOEXEC), p = text_fd(passwd, sizeof(passwd) - 1);

	for (int i = 0; i < USER_GROUPS_MAX + 10; i++) {
		int n = snprintf(line, sizeof(line), "g%d:x:%d:anna\n", i, 5000 + i);

		test_int(write(fd, line, (size_t)n), n);
	}
	test_int(lseek(fd, 0, SEEK_SET), 0);
	test_int(user_lookup("anna", p, fd, &user), 0);
	test_int(user.n_groups, USER_GROUPS_MAX);
	memset(spec, 'u', sizeof(spec) - 1);
	spec[sizeof(spec) - 1] = '\0';
	test_int(user_lookup(spec, p, fd, &user), USER_E_NO_USER);
	fd_close(fd);
	fd_close(p);
}

int main(void)
{
	test_run(names_and_numbers);
	test_run(groups);
	test_run(unknown);
	test_run(without_files);
	test_run(long_lines_are_skipped);
	test_run(large_files_are_refused);
	test_run(quotas_hold);
	return 0;
}
