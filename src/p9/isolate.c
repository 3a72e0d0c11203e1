/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A hostile guest that owns a process that serves it shall have nothing by that. So
 *
 * 1. descriptors: only standard error and the listener stay open (fd_keep_only())
 * 2. namespaces: mounts, network, System V objects of its own; without root the user namespace of whoever has started
 *    the program
 * 3. the file system: the root becomes the folder that is shared, and all that is not below it is not there any more,
 *    but for a descriptor of /proc, of which each process that serves has only its own /proc/self/fd as the working
 *    folder (node.h), which it may only look up its own descriptors in
 * 4. privileges: those that a file server needs stay; they are kept by a user who is not root, too, as whom files are
 *    made, so that what is checked of users is what the guest's kernel has checked (who.h)
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

/* Beside those of files: standard ones, the two folders, the socket, and what a request has open meanwhile. */
#define OTHER_FILES 32

static const int kept[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
	CAP_MKNOD, CAP_SETFCAP,	     CAP_SETGID, CAP_SETUID,
};

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

static bool is_kept(int cap)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i] == cap)
			return true;
	return false;
}

static int drop_bounding(void)
{
	/* Fails once there is no such capability: the last one is not known at build time. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!is_kept(cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	return 0;
}

int p9_drop_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
	uint32_t mask = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		mask |= 1u << kept[i];
	if (syscall(SYS_capget, &header, caps) < 0)
		return -errno;
	/* Groups that whoever started it is in would let it do more than it should; there may be none to give up. */
	(void)setgroups(0, NULL);
	/* Without privileges there is none to keep. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED, 0, 0,
		  0) < 0 &&
	    errno != EPERM)
		return -errno;
	r = drop_bounding();
	if (r < 0)
		return r;
	caps[0] = (struct __user_cap_data_struct){.permitted = caps[0].permitted & mask,
						  .effective = caps[0].permitted & mask};
	caps[1] = (struct __user_cap_data_struct){0};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &header, caps) < 0 ? -errno : 0;
}

int p9_isolate(const char *path, int *ret_root, int *ret_proc, const char **ret_what)
{
	int r;

	*ret_what = "/proc";
	*ret_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_proc < 0)
		return -errno;
	*ret_what = "namespaces and root folder";
	r = make_root(path);
	if (r < 0)
		return r;
	*ret_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_root < 0)
		return -errno;
	*ret_what = "capabilities";
	return p9_drop_privileges();
}
