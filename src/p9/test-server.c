/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each request does, with files in a folder of its own: by a server in this process, and by one behind a socket that
 * may make no other system calls than those which are listed.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/seal.h"
#include "base/test.h"
#include "p9/isolate.h"
#include "p9/serve.h"
#include "p9/test-peer.h"

static struct p9_server server;
static struct peer peer = {.server = &server, .sock = -EBADF};
static int root = -EBADF, proc;
static bool apart;
static pid_t pid;
static char dir[] = "/var/tmp/caisson-test-p9.XXXXXX";

SEAL_ALLOW(exit_group);

static void stop_server(void)
{
	int status;

	p9_server_deinit(&server);
	if (peer.sock < 0)
		return;
	peer.sock = fd_close(peer.sock);
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
}

static void start_apart(void)
{
	int fds[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pid = fork();
	test_true(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (peer_enter_fds(proc) < 0 || seal_enter() < 0)
			_exit(99);
		_exit(p9_serve(&server, fds[1]) < 0);
	}
	peer.sock = fds[0];
	(void)close(fds[1]);
}

/* A client that has attached the whole of an empty folder. */
static void begin_as(uint32_t uid, bool readonly)
{
	stop_server();
	/* This process is the server, and makes files as whom that made some at last. */
	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
	(void)path_remove_tree(AT_FDCWD, dir);
	test_int(mkdir(dir, 0755), 0);
	root = fd_close(root);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	test_true(root >= 0);
	p9_server_init(&server, &(struct p9_server_args){.root = root,
							 .readonly = readonly,
							 .max_fids = 1000,
							 .parent = apart ? getpid() : 0});
	if (apart)
		start_apart();
	peer_begin(&peer, 65536, "", uid);
}

static void begin(void)
{
	begin_as(0, false);
}

static void host_file(const char *name, const char *content, mode_t mode)
{
	_cleanup_close_ int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, content, strlen(content)), 0);
	test_int(fchmod(fd, mode), 0);
}

static void host_has(const char *name, const char *content)
{
	_cleanup_free_ char *data = NULL;

	test_int(file_slurp_at(root, name, 1 << 20, &data, NULL), 0);
	test_str(data, content);
}

static struct stat host_stat(const char *name)
{
	struct stat st;

	test_int(fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void reads_and_writes(void)
{
	const char *got;

	begin();
	test_int(peer_create(&peer, 1, "a", 0640, 5), 0);
	test_int(peer_write(&peer, 1, 0, "hello"), 5);
	test_int(peer_write(&peer, 1, 3, "p!"), 2);
	host_has("a", "help!");
	test_int(peer_read(&peer, 1, 1, 100, &got), 4);
	test_str(got, "elp!");
	test_int(peer_read(&peer, 1, 5, 100, &got), 0);
	test_int(peer_call(&peer, P9_TFSYNC, "dd", 1, 0), 0);
	test_int(peer_call(&peer, P9_TFSYNC, "dd", 1, 1), 0);
	test_int(peer_call(&peer, P9_TFSYNC, "d", 1), 0);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 1), 0);
	/* Past 4 GiB. */
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 2), 0);
	test_int(peer_write(&peer, 1, UINT64_C(5) << 30, "far"), 3);
	test_int(host_stat("a").st_size, (INT64_C(5) << 30) + 3);
}

static void opens_as_asked(void)
{
	const char *got;

	begin();
	host_file("a", "content", 0644);
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 0), 0);
	test_int(peer_write(&peer, 1, 0, "x"), -EBADF);
	test_int(peer_walk(&peer, 2, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 2, 01u | 02000), 0);
	test_int(peer_write(&peer, 2, 0, " and more"), 9);
	host_has("a", "content and more");
	test_int(peer_read(&peer, 2, 0, 10, &got), -EBADF);
	test_int(peer_walk(&peer, 3, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 3, 01u | 01000), 0);
	host_has("a", "");
	/* There already: an error only for who asks for that. */
	test_int(peer_walk(&peer, 4, ""), 0);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 4, "a", 02u | 0300, 0600, 0), -EEXIST);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 4, "a", 02u | 0100, 0600, 0), 0);
	test_int(peer_write(&peer, 4, 0, "again"), 5);
	host_has("a", "again");
	test_int(host_stat("a").st_mode & 07777, 0644);
}

