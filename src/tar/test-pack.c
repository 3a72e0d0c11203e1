/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"

/* What others make of the archives is tests/tar/test-copy.py's; this is of what fails. */

#define FILES 8

static char folder[] = "/tmp/test-pack-XXXXXX";
static unsigned int n_put;

static int refuse(void *userdata, const void *data, size_t len)
{
	(void)userdata;
	(void)data;
	(void)len;
	return -EPIPE;
}

/* Takes the files away that are not packed yet, and then no more. */
static int take_away(void *userdata, const void *data, size_t len)
{
	char name[16];

	(void)data;
	(void)len;
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		(void)unlinkat(*(const int *)userdata, name, 0);
	}
	return n_put++ == 0 ? 0 : -ENOSPC;
}

static int ignore(void *userdata, const void *data, size_t len)
{
	(void)userdata;
	(void)data;
	(void)len;
	return 0;
}

static int pack(int (*put)(void *userdata, const void *data, size_t len), unsigned int flags,
		struct tar_trouble *trouble)
{
	_cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct tar_pack what = {
		.dir = dir, .name = ".", .flags = flags, .put = put, .userdata = &dir};

	test_true(dir >= 0);
	memset(trouble, 'x', sizeof(*trouble));
	n_put = 0;
	return tar_pack(&what, trouble);
}

static void make_file(int i)
{
	static const char content[TAR_PACK_CHUNK] = "no hole";
	_cleanup_close_ int fd = -EBADF;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%d", folder, i);
	fd = creat(path, 0600);
	test_int(fd_write_full(fd, content, sizeof(content)), 0);
}

static void what_put_says_is_no_trouble_of_ours(void)
{
	struct tar_trouble trouble;

	test_int(pack(refuse, 0, &trouble), -EPIPE);
	test_true(!trouble.what);
	test_int(trouble.path[0], 0);
}

static void what_has_vanished_is_not_to_blame(void)
{
	struct tar_trouble trouble;

	for (int i = 0; i < FILES; i++)
		make_file(i);
	test_int(pack(take_away, 0, &trouble), -ENOSPC);
	test_true(!trouble.what);
	test_int(trouble.path[0], 0);
}

static void a_file_is_no_whiteout(void)
{
	struct tar_trouble trouble;
	struct err err = ERR_NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/.wh.etc", folder);
	test_int(close(creat(path, 0600)), 0);
	test_int(pack(ignore, 0, &trouble), 0);
	test_int(pack(ignore, TAR_PACK_WHITEOUTS, &trouble), -EILSEQ);
	test_int(tar_trouble_err(&trouble, -EILSEQ, &err), -EILSEQ);
	test_int(err.code, -EILSEQ);
	test_str(err.text, "cannot pack \"./.wh.etc\": in a layer, such a name says that a file is "
			   "gone");
	test_int(unlink(path), 0);
}

int main(void)
{
	test_true(mkdtemp(folder));
	test_run(what_put_says_is_no_trouble_of_ours);
	test_run(what_has_vanished_is_not_to_blame);
	test_run(a_file_is_no_whiteout);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
