/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest for tests of volumes by 9P: an init that runs commands for the host, and what those need beyond busybox.
 *
 *   as init		dials port 1024 of the host, reads a length of 4 bytes and so much of shell, says its status,
 *			the length of its output, and that
 *   mount PORT ANAME DIR OPTIONS	mount what a port of the host's serves
 *   NAME DIR [DIR2]	one of the checks below, of a folder that is such a mount; says what is wrong
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define READY	   1024
#define OUTPUT_MAX (1u << 20)

#define fail(...)                                                   \
	do {                                                        \
		printf("line %d: %s: ", __LINE__, strerror(errno)); \
		printf(__VA_ARGS__);                                \
		printf("\n");                                       \
		exit(1);                                            \
	} while (0)
#define check(value)                        \
	do {                                \
		if (!(value))               \
			fail("%s", #value); \
	} while (0)

static int dial(unsigned int port)
{
	const struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_HOST};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		fail("port %u", port);
	return fd;
}

static int mount_port(char **argv)
{
	char options[512];
	int fd = dial((unsigned int)atoi(argv[0]));

	(void)mkdir(argv[2], 0755);
	(void)snprintf(options, sizeof(options),
		       "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,aname=%s,%s", fd, fd, argv[1],
		       argv[3]);
	if (mount("9p", argv[2], "9p", 0, options) < 0)
		fail("mount with %s", options);
	return 0;
}

static void read_all(int fd, void *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, (char *)buf + at, len - at);

		if (n <= 0) {
			reboot(RB_AUTOBOOT);
			exit(0);
		}
		at += (size_t)n;
	}
}

static void write_all(int fd, const void *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const char *)buf + at, len - at);

		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

static void run_command(int host, char *command)
{
	static char output[OUTPUT_MAX];
	uint32_t head[2] = {0};
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(fds) < 0)
		fail("pipe");
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		execl("/bin/busybox", "sh", "-c", command, NULL);
		exit(127);
	}
	close(fds[1]);
	while ((n = read(fds[0], output + head[1], OUTPUT_MAX - head[1])) > 0)
		head[1] += (uint32_t)n;
	close(fds[0]);
	waitpid(pid, &status, 0);
	head[0] = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status)
				    : 128u + (uint32_t)WTERMSIG(status);
	write_all(host, head, sizeof(head));
	write_all(host, output, head[1]);
}

static int be_init(void)
{
	uint32_t len;
	char *command;
	int host;

	if (mount("dev", "/dev", "devtmpfs", 0, "") < 0 ||
	    mount("proc", "/proc", "proc", 0, "") < 0 || mount("tmp", "/tmp", "tmpfs", 0, "") < 0)
		fail("mounts");
	dup2(open("/dev/console", O_RDWR), 1);
	dup2(1, 2);
	setenv("PATH", "/bin", 1);
	if (system("/bin/busybox --install -s /bin") != 0)
		(void)0;
	host = dial(READY);
	for (;;) {
		read_all(host, &len, sizeof(len));
		command = calloc(1, len + 1);
		read_all(host, command, len);
		run_command(host, command);
		free(command);
	}
}

static int unlinked(char **argv)
{
	struct stat st;
	char buf[16];
	int fd, again;

	check(chdir(argv[0]) == 0);
	fd = open("gone", O_RDWR | O_CREAT | O_EXCL, 0600);
	check(fd >= 0);
	check(write(fd, "before", 6) == 6);
	check(unlink("gone") == 0);
	check(pwrite(fd, " after", 6, 6) == 6);
	check(pread(fd, buf, sizeof(buf), 0) == 12);
	check(memcmp(buf, "before after", 12) == 0);
	check(ftruncate(fd, 3) == 0);
	check(fchmod(fd, 0640) == 0);
	check(fstat(fd, &st) == 0);
	check(st.st_size == 3);
	check((st.st_mode & 07777) == 0640);
	check(st.st_nlink == 0);
	check(fsync(fd) == 0);
	/* Somebody else has the name by now. */
	again = open("gone", O_RDWR | O_CREAT | O_EXCL, 0600);
	check(again >= 0);
	check(write(again, "other", 5) == 5);
	check(pread(fd, buf, sizeof(buf), 0) == 3);
	check(unlink("gone") == 0);
	return 0;
}

