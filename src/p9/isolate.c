/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A hostile guest that owns a process that serves it shall have nothing by that. So
 *
 * 1. descriptors: only standard error and the listener stay open (fd_keep_only())
 * 2. namespaces: mounts, network, System V objects of its own; without root the user namespace of whoever has started
 *    the program
 * 3. the file system: the root becomes the folder that is shared, and all that is not below it is not there any more.
 *    The working folder of each process that serves is its own /proc/self/fd, to look up its own descriptors in: as a
 *    mount of its own that is nowhere in the tree, of which ".." does not lead out. To make it the parent, who reads
 *    nothing that a guest has sent, can go back to the mounts that there were
 * 4. privileges: those that a file server needs stay; they are kept by a user who is not root, too, as whom files are
 *    made, so that what is checked of users is what the guest's kernel has checked (who.h). The parent has those besides
 *    that 3. takes. Nobody may trace it or them
 * 5. each connection has a process, which ends with its parent, and makes no system calls but those of the rules that
 *    stand beside the code (base/seal.h); among these there is none to make a process or a socket, or to run a program
 *
 * A step that fails is an error: running half isolated would not be noticed.
 */
#include "p9/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "p9/fid.h"
#include "p9/node.h"

/* Beside those of files: standard ones, the two folders, the socket, and what a request has open meanwhile. */
#define OTHER_FILES 32

#define CAP(name)   (UINT64_C(1) << (name))
/* To read and write files as whoever the guest says, and to make all kinds of them. */
#define CAPS_SERVING                                                                  \
	(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) | \
	 CAP(CAP_MKNOD) | CAP(CAP_SETFCAP) | CAP(CAP_SETGID) | CAP(CAP_SETUID))
/* To go from one mount namespace to another. */
#define CAPS_PARENT (CAPS_SERVING | CAP(CAP_SYS_ADMIN) | CAP(CAP_SYS_CHROOT))

static int make_root(const char *path)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0)
		return -errno;
	/* What is mounted outside later shows inside where that was asked for, and nothing the other way. */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
	    mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(path) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

uint32_t p9_limit_files(void)
{
	struct rlimit files, core = {0}, wanted;

	wanted.rlim_cur = wanted.rlim_max = P9_FIDS_MAX + OTHER_FILES;
	(void)setrlimit(RLIMIT_CORE, &core);
	if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return P9_FIDS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return 0;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	return files.rlim_max > OTHER_FILES ? (uint32_t)files.rlim_max - OTHER_FILES : 0;
}

static int drop_bounding(void)
{
	/* Fails once there is no such capability: the last one is not known at build time. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(CAPS_SERVING & CAP(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
		    errno != EPERM)
			return -errno;
	return 0;
}

static int keep_only(uint64_t kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
	int r;

	if (syscall(SYS_capget, &header, caps) < 0)
		return -errno;
	/* Without privileges there is none to keep. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED, 0, 0,
		  0) < 0 &&
	    errno != EPERM)
		return -errno;
	r = drop_bounding();
	if (r < 0)
		return r;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++, kept >>= 32) {
		uint32_t mask = caps[i].permitted & (uint32_t)kept;

		caps[i] = (struct __user_cap_data_struct){.permitted = mask, .effective = mask};
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &header, caps) < 0 ? -errno : 0;
}

int p9_drop_privileges(void)
{
	return keep_only(CAPS_SERVING);
}

/* Which the process must be in where /proc is. */
static int mount_namespace(void)
{
	int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int p9_isolate(const char *path, struct p9_cell *ret, const char **ret_what)
{
	_cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	*ret_what = "/proc";
	*ret = (struct p9_cell){.root = -EBADF, .outside = mount_namespace(), .inside = -EBADF};
	if (proc < 0)
		return -errno;
	if (ret->outside < 0)
		return ret->outside;
	*ret_what = "namespaces and root folder";
	r = make_root(path);
	if (r < 0)
		return r;
	ret->inside = openat(proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	ret->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret->inside < 0 || ret->root < 0)
		return -errno;
	*ret_what = "capabilities";
	/* Groups that whoever started it is in would let it do more than it should; there may be none to give up. */
	(void)setgroups(0, NULL);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return keep_only(CAPS_PARENT);
}

/* Return: a mount of /proc/self/fd alone, or negative errno. */
static int clone_own_fds(const struct p9_cell *cell)
{
	_cleanup_close_ int fds = -EBADF;

	if (setns(cell->outside, CLONE_NEWNS) < 0)
		return -errno;
	fds = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc/self/fd",
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fds < 0 || setns(cell->inside, CLONE_NEWNS) < 0)
		return -errno;
	return take_fd(fds);
}

int p9_enter(struct p9_cell *cell)
{
	_cleanup_close_ int fds = clone_own_fds(cell);
	int r = fds < 0 ? fds : p9_enter_fds(fds);

	cell->outside = fd_close(cell->outside);
	cell->inside = fd_close(cell->inside);
	return r < 0 ? r : keep_only(CAPS_SERVING);
}
