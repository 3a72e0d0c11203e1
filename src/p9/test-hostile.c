/* SPDX-License-Identifier: Apache-2.0 */
/* What no client should send, and where it must not get: it has an answer, or no connection any more. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "p9/isolate.h"
#include "p9/test-peer.h"

#define FIDS 100

static struct p9_server server;
static struct peer peer = {.server = &server, .sock = -EBADF};
static int root = -EBADF;
static bool told;
static char dir[] = "/var/tmp/caisson-test-p9.XXXXXX";

static void host_file(const char *name)
{
	_cleanup_close_ int fd = openat(root, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, name, strlen(name)), 0);
}

/* secret, and share with a, sub/b, and ways out. */
static void begin_at(const char *aname)
{
	int above;

	(void)path_remove_tree(AT_FDCWD, dir);
	test_int(mkdir(dir, 0755), 0);
	above = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	root = fd_close(root);
	test_int(mkdirat(above, "share", 0755), 0);
	test_int(mkdirat(above, "outside", 0755), 0);
	root = openat(above, "outside", O_PATH | O_DIRECTORY | O_CLOEXEC);
	host_file("secret");
	fd_close(root);
	root = openat(above, "share", O_PATH | O_DIRECTORY | O_CLOEXEC);
	test_int(mkdirat(root, "sub", 0755), 0);
	host_file("a");
	host_file("sub/b");
	test_int(symlinkat("../outside", root, "out"), 0);
	test_int(symlinkat("/", root, "slash"), 0);
	test_int(symlinkat("sub", root, "in"), 0);
	test_int(mkfifoat(root, "fifo", 0600), 0);
	fd_close(above);
	p9_server_deinit(&server);
	told = false;
	p9_server_init(&server,
		       &(struct p9_server_args){.root = root, .max_fids = FIDS, .told = &told});
	peer_begin(&peer, 65536, aname, 0);
}

static void begin(void)
{
	begin_at("");
}

static void ways_out(void)
{
	static const char *const paths[] = {
		"out/secret",	     "slash/etc/passwd",  "in/b",    "../outside/secret",
		"sub/../../outside", "sub/../out/secret", "a/../out"};
	struct peer_attr top, attr;

	begin();
	test_int(peer_attr(&peer, 0, &top), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		test_true(peer_walk(&peer, 1, paths[i]) < 0);
	test_int(peer_walk(&peer, 1, "../../.."), 0);
	test_int(peer_attr(&peer, 1, &attr), 0);
	test_true(attr.qid.path == top.qid.path);
	test_int(peer_walk(&peer, 2, "sub/.."), 0);
	test_int(peer_attr(&peer, 2, &attr), 0);
	test_true(attr.qid.path == top.qid.path);
	test_int(peer_walk(&peer, 3, "sub/../sub/b"), 0);
	/* Links are what they are, and what they are not they do not become. */
	test_int(peer_walk(&peer, 4, "out"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 4, 0), -ELOOP);
	test_int(peer_call(&peer, P9_TREADDIR, "dqd", 4, UINT64_C(0), 4000), -ENOTDIR);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 4, "x", 0755, 0), -ENOTDIR);
	test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 4, "secret", 0), -ENOTDIR);
	test_int(peer_walk(&peer, 5, ""), 0);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 5, "out", 0100, 0600, 0), -ELOOP);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 5, "sub", 0100, 0600, 0), -EISDIR);
	/* A part of a path that is none: as far as it goes. */
	test_int(peer_walk(&peer, 6, "sub/c"), -ENOENT);
	test_int(peer_attr(&peer, 6, &attr), -EBADF);
}