/* What is made belongs to who makes it, with the mode that was asked for. */
static void keeps_owners(void)
{
	struct peer_attr attr;

	begin_as(1234, false);
	umask(0);
	if (server.who.fixed)
		return;
	test_int(peer_create(&peer, 1, "file", 0666, 77), 0);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 0, "dir", 01777, 78), 0);
	test_int(peer_call(&peer, P9_TSYMLINK, "dssd", 0, "link", "/etc/passwd", 79), 0);
	test_int(peer_call(&peer, P9_TMKNOD, "dsdddd", 0, "fifo", S_IFIFO | 0620, 0, 0, 80), 0);
	test_int(host_stat("file").st_uid, 1234);
	test_int(host_stat("file").st_gid, 77);
	test_int(host_stat("file").st_mode, S_IFREG | 0666);
	test_int(host_stat("dir").st_uid, 1234);
	test_int(host_stat("dir").st_mode, S_IFDIR | 01777);
	test_int(host_stat("link").st_uid, 1234);
	test_int(host_stat("link").st_gid, 79);
	test_int(host_stat("fifo").st_gid, 80);
	test_int(host_stat("fifo").st_mode, S_IFIFO | 0620);
	test_int(peer_attr(&peer, 1, &attr), 0);
	test_int(attr.uid, 1234);
	test_int(attr.gid, 77);
	/* Somebody else, on the same connection. */
	test_int(peer_call(&peer, P9_TATTACH, "ddssd", 50, P9_NOFID, "", "", 4321), 0);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 50, "dir2", 0700, 1), 0);
	test_int(host_stat("dir2").st_uid, 4321);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 0, "dir3", 0700, 1), 0);
	test_int(host_stat("dir3").st_uid, 1234);
	/* What makes nothing is done as the one that the server is. */
	test_int(peer_attr(&peer, 1, &attr), 0);
	if (!apart)
		test_int(setfsuid((uid_t)-1), geteuid());
}

static int setattr(uint32_t fid, uint32_t valid, uint32_t mode, uint32_t uid, uint64_t size)
{
	return peer_call(&peer, P9_TSETATTR, "dddddqqqqq", fid, valid, mode, uid, uid + 1, size,
			 UINT64_C(1000), UINT64_C(5), UINT64_C(2000), UINT64_C(6));
}

static void changes_attributes(void)
{
	struct peer_attr attr;

	begin();
	host_file("a", "content", 0644);
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(setattr(1, 1, 02751, 0, 0), 0);
	test_int(host_stat("a").st_mode, S_IFREG | 02751);
	test_int(setattr(1, 8, 0, 0, 3), 0);
	host_has("a", "con");
	test_int(setattr(1, 0x10 | 0x20 | 0x80 | 0x100, 0, 0, 0), 0);
	test_int(peer_attr(&peer, 1, &attr), 0);
	test_int(attr.atime, 1000);
	test_int(attr.atime_ns, 5);
	test_int(attr.mtime, 2000);
	test_int(attr.mtime_ns, 6);
	test_int(attr.size, 3);
	test_int(attr.nlink, 1);
	test_int(setattr(1, 0x20, 0, 0, 0), 0);
	test_true(host_stat("a").st_mtime > 2000);
	test_int(host_stat("a").st_atime, 1000);
	if (server.who.fixed)
		return;
	test_int(setattr(1, 2, 0, 500, 0), 0);
	test_int(host_stat("a").st_uid, 500);
	test_int(host_stat("a").st_gid, 0);
	test_int(setattr(1, 4, 0, 500, 0), 0);
	test_int(host_stat("a").st_gid, 501);
	/* To whom, and the mode that remains, in one. */
	test_int(setattr(1, 1 | 2 | 4, 04755, 600, 0), 0);
	test_int(host_stat("a").st_mode, S_IFREG | 04755);
}

