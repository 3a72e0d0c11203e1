/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/mount-option.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static struct err err;

static void good(int (*read)(const char *text, struct mount_option *ret, struct err *err),
		 const char *text, const char *want)
{
	struct mount_option o = MOUNT_OPTION_NULL;
	_cleanup_free_ char *got = NULL;

	if (read(text, &o, &err) < 0)
		test_fail("%s: %s", text, err.text);
	got = xasprintf("%s %s %s%s%s",
			o.kind == MOUNT_PATH	 ? "path"
			: o.kind == MOUNT_VOLUME ? "volume"
						 : "tmpfs",
			o.source, o.target, o.readonly ? " ro" : "", o.make ? " make" : "");
	test_str(got, want);
	mount_option_done(&o);
}

static void bad(int (*read)(const char *text, struct mount_option *ret, struct err *err),
		const char *text, const char *why)
{
	struct mount_option o = MOUNT_OPTION_NULL;

	err = (struct err)ERR_NULL;
	test_true(read(text, &o, &err) < 0);
	if (!strstr(err.text, why))
		test_fail("%s: %s", text, err.text);
	mount_option_done(&o);
}

static void volumes(void)
{
	good(mount_option_volume, "/a:/b", "path /a /b make");
	good(mount_option_volume, "/a:/b:ro", "path /a /b ro make");
	good(mount_option_volume, "./a:/b:rw,z", "path ./a /b make");
	good(mount_option_volume, "name:/b:ro,Z,nocopy,rprivate", "volume name /b ro make");
	good(mount_option_volume, "/a://b/./c/", "path /a /b/c make");
	bad(mount_option_volume, "/a", "say SOURCE:TARGET");
	bad(mount_option_volume, ":/b", "say SOURCE:TARGET");
	bad(mount_option_volume, "", "say SOURCE:TARGET");
	bad(mount_option_volume, "/a:", "no absolute path");
	bad(mount_option_volume, "/a:b", "no absolute path");
	bad(mount_option_volume, "/a:/", "no absolute path");
	bad(mount_option_volume, "/a:/.", "no absolute path");
	bad(mount_option_volume, "/a:/b/../c", "no absolute path");
	bad(mount_option_volume, "a/b:/c", "neither a path");
	bad(mount_option_volume, "-a:/c", "neither a path");
	bad(mount_option_volume, "a:/c", "neither a path");
	bad(mount_option_volume, "/a:/b:rshared", "\"rshared\" cannot be had");
	bad(mount_option_volume, "/a:/b:slave", "\"slave\" cannot be had");
	bad(mount_option_volume, "/a:/b:delegated", "no option \"delegated\"");
	bad(mount_option_volume, "/a:/b:ro:rw", "no option \"ro:rw\"");
}

static void mounts(void)
{
	good(mount_option_mount, "type=bind,source=/a,target=/b", "path /a /b");
	good(mount_option_mount, "type=bind,src=/a=c,dst=/b,ro", "path /a=c /b ro");
	good(mount_option_mount, "destination=/b,readonly=false,type=volume,src=name",
	     "volume name /b");
	good(mount_option_mount, "source=name,target=/b,readonly=1,volume-nocopy",
	     "volume name /b ro");
	good(mount_option_mount, "type=bind,source=/a,target=/b,bind-propagation=private",
	     "path /a /b");
	good(mount_option_mount, "type=tmpfs,target=/b", "tmpfs noexec,nosuid,nodev /b");
	good(mount_option_mount, "type=tmpfs,target=/b,tmpfs-size=1m,tmpfs-mode=700,ro",
	     "tmpfs noexec,nosuid,nodev,size=1m,mode=700,ro /b ro");
	bad(mount_option_mount, "type=bind,target=/b", "needs a source");
	bad(mount_option_mount, "type=bind,source=/a", "no target");
	bad(mount_option_mount, "type=bind,source=name,target=/b", "no path");
	bad(mount_option_mount, "type=volume,source=/a,target=/b", "no volume's name");
	bad(mount_option_mount, "type=npipe,source=/a,target=/b", "type=npipe cannot be had");
	bad(mount_option_mount, "type=tmpfs,source=/a,target=/b", "no source");
	bad(mount_option_mount, "type=tmpfs,target=/b,tmpfs-size=lots", "\"size=lots\"");
	bad(mount_option_mount, "type=bind,source=/a,target=/b,tmpfs-size=1m", "type=tmpfs only");
	bad(mount_option_mount, "type=bind,source=/a,target=/b,readonly=maybe", "true or false");
	bad(mount_option_mount, "type=bind,source=/a,target=/b,bind-propagation=rslave",
	    "cannot be had");
	bad(mount_option_mount, "type=bind,source=/a,target=/b,bind-propagation=x",
	    "no propagation");
	bad(mount_option_mount, "type=bind,source=,target=/b", "no value");
	bad(mount_option_mount, "type=bind,source=/a,target=/b,", "no key \"\"");
	bad(mount_option_mount, "", "no key \"\"");
}

