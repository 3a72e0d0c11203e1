/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The process that moves a guest's bytes is the first one that a hostile guest would like to own.
 * Once it holds everything it needs, it gives up the rest, in this order:
 *
 * 1. descriptors: only standard error, the front-end's socket and the listener stay open
 *    (fd_keep_only(), before anything else is opened)
 * 2. limits: as many descriptors as there can be connections, no core file
 * 3. namespaces: a user namespace when not root; then mounts, network (abstract sockets of the host
 *    are out of reach; sockets with a path are not, they belong to the file system) and System V
 *    objects
 * 4. the file system: the root becomes the folder with the sockets to connect to
 * 5. privileges: all capabilities, for ever
 * 6. others of the same user cannot look into the process any more, nor it make system calls but
 *    those of a filter made of the rules that stand beside the code (base/seal.h)
 *
 * A step that fails is an error: running half isolated would not be noticed. The exception is 3 and
 * 4 without root, as many systems forbid unprivileged user namespaces; the filter holds all the
 * same.
 */
#include "vsockd/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/seal.h"

static int set_limits(unsigned int max_fds, unsigned int *ret_max_fds)
{
	struct rlimit files, core = {0};

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	if (files.rlim_max == RLIM_INFINITY || files.rlim_max > max_fds)
		files.rlim_max = max_fds;
	files.rlim_cur = files.rlim_max;
	*ret_max_fds = (unsigned int)files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &core) < 0)
		return -errno;
	return 0;
}

static int leave_namespaces(const char *dir)
{
	const int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
	bool root = unshare(spaces) == 0;

	if (!root && errno != EPERM)
		return -errno;
	if (chdir(dir) < 0)
		return -errno;
	if (root)
		return chroot(".") < 0 ? -errno : 0;
	/* What is used is names in the working folder: they are the same without the next two. */
	if (unshare(CLONE_NEWUSER | spaces) == 0 && chroot(".") < 0 && errno != EPERM)
		return -errno;
	return 0;
}

static int drop_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/* Fails once there is no such capability: the last one is not known at build time. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* The kernel forgets the signal when capabilities go; the parent may have died meanwhile. */
static int end_with_parent(int death_signal, pid_t parent)
{
	if (!death_signal)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

int isolate_enter(const char *dir, unsigned int max_fds, unsigned int *ret_max_fds,
		  const char **ret_what)
{
	const pid_t parent = getppid();
	int death_signal = 0, r;

	(void)prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	*ret_what = "limits";
	r = set_limits(max_fds, ret_max_fds);
	if (r < 0)
		return r;
	*ret_what = "namespaces and root folder";
	r = leave_namespaces(dir);
	if (r < 0)
		return r;
	*ret_what = "capabilities";
	r = drop_privileges();
	if (r < 0)
		return r;
	*ret_what = "death signal";
	r = end_with_parent(death_signal, parent);
	if (r < 0)
		return r;
	*ret_what = "system call filter";
	return seal_enter();
}