/* As the kernel does it for users who are not root. */
static void drops_setuid_bits(void)
{
	begin_as(1000, false);
	if (server.who.fixed)
		return;
	host_file("a", "content", 06777);
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 1), 0);
	test_int(peer_write(&peer, 1, 0, "x"), 1);
	test_int(host_stat("a").st_mode, S_IFREG | 0777);
	test_int(setattr(1, 1, 06777, 0, 0), 0);
	test_int(host_stat("a").st_mode, S_IFREG | 06777);
	test_int(setattr(1, 8, 0, 0, 3), 0);
	test_int(host_stat("a").st_mode, S_IFREG | 0777);
	test_int(setattr(1, 1, 06777, 0, 0), 0);
	test_int(setattr(1, 2, 0, 1001, 0), 0);
	test_int(host_stat("a").st_mode, S_IFREG | 0777);
	/* Root's stay where root writes. */
	test_int(setattr(1, 1, 06777, 0, 0), 0);
	test_int(peer_call(&peer, P9_TATTACH, "ddssd", 50, P9_NOFID, "", "", 0), 0);
	test_int(peer_call(&peer, P9_TWALK, "ddws", 50, 51, 1, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 51, 1), 0);
	test_int(peer_write(&peer, 51, 0, "x"), 1);
	test_int(host_stat("a").st_mode, S_IFREG | 06777);
}

static void links_and_renames(void)
{
	struct peer_attr attr;
	const char *got;

	begin();
	test_int(mkdirat(root, "d", 0755), 0);
	host_file("a", "content", 0644);
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_walk(&peer, 2, "d"), 0);
	test_int(peer_call(&peer, P9_TLINK, "dds", 2, 1, "b"), 0);
	host_has("d/b", "content");
	test_int(peer_attr(&peer, 1, &attr), 0);
	test_int(attr.nlink, 2);
	test_int(peer_call(&peer, P9_TLINK, "dds", 0, 2, "c"), -EPERM);
	test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", 0, "a", 2, "moved"), 0);
	host_has("d/moved", "content");
	test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", 0, "a", 2, "moved"), -ENOENT);
	/* The other forms: by the fids of the files themselves. */
	test_int(peer_call(&peer, P9_TRENAME, "dds", 1, 0, "back"), 0);
	host_has("back", "content");
	test_int(peer_call(&peer, P9_TRENAME, "dds", 0, 2, "x"), -EBUSY);
	test_int(peer_walk(&peer, 3, "d/b"), 0);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 3), 0);
	test_int(faccessat(root, "d/b", F_OK, 0), -1);
	test_int(peer_attr(&peer, 3, &attr), -EBADF);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, "back", 0x200), -ENOTDIR);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, "back", 0), 0);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, "d", 0), -EISDIR);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, "d", 0x200), 0);
	/* Of a symbolic link that is hard, too. */
	test_int(symlinkat("nowhere", root, "s"), 0);
	test_int(peer_walk(&peer, 4, "s"), 0);
	test_int(peer_call(&peer, P9_TREADLINK, "d", 4), 0);
	test_int(p9_get_u16(&peer.in), 7);
	test_mem(p9_get_bytes(&peer.in, 7), "nowhere", 7);
	test_int(peer_call(&peer, P9_TLINK, "dds", 0, 4, "s2"), 0);
	test_true(S_ISLNK(host_stat("s2").st_mode));
	test_int(peer_call(&peer, P9_TREADLINK, "d", 0), -EINVAL);
	test_int(peer_read(&peer, 4, 0, 1, &got), -EBADF);
}