static void tmpfs(void)
{
	good(mount_option_tmpfs, "/t", "tmpfs noexec,nosuid,nodev /t");
	good(mount_option_tmpfs, "/t:size=64m,exec,uid=5",
	     "tmpfs noexec,nosuid,nodev,size=64m,exec,uid=5 /t");
	bad(mount_option_tmpfs, "t", "no absolute path");
	bad(mount_option_tmpfs, "/t:size=", "no option \"size=\"");
	bad(mount_option_tmpfs, "/t:huge=always", "no option \"huge=always\"");
	bad(mount_option_tmpfs, "/t:lowerdir=/", "no option");
}

static char dir[] = "/tmp/test-mount-option-XXXXXX";
static struct mount_options options;
static struct sandbox_spec spec;

static int apply(void)
{
	int r;

	spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	err = (struct err)ERR_NULL;
	r = mount_options_apply(&options, dir, &spec, &err);
	mount_options_done(&options);
	return r;
}

static void into_a_spec(void)
{
	_cleanup_free_ char *first = xasprintf("%s/./new/deep:/a/b/c:ro", dir);
	_cleanup_free_ char *want = xasprintf("ro:%s/new/deep", dir);
	_cleanup_free_ char *store = xasprintf("rw:%s/volumes/data", dir);

	strv_add(&options.volumes, first);
	strv_add(&options.volumes, "data:/a");
	strv_add(&options.tmpfs, "/a/b");
	strv_add(&options.tmpfs, "/z");
	strv_add(&options.disks, "/proc/../disk,/a/b/c/d,1G,ro");
	if (apply() < 0)
		test_fail("%s", err.text);
	/* What is in another one comes after it. */
	test_int(spec.volumes.n, 5);
	test_str(spec.volumes.v[0], store);
	test_str(spec.volume_targets.v[0], "/a");
	test_str(spec.volume_targets.v[1], "/z");
	test_str(spec.volume_targets.v[2], "/a/b");
	test_str(spec.volumes.v[2], "tmpfs:noexec,nosuid,nodev");
	test_str(spec.volumes.v[3], want);
	test_str(spec.volumes.v[4], "disk-ro:1073741824:/disk");
	test_str(spec.volume_targets.v[4], "/a/b/c/d");
	test_int(access(store + 3, X_OK), 0);
	test_int(access(want + 3, X_OK), 0);
	sandbox_spec_done(&spec);
}

static void not_into_a_spec(void)
{
	_cleanup_free_ char *missing = xasprintf("type=bind,source=%s/missing,target=/a", dir);
	char text[32];

	strv_add(&options.mounts, missing);
	test_int(apply(), -ENOENT);
	test_str(strstr(err.text, "missing"), "missing to /a: No such file or directory");
	strv_add(&options.volumes, "/dev/null:/a");
	test_int(apply(), -ENOTSUP);
	test_str(err.text, "/dev/null, for /a, is a device of the host");
	strv_add(&options.volumes, "/:/a");
	strv_add(&options.tmpfs, "/a/");
	test_int(apply(), -EINVAL);
	test_str(err.text, "two are to be mounted on /a");
	for (int i = 0; i < 65; i++) {
		(void)snprintf(text, sizeof(text), "/t%d", i);
		strv_add(&options.tmpfs, text);
	}
	test_int(apply(), -EINVAL);
	test_str(err.text, "a container has at most 64 volumes, mounts, tmpfs and disks");
}

int main(void)
{
	test_true(mkdtemp(dir));
	test_run(volumes);
	test_run(mounts);
	test_run(tmpfs);
	test_run(into_a_spec);
	test_run(not_into_a_spec);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