static void ways_out_of_a_tree(void)
{
	static const char *const names[] = {
		"..", "../outside", "sub/../../outside", "out", "slash", "in", "in/b", "nothing"};
	struct peer_attr top, attr;

	begin_at("/sub");
	test_int(peer_attr(&peer, 0, &top), 0);
	test_int(peer_walk(&peer, 1, ".."), 0);
	test_int(peer_attr(&peer, 1, &attr), 0);
	test_true(attr.qid.path == top.qid.path);
	test_true(peer_walk(&peer, 2, "../a") < 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
		test_true(peer_call(&peer, P9_TATTACH, "ddssd", 10 + i, P9_NOFID, "", names[i], 0) <
			  0);
	/* What the host takes away from under a client: below it is the client's still, above is nothing. */
	test_int(mkdirat(root, "sub/d", 0755), 0);
	test_int(mkdirat(root, "sub/d/e", 0755), 0);
	test_int(peer_walk(&peer, 3, "d/e"), 0);
	test_int(renameat(root, "sub/d", root, "d"), 0);
	test_int(peer_call(&peer, P9_TWALK, "ddws", 3, 4, 1, ".."), -ENOENT);
	test_int(peer_call(&peer, P9_TRENAME, "dds", 3, 0, "x"), -ENOENT);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 3), -ENOENT);
	test_int(faccessat(root, "d/e", F_OK, 0), 0);
	/* What the kernel calls one that is gone is a name that another may have. */
	begin();
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(unlinkat(root, "a", 0), 0);
	host_file("a (deleted)");
	test_int(peer_call(&peer, P9_TRENAME, "dds", 1, 0, "x"), -ENOENT);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 1), -ENOENT);
	test_int(faccessat(root, "a (deleted)", F_OK, 0), 0);
}

static void top_that_goes(void)
{
	begin_at("/sub");
	test_int(peer_walk(&peer, 5, ""), 0);
	test_int(unlinkat(root, "sub/b", 0), 0);
	test_int(unlinkat(root, "sub", AT_REMOVEDIR), 0);
	test_int(peer_walk(&peer, 6, ".."), 0);
	test_int(peer_walk(&peer, 7, "b"), -ENOENT);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 5, "x", 0755, 0), -ENOENT);
}

/* It would wait for a writer, for ever. */
static void special_files(void)
{
	begin();
	test_int(peer_walk(&peer, 1, "fifo"), 0);
	for (uint32_t how = 0; how < 3; how++)
		test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, how), -ENXIO);
	test_int(peer_walk(&peer, 2, ""), 0);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 2, "fifo", 0101, 0600, 0), -ENXIO);
	test_int(peer_call(&peer, P9_TSETATTR, "dddddqqqqq", 1, 8, 0, 0, 0, UINT64_C(0),
			   UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0)),
		 -EINVAL);
	if (mknodat(root, "null", S_IFCHR | 0666, 0x103) < 0)
		return;
	test_int(peer_walk(&peer, 3, "null"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 3, 2), -ENXIO);
}

/* To make a folder. */
static const char nul_name[] = "\x18\0\0\0H\x07\0\0\0\0\0\x03\0a\0b\xff\x01\0\0\0\0\0\0";

static void bad_names(void)
{
	static char longest[300];
	const char *const names[] = {"", ".", "..", "a/b", "/", "sub/", longest};
	const char *name;

	begin();
	memset(longest, 'n', 256);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int want = names[i] == longest ? -ENAMETOOLONG : -EINVAL;

		name = names[i];
		test_int(peer_walk(&peer, 1, ""), 0);
		test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 1, name, 0100, 0600, 0), want);
		test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 0, name, 0600, 0), want);
		test_int(peer_call(&peer, P9_TMKNOD, "dsdddd", 0, name, 0600, 0, 0, 0), want);
		test_int(peer_call(&peer, P9_TSYMLINK, "dssd", 0, name, "t", 0), want);
		test_int(peer_call(&peer, P9_TLINK, "dds", 0, 1, name), want);
		test_int(peer_call(&peer, P9_TRENAME, "dds", 1, 0, name), want);
		test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", 0, name, 0, "n"), want);
		test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", 0, "a", 0, name), want);
		test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, name, 0), want);
		test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", 0, name, 0x200), want);
		if (strcmp(name, "..") != 0)
			test_int(peer_call(&peer, P9_TWALK, "ddws", 0, 2, 1, name), want);
		test_int(peer_call(&peer, P9_TCLUNK, "d", 1), 0);
	}
	/* With a NUL within. */
	test_int(peer_raw(&peer, nul_name, sizeof(nul_name) - 1), -EINVAL);
}