/* Fids are files, whatever their names are by now. */
static void survives_other_names(void)
{
	struct peer_attr attr;
	const char *got;

	begin();
	test_int(mkdirat(root, "d", 0755), 0);
	host_file("d/a", "content", 0644);
	test_int(peer_walk(&peer, 1, "d"), 0);
	test_int(peer_walk(&peer, 2, "d/a"), 0);
	test_int(renameat(root, "d", root, "e"), 0);
	test_int(peer_call(&peer, P9_TWALK, "ddws", 1, 3, 1, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 2, 2), 0);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 1, "a", 0), 0);
	test_int(peer_write(&peer, 2, 7, " stays"), 6);
	test_int(peer_read(&peer, 2, 0, 100, &got), 13);
	test_str(got, "content stays");
	test_int(setattr(2, 8, 0, 0, 7), 0);
	test_int(setattr(2, 1, 0600, 0, 0), 0);
	test_int(peer_attr(&peer, 2, &attr), 0);
	test_int(attr.size, 7);
	test_int(attr.nlink, 0);
	test_int(attr.mode, S_IFREG | 0600);
	/* One that was never opened still can be; and an open one be had again. */
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 3, 0), 0);
	test_int(peer_read(&peer, 3, 0, 100, &got), 7);
	test_int(peer_call(&peer, P9_TWALK, "ddw", 2, 4, 0), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 4, 0), 0);
	test_int(peer_read(&peer, 4, 0, 100, &got), 7);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 4), -ENOENT);
	test_int(peer_call(&peer, P9_TLINK, "dds", 0, 3, "again"), -ENOENT);
}

/* Return: how many there were; -1: a name came twice. @unlink: remove what is read meanwhile. */
static int read_folder(uint32_t fid, uint32_t count, bool unlink)
{
	static char seen[8192];
	uint64_t offset = 0;
	char name[P9_NAME_SIZE];
	int n = 0, r;

	memset(seen, 0, sizeof(seen));
	for (;;) {
		test_int(peer_call(&peer, P9_TREADDIR, "dqd", fid, offset, count), 0);
		test_int(p9_get_u32(&peer.in), peer.in.left);
		if (peer.in.left == 0)
			return n;
		test_true(peer.in.left <= count);
		while (peer.in.left > 0) {
			struct p9_in rest;

			(void)p9_get_bytes(&peer.in, P9_QID_LEN);
			offset = p9_get_u64(&peer.in);
			(void)p9_get_u8(&peer.in);
			r = p9_get_text(&peer.in, name, sizeof(name));
			test_int(r, 0);
			test_true(!peer.in.bad);
			if (name[0] == '.')
				continue;
			r = atoi(name + 1);
			if (seen[r]++)
				return -1;
			n++;
			rest = peer.in;
			if (unlink)
				test_int(unlinkat(root, name, 0), 0);
			peer.in = rest;
		}
	}
}

static void reads_folders(void)
{
	char name[16];

	begin();
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		host_file(name, "", 0600);
	}
	test_int(peer_walk(&peer, 1, ""), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 0), 0);
	test_int(read_folder(1, 4000, false), 5000);
	test_int(read_folder(1, 60000, false), 5000);
	test_int(read_folder(1, 100, false), 5000);
	test_int(read_folder(1, 4000, true), 5000);
	test_int(read_folder(1, 4000, false), 0);
	test_int(peer_call(&peer, P9_TREADDIR, "dqd", 1, UINT64_C(0), 20), -EINVAL);
	test_int(peer_call(&peer, P9_TREADDIR, "dqd", 0, UINT64_C(0), 4000), -EBADF);
}

