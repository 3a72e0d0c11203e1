/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mountinfo.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char folder[] = "/tmp/test-mountinfo-XXXXXX";

static void unescape(void)
{
	char all[] = "/a\\040b\\011\\134", none[] = "\\04x\\", eight[] = "\\080";

	mountinfo_unescape(all);
	test_str(all, "/a b\t\\");
	mountinfo_unescape(none);
	test_str(none, "\\04x\\");
	mountinfo_unescape(eight);
	test_str(eight, "\\080");
}

static struct mountinfo find(const char *name)
{
	_cleanup_free_ char *path = path_join(folder, name);
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct mountinfo found;

	test_true(fd >= 0);
	test_int(mountinfo_find(fd, &found), 0);
	return found;
}

static void mount_on(const char *name, unsigned long flags)
{
	_cleanup_free_ char *path = path_join(folder, name);

	test_int(path_mkdirs(path, 0700), 0);
	test_int(mount("test", path, "tmpfs", flags, NULL), 0);
}

static void what_is_mounted(void)
{
	struct mountinfo outer, inner, beside;

	mount_on("a b", 0);
	mount_on("a b/\\040", MS_RDONLY | MS_NOEXEC);
	mount_on("a b c", MS_NOEXEC);
	outer = find("a b");
	inner = find("a b/\\040");
	beside = find("a b c");
	test_true(outer.inside && !outer.readonly && !outer.noexec);
	test_true(!inner.inside && inner.readonly && inner.noexec);
	test_true(!beside.inside && !beside.readonly && beside.noexec);
	test_true(outer.id != inner.id && outer.id != beside.id);
	test_true(find("").inside && find("/").id == find("").id);
}

int main(void)
{
	test_run(unescape);
	if (!test_is_root())
		return TEST_SKIPPED;
	test_int(unshare(CLONE_NEWNS), 0);
	test_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	test_true(mkdtemp(folder));
	test_int(mount("test", folder, "tmpfs", 0, NULL), 0);
	test_run(what_is_mounted);
	test_int(umount2(folder, MNT_DETACH), 0);
	test_int(rmdir(folder), 0);
	return 0;
}