static int renamed(char **argv)
{
	struct stat st;
	char buf[16];
	int dir, fd;

	check(chdir(argv[0]) == 0);
	check(mkdir("old", 0755) == 0 && mkdir("old/sub", 0755) == 0);
	fd = open("old/sub/file", O_RDWR | O_CREAT, 0644);
	dir = open("old/sub", O_RDONLY | O_DIRECTORY);
	check(fd >= 0 && dir >= 0);
	check(write(fd, "text", 4) == 4);
	check(rename("old", "new") == 0);
	check(fstat(fd, &st) == 0 && st.st_size == 4);
	check(pwrite(fd, "TE", 2, 0) == 2);
	close(fd);
	fd = openat(dir, "file", O_RDONLY);
	check(fd >= 0);
	check(read(fd, buf, sizeof(buf)) == 4 && memcmp(buf, "TExt", 4) == 0);
	check(mkdirat(dir, "more", 0755) == 0);
	check(access("new/sub/more", F_OK) == 0);
	check(access("old", F_OK) < 0 && errno == ENOENT);
	check(unlinkat(dir, "more", AT_REMOVEDIR) == 0 && unlinkat(dir, "file", 0) == 0);
	close(dir);
	close(fd);
	check(rmdir("new/sub") == 0 && rmdir("new") == 0);
	return 0;
}

static int xattrs(char **argv)
{
	/* A list with a named user. */
	static const char acl[] = "\x02\0\0\0"
				  "\x01\0\x06\0\xff\xff\xff\xff"
				  "\x02\0\x04\0\xe8\x03\0\0"
				  "\x04\0\x04\0\xff\xff\xff\xff"
				  "\x10\0\x04\0\xff\xff\xff\xff"
				  "\x20\0\0\0\xff\xff\xff\xff";
	static char large[3000], buf[4096];
	struct stat st;
	ssize_t n;

	check(chdir(argv[0]) == 0);
	close(open("attributes", O_RDWR | O_CREAT, 0600));
	memset(large, 'l', sizeof(large));
	check(setxattr("attributes", "user.one", "1", 1, 0) == 0);
	check(setxattr("attributes", "user.large", large, sizeof(large), XATTR_CREATE) == 0);
	check(setxattr("attributes", "user.one", "2", 1, XATTR_CREATE) < 0 && errno == EEXIST);
	check(setxattr("attributes", "user.no", "2", 1, XATTR_REPLACE) < 0 && errno == ENODATA);
	check(getxattr("attributes", "user.large", buf, sizeof(buf)) == sizeof(large));
	check(memcmp(buf, large, sizeof(large)) == 0);
	n = listxattr("attributes", buf, sizeof(buf));
	check(n > 0 && memmem(buf, (size_t)n, "user.one", 9) &&
	      memmem(buf, (size_t)n, "user.large", 11));
	check(removexattr("attributes", "user.one") == 0);
	check(getxattr("attributes", "user.one", buf, sizeof(buf)) < 0 && errno == ENODATA);
	check(setxattr("attributes", "system.posix_acl_access", acl, sizeof(acl) - 1, 0) == 0);
	check(getxattr("attributes", "system.posix_acl_access", buf, sizeof(buf)) ==
	      sizeof(acl) - 1);
	check(stat("attributes", &st) == 0 && (st.st_mode & 07777) == 0640);
	check(unlink("attributes") == 0);
	return 0;
}

static int appended(char **argv)
{
	static const char line[] = "one line of text\n";
	struct stat st;

	check(chdir(argv[0]) == 0);
	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);

			for (int j = 0; j < 200; j++)
				check(write(fd, line, sizeof(line) - 1) == sizeof(line) - 1);
			exit(0);
		}
	}
	for (int i = 0, status; i < 4; i++)
		check(wait(&status) > 0 && status == 0);
	check(stat("log", &st) == 0);
	check(st.st_size == 4 * 200 * (off_t)(sizeof(line) - 1));
	check(truncate("log", 5) == 0 && stat("log", &st) == 0 && st.st_size == 5);
	close(open("log", O_WRONLY | O_TRUNC));
	check(stat("log", &st) == 0 && st.st_size == 0);
	check(unlink("log") == 0);
	return 0;
}