static void has_xattrs(void)
{
	const struct peer_data value = {.at = "val", .len = 3};
	const char *got;
	char buf[8];

	begin();
	host_file("a", "", 0644);
	test_int(peer_walk(&peer, 1, "a"), 0);
	if (fsetxattr(openat(root, "a", O_RDONLY | O_CLOEXEC), "user.one", "1", 1, 0) < 0)
		return;
	test_int(peer_call(&peer, P9_TXATTRWALK, "dds", 1, 2, "user.one"), 0);
	test_int(p9_get_u64(&peer.in), 1);
	test_int(peer_read(&peer, 2, 0, 10, &got), 1);
	test_str(got, "1");
	test_int(peer_read(&peer, 2, 1, 10, &got), 0);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 2), 0);
	test_int(peer_call(&peer, P9_TXATTRWALK, "dds", 1, 2, "user.none"), -ENODATA);
	test_int(peer_call(&peer, P9_TXATTRWALK, "dds", 1, 2, ""), 0);
	test_int(peer_read(&peer, 2, 0, 100, &got), 9);
	test_str(got, "user.one");

	test_int(peer_walk(&peer, 3, "a"), 0);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "user.two", UINT64_C(6), 0), 0);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 3, UINT64_C(0), &value), 0);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 3, UINT64_C(0), &value), -EINVAL);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 3, UINT64_C(3), &value), 0);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 3, UINT64_C(6), &value), -ENOSPC);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 3), 0);
	test_int(fchdir(root), 0);
	test_int(getxattr("a", "user.two", buf, sizeof(buf)), 6);
	test_mem(buf, "valval", 6);
	test_int(peer_enter_fds(proc), 0);
	/* Half of one is none. */
	test_int(peer_walk(&peer, 3, "a"), 0);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "user.half", UINT64_C(6), 0), 0);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 3), -EINVAL);
	test_int(peer_call(&peer, P9_TXATTRWALK, "dds", 1, 4, "user.half"), -ENODATA);
	/* Gone. */
	test_int(peer_walk(&peer, 3, "a"), 0);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "user.two", UINT64_C(0), 2), 0);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 3), 0);
	test_int(peer_call(&peer, P9_TXATTRWALK, "dds", 1, 4, "user.two"), -ENODATA);
	if (!apart)
		test_int(server.fids.xattr_bytes, sizeof(struct p9_xattr) + 9);
}

static int lock(uint32_t fid, int type, uint64_t start, uint64_t len)
{
	int r = peer_call(&peer, P9_TLOCK, "dbdqqds", fid, type, 0, start, len, 99, "guest");

	return r < 0 ? r : p9_get_u8(&peer.in);
}

/* Each takes memory of the host's kernel. */
static void counts_locks(void)
{
	begin();
	test_int(peer_walk(&peer, 1, ""), 0);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 1, "locked", O_RDWR, 0644, 0), 0);
	test_int(peer_walk(&peer, 2, "locked"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 2, O_RDONLY), 0);
	for (uint64_t i = 0; i < P9_RANGES_MAX; i++)
		test_int(lock(i % 2 + 1, F_RDLCK, 4 * i, 1), 0);
	test_int(lock(1, F_RDLCK, 1 << 20, 1), -ENOLCK);
	/* Those that there are can be given up, and made larger. */
	test_int(lock(1, F_RDLCK, 0, 2), 0);
	test_int(lock(1, F_UNLCK, 0, 2), 0);
	test_int(lock(1, F_RDLCK, 1 << 20, 1), 0);
	test_int(lock(2, F_RDLCK, 1 << 20, 1), -ENOLCK);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 1), 0);
	test_int(lock(2, F_RDLCK, 1 << 20, 1), 0);
}

