/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/disk-open.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "image/superblock.h"
#include "sandbox/oci-disks.h"
#include "sandbox/volume.h"

#define MIB (UINT64_C(1) << 20)

static char dir[] = "/tmp/test-disk.XXXXXX";
static struct sandbox_spec spec = SANDBOX_SPEC_NULL;
static struct err err;

static int set(const char *text)
{
	sandbox_spec_done(&spec);
	spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	return disks_set("DISKS", text, &spec, &err);
}

static void words(void)
{
	test_int(set("/disk1,/a//b/.,ext4,1G;/disks/2,/c,ro;;/disks/3,/d,512M,rw"), 0);
	test_int(spec.volumes.n, 3);
	test_str(spec.volumes.v[0], "inner-disk:1073741824:/disk1");
	test_str(spec.volume_targets.v[0], "/a/b");
	test_str(spec.volumes.v[1], "inner-disk-ro:0:/disks/2");
	test_str(spec.volumes.v[2], "inner-disk:536870912:/disks/3");
}

static void what_is_no_disk(void)
{
	static const struct {
		const char *text, *part;
		int code;
	} all[] = {
		{"/disk1", "'/disk1' is no disk: say " DISK_FORM, -EINVAL},
		{",/a,1G", "is no disk", -EINVAL},
		{"/d,a,1G", "\"a\" is no absolute path", -EINVAL},
		{"/d,/,1G", "\"/\" is no absolute path below /", -EINVAL},
		{"/d,/a/../b,1G", "without \"..\"", -EINVAL},
		{"d,/a,1G", "\"d\" is no absolute path", -EINVAL},
		{"/d,/a,ext4,1X", "'1X' is no size", -EINVAL},
		{"/d,/a,ext4,1K", "'1K' is no size of a disk from 1M", -EINVAL},
		{"/d,/a,xfs,1G", "'xfs' is neither a size nor ro nor ext4", -ENOTSUP},
		{"/d,/a,1G;/e,/a/,1G", "two are to be mounted on /a", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		err.text[0] = '\0';
		test_int(set(all[i].text), all[i].code);
		if (!strstr(err.text, all[i].part))
			test_fail("%s: \"%s\" lacks \"%s\"", all[i].text, err.text, all[i].part);
	}
	test_int(set("/1,/1;/2,/2;/3,/3;/4,/4;/5,/5;/6,/6;/7,/7;/8,/8"), 0);
	test_int(disks_check(&spec, &err), 0);
	test_int(set("/1,/1;/2,/2;/3,/3;/4,/4;/5,/5;/6,/6;/7,/7;/8,/8;/9,/9"), 0);
	test_int(disks_check(&spec, &err), -EINVAL);
}

/* Before the mounts that are in them, after those that they are in. */
static void among_mounts(void)
{
	char *json = xstrdup("{\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/a/b/c\"},"
			     "{\"destination\":\"/a/bc\"}]}");
	struct json_object *o, *mounts;
	static const char *const want[] = {"/a", "/a/b", "/a/b/c", "/a/bc", "/d"};

	test_int(set("/1,/a/b,1G;/2,/d,ro"), 0);
	oci_disks_add(&spec, &json);
	o = json_tokener_parse(json);
	mounts = json_object_object_get(o, "mounts");
	test_int(json_object_array_length(mounts), 5);
	for (size_t i = 0; i < 5; i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);

		test_str(json_object_get_string(json_object_object_get(mount, "destination")),
			 want[i]);
	}
	test_true(strstr(json, "disk0") && strstr(json, "disk1"));
	json_object_put(o);
	free(json);
}

static int open_one(const char *name, uint64_t size, bool readonly)
{
	_cleanup_close_ int at = open(dir, O_PATH | O_CLOEXEC);
	struct disk disk = {.source = (char *)name, .size = size, .readonly = readonly};
	bool device;

	err.text[0] = '\0';
	return disk_open(at, name, &disk, &device, &err);
}

static void fails(const char *name, uint64_t size, bool readonly, int code, const char *part)
{
	test_int(open_one(name, size, readonly), code);
	if (!strstr(err.text, part))
		test_fail("%s: \"%s\" lacks \"%s\"", name, err.text, part);
}

static void made(void)
{
	uint64_t size;
	struct stat st;
	int fd;

	fails("/one", 0, false, -ENOENT, "the disk /one is not there: with a size, as 10G");
	fails("/one", 4 * MIB, true, -ENOENT, "it is to be read only");
	fd = open_one("/../one", 8 * MIB, false);
	test_true(fd >= 0 && fstat(fd, &st) == 0);
	test_true((uint64_t)st.st_size == 8 * MIB && (uint64_t)st.st_blocks * 512 < 2 * MIB);
	test_int(superblock_size(fd, &size), 0);
	test_true(size == 8 * MIB);
	fails("/one", 0, false, -EBUSY, "in use by another container");
	fails("/one", 0, true, -EBUSY, "in use by another container");
	fd_close(fd);
	/* It is there now, and two may read it at once. */
	fd = open_one("/one", 0, true);
	test_int(fd_close(open_one("/one", 0, true)), -EBADF);
	fails("/one", 0, false, -EBUSY, "in use");
	fd_close(fd);
	fails("/one", 4 * MIB, false, -EINVAL, "has 8M already, and does not shrink to 4M");
	fails("/one", 16 * MIB, true, -EROFS, "does not grow to 16M");
	fd = open_one("/one", 16 * MIB, false);
	test_true(fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == 16 * MIB);
	fd_close(fd);
}

static void put(const char *name, off_t size, off_t at, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	test_true(fd >= 0 && ftruncate(fd, size) == 0);
	test_true(pwrite(fd, text, strlen(text), at) == (ssize_t)strlen(text));
}

static void left_alone(void)
{
	_cleanup_free_ char *fifo = path_join(dir, "fifo"), *link = path_join(dir, "link");
	_cleanup_free_ char *file = path_join(dir, "far");
	char *text = NULL;

	put("text", 0, 0, "valuable");
	fails("/text", 0, false, -EMEDIUMTYPE, "is no ext4 file system: it is left as it is");
	fails("/text", MIB, false, -EMEDIUMTYPE, "it is left as it is");
	put("far", 8 << 20, 5 << 20, "valuable");
	fails("/far", 8 * MIB, false, -EMEDIUMTYPE, "it is left as it is");
	test_int(file_slurp_at(AT_FDCWD, file, 9 << 20, &text, NULL), 0);
	test_str(text + (5 << 20), "valuable");
	free(text);
	fails("/", MIB, false, -EISDIR, "is a folder");
	test_int(mkfifo(fifo, 0600), 0);
	fails("/fifo", MIB, false, -EINVAL, "neither a file nor a block device");
	/* Out of the folder nothing leads. */
	test_int(symlink("/etc/passwd", link), 0);
	fails("/link", 0, false, -ENOENT, "is not there");
	put("holes", 4 << 20, 0, "");
	fails("/holes", 2 * MIB, false, -EINVAL, "has 4M already");
	test_int(fd_close(open_one("/holes", 0, false)), -EBADF);
	test_str(err.text, "");
	put("none", 0, 0, "");
	fails("/none", 0, false, -EINVAL, "the disk /none is empty");
	fails("/none", MIB, true, -EROFS, "it is to be read only");
}

int main(void)
{
	test_true(mkdtemp(dir));
	test_run(words);
	test_run(what_is_no_disk);
	test_run(among_mounts);
	test_run(made);
	test_run(left_alone);
	sandbox_spec_done(&spec);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