static void bad_fids(void)
{
	const struct peer_data data = {.at = "x", .len = 1};
	const char *got;

	begin();
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_walk(&peer, 1, "sub"), -EBADF);
	test_int(peer_walk(&peer, P9_NOFID, "a"), -EBADF);
	test_int(peer_call(&peer, P9_TATTACH, "ddssd", 1, P9_NOFID, "", "", 0), -EBADF);
	test_int(peer_call(&peer, P9_TATTACH, "ddssd", 9, 1, "", "", 0), -EBADF);
	test_int(peer_call(&peer, P9_TAUTH, "dssd", 9, "", "", 0), -EOPNOTSUPP);
	/* Not opened. */
	test_int(peer_read(&peer, 1, 0, 10, &got), -EBADF);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 1, UINT64_C(0), &data), -EBADF);
	test_int(peer_call(&peer, P9_TFSYNC, "dd", 1, 0), -EBADF);
	/* Opened, and once only. */
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 2), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 2), -EBADF);
	test_int(peer_call(&peer, P9_TWALK, "ddw", 1, 1, 0), -EBADF);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 1, "n", 0100, 0600, 0), -ENOTDIR);
	test_int(peer_call(&peer, P9_TREADDIR, "dqd", 1, UINT64_C(0), 4000), -ENOTDIR);
	test_int(peer_call(&peer, P9_TWALK, "ddws", 1, 2, 1, "x"), -ENOTDIR);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 1, "user.x", UINT64_C(1), 0), -EBADF);
	test_int(peer_walk(&peer, 3, "sub"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 3, 0), 0);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 3, "n", 0100, 0600, 0), -EBADF);
	test_int(peer_read(&peer, 3, 0, 10, &got), -EISDIR);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 3, UINT64_C(0), &data), -EBADF);
	test_int(peer_walk(&peer, 4, "sub"), 0);
	for (uint32_t how = 1; how < 4; how++)
		test_int(peer_call(&peer, P9_TLOPEN, "dd", 4, how), -EISDIR);
	/* Never there. */
	test_int(peer_call(&peer, P9_TCLUNK, "d", 77), -EBADF);
	test_int(peer_call(&peer, P9_TWALK, "ddw", 77, 78, 0), -EBADF);
	test_int(peer_call(&peer, P9_TLINK, "dds", 0, 77, "x"), -EBADF);
	test_int(peer_call(&peer, P9_TFLUSH, "w", 3), 0);
}

/* One that is an attribute is nothing else. */
static void bad_xattr_fids(void)
{
	const struct peer_data data = {.at = "x", .len = 1};
	struct peer_attr attr;
	const char *got;

	begin();
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_call(&peer, P9_TXATTRWALK, "dds", 1, 2, ""), 0);
	test_int(peer_walk(&peer, 3, "a"), 0);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "user.x", UINT64_C(9), 8), -EINVAL);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "", UINT64_C(9), 0), -EINVAL);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "user.x", UINT64_C(65537), 0),
		 -E2BIG);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "user.x", UINT64_MAX, 0), -E2BIG);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 3, "user.x", UINT64_C(9), 0), 0);
	/* Of a folder, too, in which nothing is made by it. */
	test_int(peer_walk(&peer, 4, "sub"), 0);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", 4, "user.x", UINT64_C(9), 0), 0);
	for (uint32_t fid = 2; fid <= 4; fid++) {
		test_int(peer_call(&peer, P9_TWALK, "ddw", fid, 5, 0), -EBADF);
		test_int(peer_call(&peer, P9_TLOPEN, "dd", fid, 0), -EBADF);
		test_int(peer_call(&peer, P9_TXATTRWALK, "dds", fid, 5, "user.x"), -EBADF);
		test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", fid, "user.x", UINT64_C(1), 0),
			 -EBADF);
		test_int(peer_call(&peer, P9_TMKDIR, "dsdd", fid, "d", 0755, 0), -EBADF);
		test_int(peer_call(&peer, P9_TMKNOD, "dsdddd", fid, "n", 0600, 0, 0, 0), -EBADF);
		test_int(peer_call(&peer, P9_TSYMLINK, "dssd", fid, "s", "t", 0), -EBADF);
		test_int(peer_call(&peer, P9_TLCREATE, "dsddd", fid, "c", 0100, 0600, 0), -EBADF);
		test_int(peer_call(&peer, P9_TLINK, "dds", fid, 1, "l"), -EBADF);
		test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", fid, "b", 0, "b"), -EBADF);
		test_int(peer_call(&peer, P9_TRENAMEAT, "dsds", 0, "a", fid, "b"), -EBADF);
		test_int(peer_call(&peer, P9_TUNLINKAT, "dsd", fid, "b", 0), -EBADF);
		test_int(peer_call(&peer, P9_TLINK, "dds", 0, fid, "l"), -EBADF);
		test_int(peer_call(&peer, P9_TRENAME, "dds", fid, 0, "l"), -EBADF);
		test_int(peer_call(&peer, P9_TSETATTR, "dddddqqqqq", fid, 1, 0, 0, 0, UINT64_C(0),
				   UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0)),
			 -EBADF);
		test_int(peer_call(&peer, P9_TLOCK, "dbdqqds", fid, 0, 0, UINT64_C(0), UINT64_C(0),
				   1, ""),
			 -EBADF);
		test_int(peer_call(&peer, P9_TREADLINK, "d", fid), -EINVAL);
		test_int(peer_call(&peer, P9_TFSYNC, "d", fid), -EBADF);
		test_int(peer_attr(&peer, fid, &attr), -EBADF);
		test_int(peer_call(&peer, P9_TSTATFS, "d", fid), -EBADF);
	}
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 2, UINT64_C(0), &data), -EBADF);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 3, UINT64_MAX, &data), -EINVAL);
	test_int(peer_read(&peer, 3, 0, 10, &got), -EBADF);
	test_int(peer_read(&peer, 2, UINT64_MAX, UINT32_MAX, &got), 0);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 2), -EBADF);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 3), -EBADF);
	test_int(peer_call(&peer, P9_TREMOVE, "d", 4), -EBADF);
	test_int(server.fids.xattr_bytes, 0);
}

