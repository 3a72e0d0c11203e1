/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files FOLDER: does in it what programs do with files, as root, and says of each whether it was as it is anywhere. What
 * a step makes it removes.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAPPED	(1 << 20)
#define OBJECTS 300

#define CHECK(what)                                                                    \
	do {                                                                           \
		if (!(what)) {                                                         \
			printf("line %d: %s: %s\n", __LINE__, #what, strerror(errno)); \
			return 1;                                                      \
		}                                                                      \
	} while (0)

static int put(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, mode);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0;
}

static int has(const char *name, const char *text)
{
	char buf[64];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

/* What one writes by memory the other reads, by memory and by read(2), and the other way round. */
static int mapped(void)
{
	int fd = open("map", O_RDWR | O_CREAT | O_EXCL, 0644), other = open("map", O_RDWR);
	unsigned char *a, *b, seen;

	CHECK(fd >= 0 && other >= 0 && ftruncate(fd, MAPPED) == 0);
	a = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, MAPPED, PROT_READ, MAP_SHARED, other, 0);
	CHECK(a != MAP_FAILED && b != MAP_FAILED);
	memset(a, 7, MAPPED);
	CHECK(b[0] == 7 && b[MAPPED - 1] == 7);
	CHECK(msync(a, MAPPED, MS_SYNC) == 0);
	CHECK(pread(other, &seen, 1, MAPPED / 2) == 1 && seen == 7);
	CHECK(pwrite(other, "\x09", 1, 4096) == 1 && a[4096] == 9);
	/* By memory only, and written back when it goes. */
	a[1] = 8;
	CHECK(munmap(a, MAPPED) == 0 && munmap(b, MAPPED) == 0);
	CHECK(pread(fd, &seen, 1, 1) == 1 && seen == 8);
	CHECK(close(fd) == 0 && close(other) == 0);
	return unlink("map");
}

/* It is there until the last one has closed it. */
static int unlinked(void)
{
	int fd = open("gone", O_RDWR | O_CREAT | O_EXCL, 0644);
	struct stat st;
	char buf[8];

	CHECK(fd >= 0 && write(fd, "before", 6) == 6);
	CHECK(unlink("gone") == 0 && access("gone", F_OK) < 0 && errno == ENOENT);
	CHECK(write(fd, "after", 5) == 5 && pread(fd, buf, 8, 3) == 8 &&
	      !memcmp(buf, "oreafter", 8));
	CHECK(fstat(fd, &st) == 0 && st.st_size == 11 && st.st_nlink == 0);
	CHECK(ftruncate(fd, 3) == 0 && fstat(fd, &st) == 0 && st.st_size == 3);
	CHECK(fchmod(fd, 0600) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0600);
	/* Another one of that name is another one. */
	CHECK(put("gone", "new", 0644) && pread(fd, buf, 8, 0) == 3 && !memcmp(buf, "bef", 3));
	CHECK(has("gone", "new") && unlink("gone") == 0);
	return close(fd);
}

static int as(uid_t uid, gid_t gid, gid_t group, int (*work)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(group ? 1 : 0, &group) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
			_exit(9);
		_exit(work());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : 8;
}

static int make_own(void)
{
	struct stat st;

	CHECK(put("private", "mine", 0600) && put("public", "all", 0644) &&
	      put("group", "ours", 0640));
	CHECK(mkdir("folder", 0700) == 0 && put("folder/in", "in", 0666) &&
	      symlink("private", "link") == 0);
	CHECK(lstat("link", &st) == 0 && st.st_uid == getuid() && st.st_gid == getgid());
	CHECK(stat("folder", &st) == 0 && st.st_uid == getuid() && st.st_gid == getgid());
	CHECK(has("private", "mine") && has("folder/in", "in"));
	/* To give it away is root's. */
	CHECK(chown("private", 0, (gid_t)-1) < 0 && errno == EPERM);
	return chmod("public", 0604);
}

static int read_others(void)
{
	CHECK(!has("private", "mine") && errno == EACCES);
	CHECK(!has("folder/in", "in") && errno == EACCES);
	CHECK(!has("group", "ours") && errno == EACCES);
	CHECK(has("public", "all"));
	CHECK(open("public", O_WRONLY) < 0 && errno == EACCES);
	CHECK(chmod("public", 0666) < 0 && errno == EPERM);
	CHECK(unlink("public") < 0 && (errno == EPERM || errno == EACCES));
	return 0;
}

static int read_as_group(void)
{
	CHECK(!has("private", "mine") && errno == EACCES);
	return has("group", "ours") ? 0 : 1;
}

/* Several users, one of them by a group that it has besides. In a folder as /tmp. */
static int users(void)
{
	struct stat st;

	CHECK(mkdir("users", 0700) == 0 && chmod("users", 01777) == 0 && chdir("users") == 0);
	CHECK(as(1000, 1001, 0, make_own) == 0);
	CHECK(stat("private", &st) == 0 && st.st_uid == 1000 && st.st_gid == 1001);
	CHECK(as(1002, 1002, 0, read_others) == 0);
	CHECK(as(1002, 1002, 1001, read_as_group) == 0);
	CHECK(as(70000, 1001, 0, read_as_group) == 0);
	CHECK(has("private", "mine"));
	CHECK(chown("private", 70000, 70001) == 0 && stat("private", &st) == 0 &&
	      st.st_uid == 70000 && st.st_gid == 70001);
	/* What is made in it is of its group. */
	CHECK(mkdir("shared", 0777) == 0 && chown("shared", 0, 1005) == 0 &&
	      chmod("shared", 02777) == 0);
	CHECK(put("shared/in", "", 0644) && stat("shared/in", &st) == 0 && st.st_gid == 1005);
	CHECK(unlink("shared/in") == 0 && rmdir("shared") == 0);
	CHECK(unlink("private") == 0 && unlink("public") == 0 && unlink("group") == 0);
	CHECK(unlink("folder/in") == 0 && rmdir("folder") == 0 && unlink("link") == 0);
	return chdir("..") == 0 ? rmdir("users") : 1;
}

