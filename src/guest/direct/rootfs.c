/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/parse.h"
#include "guest/direct/identity.h"
#include "guest/mount/layers.h"

static int mount_one(struct setup *s, const Containerd__Types__Mount *m)
{
	/* Again for each: the one before it may be on it. */
	_cleanup_close_ int root = open(s->root_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct mount_error error;
	int r;

	if (root < 0)
		return -errno;
	r = layers_mount(m, root, false, &error);
	return r < 0 ? setup_fail(s, r, error.code, "root file system: %s", error.text) : 0;
}

int rootfs_mount(struct setup *s)
{
	int r = 0;

	/* Nothing that is mounted from here on may show anywhere else. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mkdir(s->root_dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	for (size_t i = 0; i < s->request->n_rootfs && r == 0; i++)
		r = mount_one(s, s->request->rootfs[i]);
	return r;
}

int rootfs_enter(struct setup *s)
{
	if (chdir(s->root_dir) < 0)
		return -errno;
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

#define LOCKED (MS_NOSUID | MS_NOEXEC | MS_NODEV)

static const struct furniture {
	const char *source, *target, *type;
	unsigned long flags;
	const char *data;
	bool optional; /* not all kernels have it */
	bool groups;   /* of control groups */
} furniture[] = {
	{"proc", "/proc", "proc", LOCKED, NULL, false, false},
	{"tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=64m", false, false},
	{"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
	 "newinstance,ptmxmode=0666,mode=0620,gid=5", false, false},
	{"shm", "/dev/shm", "tmpfs", LOCKED, "mode=1777,size=64m", false, false},
	{"mqueue", "/dev/mqueue", "mqueue", LOCKED, NULL, true, false},
	{"sysfs", "/sys", "sysfs", LOCKED | MS_RDONLY, NULL, true, false},
	{"cgroup", "/sys/fs/cgroup", "cgroup2", LOCKED | MS_RDONLY, NULL, true, true},
};

struct device {
	const char *path;
	unsigned int major, minor;
};

static const struct device devices[] = {
	{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

/* What one that may do anything would miss. */
static const struct device more_devices[] = {
	{"/dev/kmsg", 1, 11},
	{"/dev/fuse", 10, 229},
	{"/dev/loop-control", 10, 237},
	{"/dev/net/tun", 10, 200},
};

static const struct {
	const char *path, *target;
} links[] = {
	{"/dev/ptmx", "pts/ptmx"},	    {"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},  {"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"},
};

static const char *const masked[] = {ABI_MASKED_PATHS};
static const char *const read_only[] = {ABI_READ_ONLY_PATHS};

static bool is_privileged(const struct setup *s)
{
	return identity_is_privileged(s->request->process);
}

static int put_furniture(struct setup *s, const struct furniture *f)
{
	bool groups = f->groups && s->request->container->delegate_cgroups;
	unsigned long flags = f->flags;
	char buf[64];

	/* One that may mount would have it otherwise at once. */
	if (groups || is_privileged(s))
		flags &= ~(unsigned long)MS_RDONLY;
	(void)mkdir(f->target, 0755);
	if (mount(f->source, f->target, f->type, flags, f->data) == 0 || f->optional)
		return 0;
	return setup_fail(s, -errno, TTRPC_INTERNAL, "cannot mount %s on %s: %s", f->type,
			  f->target, setup_error(-errno, buf));
}

static int make_nodes(const struct device *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (mknod(list[i].path, S_IFCHR | 0666, makedev(list[i].major, list[i].minor)) < 0)
			return -errno;
	return 0;
}

static int make_devices(const struct setup *s)
{
	int r = make_nodes(devices, ARRAY_SIZE(devices));

	if (r == 0 && is_privileged(s)) {
		(void)mkdir("/dev/net", 0755);
		r = make_nodes(more_devices, ARRAY_SIZE(more_devices));
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i].target, links[i].path) < 0)
			return -errno;
	return 0;
}

static int mask(const char *path)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		r = mount("tmpfs", path, "tmpfs", MS_RDONLY, NULL);
	else
		r = mount("/dev/null", path, NULL, MS_BIND, NULL);
	return r < 0 ? -errno : 0;
}

static int make_read_only(const char *path, unsigned long flags)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno == ENOENT ? 0 : -errno;
	flags |= MS_BIND | MS_REMOUNT | MS_RDONLY;
	return mount(path, path, NULL, flags, NULL) < 0 ? -errno : 0;
}

int rootfs_furnish(struct setup *s)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(furniture) && r == 0; i++)
		r = put_furniture(s, &furniture[i]);
	if (r == 0)
		r = make_devices(s);
	/* One that may mount could take all of this away again. */
	if (is_privileged(s))
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(masked) && r == 0; i++)
		r = mask(masked[i]);
	for (size_t i = 0; i < ARRAY_SIZE(read_only) && r == 0; i++)
		r = make_read_only(read_only[i], LOCKED);
	return r;
}

int rootfs_protect(struct setup *s)
{
	if (!s->request->container->readonly_rootfs)
		return 0;
	return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0 ? -errno : 0;
}