static void limits(void)
{
	const char *got;
	uint32_t n;

	begin();
	for (n = 1; peer_walk(&peer, n, "a") == 0; n++)
		test_true(n < FIDS && !told);
	test_int(n, FIDS);
	test_true(told);
	test_int(peer_walk(&peer, n, "a"), -ENFILE);
	test_int(peer_call(&peer, P9_TXATTRWALK, "dds", 1, n, ""), -ENFILE);
	test_int(peer_call(&peer, P9_TCLUNK, "d", 5), 0);
	test_int(peer_walk(&peer, n, "a"), 0);
	/* Memory, by attributes that are never written. */
	for (n = 1; peer_call(&peer, P9_TXATTRCREATE, "dsqd", n, "user.x", UINT64_C(65536), 0) == 0;
	     n += n == 4 ? 2 : 1)
		test_true(n < 20);
	test_int(peer_call(&peer, P9_TXATTRCREATE, "dsqd", n, "user.x", UINT64_C(65536), 0),
		 -ENOMEM);
	test_true(server.fids.xattr_bytes <= 1 << 20);
	/* It begins anew, with nothing. */
	peer_begin(&peer, 4096, "", 0);
	test_int(server.fids.n, 1);
	test_int(server.fids.xattr_bytes, 0);
	/* More than fits is cut; no fid is what it was. */
	test_int(peer_walk(&peer, 1, "a"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 2), 0);
	test_int(ftruncate(server.fids.chunks[0] ? p9_fid_find(&server.fids, 1)->fd : -1, 1 << 20),
		 0);
	test_int(peer_read(&peer, 1, 0, UINT32_MAX, &got), 4096 - 11);
	test_int(peer_read(&peer, 1, UINT64_MAX, 10, &got), -EINVAL);
	test_int(peer_call(&peer, P9_TREADLINK, "d", 1), -EINVAL);
}

static void limits_of_trees(void)
{
	char name[8];
	uint32_t n;

	begin();
	for (n = 0; n < 20; n++) {
		(void)snprintf(name, sizeof(name), "t%u", n);
		test_int(mkdirat(root, name, 0755), 0);
		if (peer_call(&peer, P9_TATTACH, "ddssd", 10 + n, P9_NOFID, "", name, 0) < 0)
			break;
	}
	test_int(n, P9_TREES_MAX - 1);
	test_int(peer_call(&peer, P9_TATTACH, "ddssd", 99, P9_NOFID, "", "sub", 0), -EMFILE);
	/* As many users as there are of one tree. */
	test_int(peer_call(&peer, P9_TATTACH, "ddssd", 99, P9_NOFID, "", "t0", 5), 0);
}