static void locks(void)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
	int fd;

	begin();
	host_file("a", "0123456789", 0644);
	fd = openat(root, "a", O_RDWR | O_CLOEXEC);
	for (uint32_t i = 1; i <= 3; i++)
		test_int(peer_walk(&peer, i, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 2), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 2, 0), 0);
	test_int(lock(3, F_RDLCK, 0, 1), -EBADF);
	/* A range, against one of the host's. */
	test_int(fcntl(fd, F_OFD_SETLK, &range), 0);
	test_int(lock(1, F_WRLCK, 0, 5), 0);
	test_int(lock(1, F_WRLCK, 4, 3), 1);
	test_int(lock(2, F_RDLCK, 4, 1), 1);
	test_int(lock(2, F_WRLCK, 7, 1), -EBADF);
	test_int(peer_call(&peer, P9_TGETLOCK, "dbqqds", 1, F_RDLCK, UINT64_C(4), UINT64_C(9), 3,
			   "guest"),
		 0);
	test_int(p9_get_u8(&peer.in), F_WRLCK);
	test_int(p9_get_u64(&peer.in), 5);
	test_int(p9_get_u64(&peer.in), 1);
	test_int(lock(1, F_UNLCK, 0, 0), 0);
	test_int(lock(2, F_RDLCK, 4, 1), 0);
	test_int(lock(2, F_UNLCK, 4, 1), 0);
	close(fd);
	/* Whole ones, flock(2)'s, of a file that is open for reading only. */
	fd = openat(root, "a", O_RDONLY | O_CLOEXEC);
	test_int(lock(2, F_WRLCK, 0, 0), 0);
	test_int(lock(1, F_RDLCK, 0, 0), 1);
	test_int(flock(fd, LOCK_SH | LOCK_NB), -1);
	test_int(lock(2, F_RDLCK, 0, 0), 0);
	test_int(lock(1, F_RDLCK, 0, 0), 0);
	test_int(lock(1, F_WRLCK, 0, 0), 1);
	test_int(lock(2, F_UNLCK, 0, 0), 0);
	test_int(lock(1, F_WRLCK, 0, 0), 0);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 1), 0);
	test_int(flock(fd, LOCK_EX | LOCK_NB), 0);
	test_int(lock(2, F_RDLCK, 0, 0), 1);
	close(fd);
	test_int(lock(2, 3, 0, 0), -EINVAL);
	test_int(lock(2, F_RDLCK, UINT64_MAX, 1), -EINVAL);
	/* Of a folder. */
	fd = openat(root, ".", O_RDONLY | O_CLOEXEC);
	test_int(peer_walk(&peer, 5, ""), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 5, 0), 0);
	test_int(lock(5, F_WRLCK, 0, 0), 0);
	test_int(flock(fd, LOCK_EX | LOCK_NB), -1);
	close(fd);
}

/* It is the only one there, in a folder that is none of the host's. */
static void shows_a_single_file(void)
{
	struct peer_attr folder, file;
	const char *got;

	begin();
	test_int(mkdirat(root, "v", 0755), 0);
	host_file("v/0", "alone", 0644);
	host_file("v/1", "neighbour", 0644);
	test_int(peer_call(&peer, P9_TVERSION, "ds", 8192, P9_VERSION), 0);
	test_int(peer_call(&peer, P9_TATTACH, "ddssd", 0, P9_NOFID, "", "v/0", 0), 0);
	test_int(p9_get_u8(&peer.in), P9_QT_DIR);
	test_int(peer_attr(&peer, 0, &folder), 0);
	test_int(folder.mode, S_IFDIR | 0555);
	test_int(peer_walk(&peer, 1, "1"), -ENOENT);
	test_int(peer_walk(&peer, 1, ".."), 0);
	test_int(peer_attr(&peer, 1, &file), 0);
	test_true(file.qid.path == folder.qid.path);
	test_int(peer_walk(&peer, 2, "0"), 0);
	test_int(peer_attr(&peer, 2, &file), 0);
	test_int(file.mode, S_IFREG | 0644);
	test_true(file.qid.path != folder.qid.path);
	test_int(peer_call(&peer, P9_TWALK, "ddws", 2, 3, 1, ".."), -ENOTDIR);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 2, 2), 0);
	test_int(peer_read(&peer, 2, 0, 10, &got), 5);
	test_str(got, "alone");
	test_int(peer_write(&peer, 2, 0, "ALONE"), 5);
	host_has("v/0", "ALONE");
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 0), 0);
	test_int(peer_call(&peer, P9_TREADDIR, "dqd", 1, UINT64_C(0), 4000), 0);
	test_int(p9_get_u32(&peer.in), 3 * 24 + 4);
	test_int(peer_call(&peer, P9_TREADDIR, "dqd", 1, UINT64_C(3), 4000), 0);
	test_int(p9_get_u32(&peer.in), 0);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 0, "d", 0755, 0), -EPERM);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, "0", 0), -EPERM);
	test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", 0, "0", 0, "x"), -EPERM);
	test_int(setattr(0, 1, 0777, 0, 0), -EPERM);
	test_int(peer_walk(&peer, 4, "0"), 0);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 4), -EBUSY);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 0), -EBUSY);
	test_int(host_stat("v/0").st_size, 5);
}