/* flock(2), and fcntl(2) by its bytes. */
static int locked(void)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
	int fd = open("lock", O_RDWR | O_CREAT | O_EXCL, 0644), status;
	pid_t pid;

	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
	pid = fork();
	if (pid == 0) {
		int own = open("lock", O_RDWR);

		_exit(flock(own, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(flock(fd, LOCK_UN) == 0);
	CHECK(fcntl(fd, F_SETLK, &all) == 0);
	pid = fork();
	if (pid == 0) {
		struct flock some = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
		int own = open("lock", O_RDWR), refused;

		refused = fcntl(own, F_SETLK, &some) < 0 && (errno == EAGAIN || errno == EACCES);
		some.l_start = 20;
		_exit(refused && fcntl(own, F_SETLK, &some) == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	all.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &all) == 0 && close(fd) == 0);
	return unlink("lock");
}

/* Many that are written under another name first, as git does; then all are found, and no more. */
static int objects(void)
{
	char name[32], tmp[32], text[64];
	struct stat st;

	CHECK(mkdir("objects", 0755) == 0 && chdir("objects") == 0);
	for (int i = 0; i < OBJECTS; i++) {
		(void)snprintf(name, sizeof(name), "%02x", i % 16);
		CHECK(mkdir(name, 0755) == 0 || errno == EEXIST);
		(void)snprintf(tmp, sizeof(tmp), "%02x/tmp_%d", i % 16, i);
		(void)snprintf(name, sizeof(name), "%02x/%d", i % 16, i);
		(void)snprintf(text, sizeof(text), "object %d", i);
		CHECK(put(tmp, text, 0444) && link(tmp, name) == 0);
		CHECK(stat(name, &st) == 0 && st.st_nlink == 2 && unlink(tmp) == 0);
		CHECK(stat(name, &st) == 0 && st.st_nlink == 1);
	}
	for (int i = 0; i < OBJECTS; i++) {
		(void)snprintf(name, sizeof(name), "%02x/%d", i % 16, i);
		(void)snprintf(text, sizeof(text), "object %d", i);
		CHECK(has(name, text));
	}
	CHECK(put("index.lock", "1", 0644) && rename("index.lock", "index") == 0 &&
	      has("index", "1"));
	CHECK(put("index.lock", "22", 0644) && rename("index.lock", "index") == 0 &&
	      has("index", "22"));
	for (int i = 0; i < OBJECTS; i++) {
		(void)snprintf(name, sizeof(name), "%02x/%d", i % 16, i);
		CHECK(unlink(name) == 0);
	}
	for (int i = 0; i < 16; i++) {
		(void)snprintf(name, sizeof(name), "%02x", i);
		CHECK(rmdir(name) == 0);
	}
	CHECK(unlink("index") == 0);
	return chdir("..") == 0 ? rmdir("objects") : 1;
}

static int attributes(void)
{
	struct timespec times[2] = {{.tv_sec = 1000000000, .tv_nsec = 5},
				    {.tv_sec = 1000000001, .tv_nsec = 7}};
	char value[16];
	struct stat st;

	CHECK(put("file", "x", 0644));
	CHECK(setxattr("file", "user.name", "value", 5, 0) == 0);
	CHECK(getxattr("file", "user.name", value, sizeof(value)) == 5 &&
	      !memcmp(value, "value", 5));
	CHECK(removexattr("file", "user.name") == 0 &&
	      getxattr("file", "user.name", value, 16) < 0);
	CHECK(utimensat(AT_FDCWD, "file", times, 0) == 0 && stat("file", &st) == 0);
	/* By 9P Linux 6.1 sends whole seconds. */
	CHECK(st.st_mtim.tv_sec == 1000000001 &&
	      (st.st_mtim.tv_nsec == 7 || st.st_mtim.tv_nsec == 0));
	CHECK(mkfifo("fifo", 0600) == 0 && lstat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	return unlink("fifo") == 0 ? unlink("file") : 1;
}

static const struct {
	const char *name;
	int (*run)(void);
} steps[] = {
	{"mapped", mapped}, {"unlinked", unlinked}, {"users", users},
	{"locked", locked}, {"objects", objects},   {"attributes", attributes},
};

int main(int argc, char **argv)
{
	int failed = 0;

	setbuf(stdout, NULL);
	umask(0);
	if (argc != 2 || chdir(argv[1]) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = steps[i].run();

		printf("%s: %s\n", steps[i].name, r == 0 ? "as it should be" : "not");
		if (r != 0 && chdir(argv[1]) < 0)
			return 1;
		failed |= r != 0;
	}
	return failed;
}