static void versions(void)
{
	char version[32];

	begin();
	test_int(peer_call(&peer, P9_TVERSION, "ds", 4095, P9_VERSION), -EINVAL);
	test_int(peer_call(&peer, P9_TVERSION, "ds", UINT32_MAX, P9_VERSION), 0);
	test_int(p9_get_u32(&peer.in), P9_MSIZE_MAX);
	test_int(peer_call(&peer, P9_TVERSION, "ds", 8192, "9P2000.u"), 0);
	test_int(p9_get_u32(&peer.in), 8192);
	test_int(p9_get_text(&peer.in, version, sizeof(version)), 0);
	test_str(version, "unknown");
	/* Nothing else is spoken then. */
	test_int(peer_call(&peer, P9_TCLUNK, "d", 0), -EPROTO);
	test_int(peer_call(&peer, P9_TVERSION, "ds", 8192, P9_VERSION), 0);
}

/* Requests that are all right, whose numbers begin with a fid of have_fids(). */
static const struct {
	enum p9_type type;
	const char *body;
	size_t len;
} whole[] = {
#define WHOLE(type, body)                    \
	{                                    \
		type, body, sizeof(body) - 1 \
	}
	WHOLE(P9_TVERSION, "\0\x20\0\0\x08\0" P9_VERSION),
	WHOLE(P9_TAUTH, "\x09\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TATTACH, "\x09\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TFLUSH, "\0\0"),
	WHOLE(P9_TWALK, "\0\0\0\0\x09\0\0\0\x01\0\x01\0a"),
	WHOLE(P9_TLOPEN, "\x01\0\0\0\0\0\0\0"),
	WHOLE(P9_TLCREATE, "\x02\0\0\0\x01\0n\x40\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TREAD, "\x03\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0"),
	WHOLE(P9_TWRITE, "\x03\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0xy"),
	WHOLE(P9_TCLUNK, "\x01\0\0\0"),
	WHOLE(P9_TREMOVE, "\x01\0\0\0"),
	WHOLE(P9_TSTATFS, "\0\0\0\0"),
	WHOLE(P9_TSYMLINK, "\0\0\0\0\x01\0s\x01\0t\0\0\0\0"),
	WHOLE(P9_TMKNOD, "\0\0\0\0\x01\0m\0\x81\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TRENAME, "\x01\0\0\0\0\0\0\0\x01\0n"),
	WHOLE(P9_TREADLINK, "\x05\0\0\0"),
	WHOLE(P9_TGETATTR, "\x01\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TSETATTR,
	      "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TXATTRWALK, "\x01\0\0\0\x09\0\0\0\0\0"),
	WHOLE(P9_TXATTRCREATE, "\x01\0\0\0\x06\0user.x\x02\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TREADDIR, "\x04\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0"),
	WHOLE(P9_TFSYNC, "\x03\0\0\0\0\0\0\0"),
	WHOLE(P9_TLOCK, "\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TGETLOCK, "\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TLINK, "\0\0\0\0\x01\0\0\0\x01\0l"),
	WHOLE(P9_TMKDIR, "\0\0\0\0\x01\0d\0\0\0\0\0\0\0\0"),
	WHOLE(P9_TRENAMEAT, "\0\0\0\0\x01\0a\0\0\0\0\x01\0n"),
	WHOLE(P9_TUNLINKAT, "\0\0\0\0\x01\0a\0\0\0\0"),
};

static size_t message(uint8_t *to, uint8_t type, const char *body, size_t len)
{
	struct p9_out out = {.at = to, .max = 4096};

	p9_put_u32(&out, (uint32_t)(P9_HEADER_LEN + len));
	p9_put_u8(&out, type);
	p9_put_u16(&out, 0);
	memcpy(to + out.len, body, len);
	return P9_HEADER_LEN + len;
}

/* Those that they are about: a file and a folder, the same opened, and a symbolic link. */
static void have_fids(void)
{
	static const char *const paths[] = {"a", "", "a", "", "in"};

	for (uint32_t i = 0; i < ARRAY_SIZE(paths); i++)
		test_int(peer_walk(&peer, i + 1, paths[i]), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 3, 2), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 4, 0), 0);
}

static void wrong_lengths(void)
{
	struct peer_attr attr;
	uint8_t bytes[4096];
	size_t len;
	int want;

	for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
		begin();
		have_fids();
		for (size_t cut = 0; cut < whole[i].len; cut++) {
			/* Older clients' form. */
			if (whole[i].type == P9_TFSYNC && cut == 4)
				continue;
			len = message(bytes, whole[i].type, whole[i].body, cut);
			test_int(peer_raw(&peer, bytes, len), -EPROTO);
		}
		memcpy(bytes, whole[i].body, whole[i].len);
		bytes[whole[i].len] = 0;
		len = message(peer.answer, whole[i].type, (char *)bytes, whole[i].len + 1);
		memcpy(bytes, peer.answer, len);
		test_int(peer_raw(&peer, bytes, len), -EPROTO);
		/* Nothing of that was done. */
		test_int(peer_attr(&peer, 1, &attr), 0);
		test_int(attr.size, 1);
		test_int(attr.nlink, 1);
		test_int(server.fids.n, 6);
		test_int(faccessat(root, "a", F_OK, 0), 0);
		len = message(bytes, whole[i].type, whole[i].body, whole[i].len);
		want = whole[i].type == P9_TAUTH ? -EOPNOTSUPP : 0;
		test_int(peer_raw(&peer, bytes, len), want);
	}
}

static void unknown_types(void)
{
	uint8_t bytes[64];

	begin();
	for (unsigned int type = 0; type < 256; type++) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
			known = known || whole[i].type == type;
		if (!known)
			test_int(peer_raw(&peer, bytes,
					  message(bytes, (uint8_t)type, "abcdefgh", 8)),
				 -EOPNOTSUPP);
	}
}