static int range_lock(int fd, int command, int type, off_t start, off_t len)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, command, &l);
}

/* The second folder is the same one, on a connection of its own: as if it were another guest. */
static int locked(char **argv)
{
	char path[2][256];
	int one, two, reader;

	for (int i = 0; i < 2; i++)
		(void)snprintf(path[i], sizeof(path[i]), "%s/lock", argv[i]);
	one = open(path[0], O_RDWR | O_CREAT, 0644);
	two = open(path[1], O_RDWR);
	reader = open(path[1], O_RDONLY);
	check(one >= 0 && two >= 0 && reader >= 0);
	check(range_lock(one, F_SETLK, F_WRLCK, 10, 5) == 0);
	check(range_lock(two, F_SETLK, F_WRLCK, 0, 10) == 0);
	check(range_lock(two, F_SETLK, F_WRLCK, 14, 1) < 0 && errno == EAGAIN);
	check(range_lock(two, F_SETLK, F_RDLCK, 14, 1) < 0 && errno == EAGAIN);
	check(range_lock(one, F_SETLK, F_UNLCK, 14, 1) == 0);
	check(range_lock(two, F_SETLK, F_RDLCK, 14, 1) == 0);
	check(range_lock(one, F_SETLK, F_RDLCK, 14, 1) == 0);
	check(range_lock(one, F_SETLK, F_UNLCK, 0, 0) == 0);
	check(range_lock(two, F_SETLK, F_UNLCK, 0, 0) == 0);
	check(flock(one, LOCK_EX | LOCK_NB) == 0);
	check(flock(two, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	check(flock(one, LOCK_SH | LOCK_NB) == 0);
	check(flock(two, LOCK_SH | LOCK_NB) == 0);
	check(flock(one, LOCK_UN) == 0 && flock(two, LOCK_UN) == 0);
	check(flock(reader, LOCK_EX | LOCK_NB) == 0);
	check(flock(one, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	close(reader);
	check(flock(one, LOCK_EX | LOCK_NB) == 0);
	close(one);
	check(flock(two, LOCK_EX | LOCK_NB) == 0);
	close(two);
	check(unlink(path[0]) == 0);
	return 0;
}

static int emptied(char **argv)
{
	struct dirent *entry;
	char name[32];
	int n = 0;
	DIR *dir;

	check(chdir(argv[0]) == 0);
	check(mkdir("many", 0755) == 0);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		check(mknod(name, S_IFREG | 0644, 0) == 0);
	}
	dir = opendir("many");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		check(unlinkat(dirfd(dir), entry->d_name, 0) == 0);
		n++;
	}
	closedir(dir);
	check(n == 5000);
	check(rmdir("many") == 0);
	return 0;
}

static int large(char **argv)
{
	const struct timespec times[2] = {{1234567890, 0}, {987654321, 0}};
	const off_t far = (off_t)5 << 30;
	struct stat st;
	char buf[8];
	int fd;

	check(chdir(argv[0]) == 0);
	fd = open("large", O_RDWR | O_CREAT, 0644);
	check(pwrite(fd, "far", 3, far) == 3);
	check(fstat(fd, &st) == 0 && st.st_size == far + 3);
	check(pread(fd, buf, 8, far) == 3 && memcmp(buf, "far", 3) == 0);
	check(lseek(fd, 0, SEEK_END) == far + 3);
	close(fd);
	check(utimensat(AT_FDCWD, "large", times, 0) == 0);
	check(stat("large", &st) == 0);
	/* Linux' client sets no parts of seconds. */
	check(st.st_atime == 1234567890 && st.st_mtime == 987654321);
	check(unlink("large") == 0);
	return 0;
}

static int mapped(char **argv)
{
	char *map;
	int fd;

	check(chdir(argv[0]) == 0);
	fd = open("mapped", O_RDWR | O_CREAT, 0644);
	check(ftruncate(fd, 10000) == 0);
	map = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(map != MAP_FAILED);
	memcpy(map + 9000, "through the map", 15);
	check(msync(map, 10000, MS_SYNC) == 0);
	return 0;
}

/* As a user who is not root, with a umask. */
static int owned(char **argv)
{
	struct stat st;
	int fd;

	check(chdir(argv[0]) == 0);
	if (fork() == 0) {
		check(setgid(77) == 0 && setuid(1234) == 0);
		umask(027);
		fd = open("file", O_WRONLY | O_CREAT, 0666);
		check(fd >= 0);
		check(mkdir("folder", 0777) == 0);
		check(symlink("target", "link") == 0);
		check(mkfifo("fifo", 0666) == 0);
		check(link("file", "hard") == 0);
		check(fstat(fd, &st) == 0 && st.st_uid == 1234 && st.st_gid == 77);
		check(chmod("file", 06755) == 0);
		check(write(fd, "x", 1) == 1);
		check(stat("file", &st) == 0 && (st.st_mode & 07777) == 0755);
		check(st.st_nlink == 2);
		check(chown("file", 1, 1) < 0 && errno == EPERM);
		check(open("roots", O_RDWR) < 0 && errno == EACCES);
		exit(0);
	}
	check(wait(&fd) > 0 && fd == 0);
	check(chown("folder", 4321, 8765) == 0);
	check(stat("folder", &st) == 0 && st.st_uid == 4321 && st.st_gid == 8765);
	return 0;
}

/* They are the guest's kernel's, whose are only the names. */
static int special(char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "socket"};
	struct statfs fs;
	char buf[8];
	int fd, peer;

	check(chdir(argv[0]) == 0);
	check(mkfifo("pipe", 0600) == 0);
	if (fork() == 0) {
		fd = open("pipe", O_WRONLY);
		exit(write(fd, "through", 7) != 7);
	}
	fd = open("pipe", O_RDONLY);
	check(read(fd, buf, sizeof(buf)) == 7);
	check(wait(&peer) > 0 && peer == 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	check(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 1) == 0);
	peer = socket(AF_UNIX, SOCK_STREAM, 0);
	check(connect(peer, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	check(mknod("null", S_IFCHR | 0666, 0x103) == 0);
	fd = open("null", O_WRONLY);
	check(fd >= 0 && write(fd, "x", 1) == 1);
	check(unlink("pipe") == 0 && unlink("socket") == 0 && unlink("null") == 0);
	check(statfs(".", &fs) == 0 && fs.f_type == 0x01021997 && fs.f_blocks > 0);
	return 0;
}

static int held(char **argv)
{
	char name[32];
	static int fds[3000];

	check(chdir(argv[0]) == 0);
	check(mkdir("held", 0755) == 0);
	for (int i = 0; i < 900; i++) {
		(void)snprintf(name, sizeof(name), "held/%d", i);
		fds[i] = open(name, O_RDWR | O_CREAT, 0600);
		check(fds[i] >= 0);
		check(unlink(name) == 0);
	}
	for (int i = 0; i < 900; i++)
		check(write(fds[i], "x", 1) == 1);
	check(rmdir("held") == 0);
	return 0;
}

/* As find(1) of the GNU project does it: what a folder says of its entries is enough. */
static int walk(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), n = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	check(dir && fstat(fd, &st) == 0);
	while ((entry = readdir(dir))) {
		n++;
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			n += walk(fd, entry->d_name);
	}
	closedir(dir);
	return n;
}

static int walked(char **argv)
{
	printf("%d\n", walk(AT_FDCWD, argv[0]));
	return 0;
}

/* What is not there takes one question, with any file system. */
static int missed(char **argv)
{
	struct timespec begin, end;
	struct stat st;

	check(chdir(argv[0]) == 0);
	check(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
	for (int i = 0; i < 1000; i++)
		check(stat("none", &st) < 0 && errno == ENOENT);
	check(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
	printf("%ld\n",
	       (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **argv);
	int words;
} commands[] = {
	{"mount", mount_port, 4}, {"unlinked", unlinked, 1}, {"renamed", renamed, 1},
	{"xattrs", xattrs, 1},	  {"appended", appended, 1}, {"locked", locked, 2},
	{"emptied", emptied, 1},  {"large", large, 1},	     {"mapped", mapped, 1},
	{"owned", owned, 1},	  {"special", special, 1},   {"held", held, 1},
	{"missed", missed, 1},	  {"walked", walked, 1},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getpid() == 1)
		return be_init();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (argc == commands[i].words + 2 && strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argv + 2);
	fail("no such command");
}