/* Nothing that is tried changes anything. */
static void is_readonly(void)
{
	begin_as(0, true);
	host_file("a", "content", 0644);
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_walk(&peer, 2, ""), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 1), -EROFS);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 02), -EROFS);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 01000), -EROFS);
	test_int(setattr(1, 1, 0600, 0, 0), -EROFS);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 2, "n", 0100, 0600, 0), -EROFS);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 0, "n", 0600, 0), -EROFS);
	test_int(peer_call(&peer, P9_TMKNOD, "dsdddd", 0, "n", 0600, 0, 0, 0), -EROFS);
	test_int(peer_call(&peer, P9_TSYMLINK, "dssd", 0, "n", "t", 0), -EROFS);
	test_int(peer_call(&peer, P9_TLINK, "dds", 0, 1, "n"), -EROFS);
	test_int(peer_call(&peer, P9_TRENAME, "dds", 1, 0, "n"), -EROFS);
	test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", 0, "a", 0, "n"), -EROFS);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, "a", 0), -EROFS);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 2, "user.x", UINT64_C(1), 0), -EROFS);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 0), 0);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 1), -EROFS);
	host_has("a", "content");
}

static void tells_of_file_systems(void)
{
	begin();
	test_int(peer_call(&peer, P9_TSTATFS, "d", 0), 0);
	test_int(p9_get_u32(&peer.in), 0x01021997);
	test_true(p9_get_u32(&peer.in) >= 512);
	(void)p9_get_bytes(&peer.in, 48);
	test_int(p9_get_u32(&peer.in), 255);
	test_true(p9_in_end(&peer.in));
}

static void tells_files_apart(void)
{
	const struct statx one = {.stx_dev_major = 8, .stx_ino = 5},
			   other = {.stx_dev_major = 9, .stx_ino = 5},
			   high = {.stx_dev_major = 8, .stx_ino = UINT64_C(5) << 50},
			   high_other = {.stx_dev_major = 9, .stx_ino = UINT64_C(5) << 50};
	const struct statx *const all[] = {&one, &other, &high, &high_other};
	struct p9_devs devs = {0};
	uint64_t paths[ARRAY_SIZE(all)];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		paths[i] = p9_qid(&devs, all[i]).path;
		test_true(p9_qid(&devs, all[i]).version != 0);
		for (size_t j = 0; j < i; j++)
			test_true(paths[j] != paths[i]);
	}
	test_int(paths[0], 5);
	/* As many file systems as there can be, and more. */
	for (uint32_t i = 0; i < 1000; i++) {
		const struct statx st = {.stx_dev_minor = i, .stx_ino = 5};

		test_true(p9_qid(&devs, &st).path != paths[0]);
	}
	test_true(p9_qid(&devs, &other).path == paths[1]);
	test_true(p9_qid(&devs, &high_other).path == paths[3]);
}

static void run_all(void)
{
	test_run(reads_and_writes);
	test_run(opens_as_asked);
	test_run(keeps_owners);
	test_run(changes_attributes);
	test_run(drops_setuid_bits);
	test_run(links_and_renames);
	test_run(survives_other_names);
	test_run(reads_folders);
	test_run(has_xattrs);
	test_run(locks);
	test_run(counts_locks);
	test_run(shows_a_single_file);
	test_run(is_readonly);
	test_run(tells_of_file_systems);
}

int main(void)
{
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	test_true(mkdtemp(dir));
	(void)signal(SIGPIPE, SIG_IGN);
	test_int(p9_drop_privileges(), 0);
	test_int(peer_enter_fds(proc), 0);
	umask(0);
	test_run(tells_files_apart);
	run_all();
	apart = true;
	run_all();
	stop_server();
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