static void walks_of_too_many(void)
{
	struct p9_out out = {.at = peer.request, .max = 4096};
	uint8_t copy[4096];
	size_t len;

	begin();
	for (unsigned int n = 16; n <= 17; n++) {
		out.len = 0;
		p9_put_u32(&out, 0);
		p9_put_u8(&out, P9_TWALK);
		p9_put_u16(&out, 0);
		p9_put_u32(&out, 0);
		p9_put_u32(&out, n);
		p9_put_u16(&out, (uint16_t)n);
		for (unsigned int i = 0; i < n; i++)
			p9_put_text(&out, "..", 2);
		p9_set_u32(&out, 0, (uint32_t)out.len);
		len = out.len;
		memcpy(copy, peer.request, len);
		test_int(peer_raw(&peer, copy, len), n == 16 ? 0 : -EINVAL);
	}
}

static void many_fids(void)
{
	static struct p9_fids fids;
	struct p9_fid *fid;

	p9_fids_init(&fids, UINT32_MAX);
	for (uint32_t i = 0; i < P9_FIDS_MAX; i++)
		test_int(p9_fid_add(&fids, i * 7919, -EBADF, &fid), 0);
	test_int(p9_fid_add(&fids, 1, -EBADF, &fid), -ENFILE);
	test_int(p9_fid_add(&fids, 7919, -EBADF, &fid), -EBADF);
	for (uint32_t i = 0; i < P9_FIDS_MAX; i += 2)
		p9_fid_remove(&fids, p9_fid_find(&fids, i * 7919));
	for (uint32_t i = 0; i < P9_FIDS_MAX; i++)
		test_int(p9_fid_find(&fids, i * 7919) != NULL, i % 2);
	for (uint32_t i = 0; i < P9_FIDS_MAX; i += 2)
		test_int(p9_fid_add(&fids, i * 7919, -EBADF, &fid), 0);
	test_int(fids.n, P9_FIDS_MAX);
	p9_fids_deinit(&fids);
}

int main(void)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* What it says of a client without end is said once, and not here. */
	log_init("test", -1, LOG_LEVEL_ERROR);
	test_true(mkdtemp(dir));
	test_int(p9_drop_privileges(), 0);
	test_int(peer_enter_fds(proc), 0);
	umask(0);
	test_run(ways_out);
	test_run(ways_out_of_a_tree);
	test_run(top_that_goes);
	test_run(special_files);
	test_run(bad_names);
	test_run(bad_fids);
	test_run(bad_xattr_fids);
	test_run(limits);
	test_run(limits_of_trees);
	test_run(versions);
	test_run(wrong_lengths);
	test_run(unknown_types);
	test_run(walks_of_too_many);
	test_run(many_fids);
	p9_server_deinit(&server);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
