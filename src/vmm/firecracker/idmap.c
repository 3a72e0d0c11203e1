/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

static int write_map(pid_t pid, const char *name, unsigned int inside, unsigned int outside)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/%s", (int)pid, name);
	_cleanup_free_ char *line = xasprintf("%u %u 1", inside, outside);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd_write_full(fd, line, strlen(line));
}

static int open_namespace(pid_t pid, const struct stat *st, const struct vmm_jail *jail)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/ns/user", (int)pid);
	int fd, r = write_map(pid, "uid_map", st->st_uid, jail->uid);

	if (r == 0)
		r = write_map(pid, "gid_map", st->st_gid, jail->gid);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int await_end(void *parent)
{
	/* Whoever kills that would have this one stay for ever, with all that it has open. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != *(const pid_t *)parent)
		return 1;
	while (pause() < 0)
		;
	return 0;
}

/*
 * A user namespace in which the file's owner stands for the jail's user. Only a process can make one, and only
 * another one can say who is who in it. It is in our memory, and has our descriptors: to copy those would take more than
 * all the rest.
 *
 * Return: its descriptor, or negative errno.
 */
static int make_namespace(const struct stat *st, const struct vmm_jail *jail)
{
	_Alignas(16) char stack[4096];
	pid_t self = getpid(), pid = clone(await_end, stack + sizeof(stack),
					   CLONE_NEWUSER | CLONE_VM | CLONE_FILES | SIGCHLD, &self);
	int fd;

	if (pid < 0)
		return -errno;
	fd = open_namespace(pid, st, jail);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

static bool can_already(const struct stat *st, const struct vmm_jail *jail, bool readonly)
{
	/* Of a folder's files nothing is known. */
	return st->st_uid == jail->uid ||
	       (readonly && !S_ISDIR(st->st_mode) && st->st_mode & S_IROTH);
}

int idmap_mount(int tree, const struct stat *st, const struct vmm_jail *jail, bool readonly)
{
	bool device = S_ISBLK(st->st_mode);
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC |
			    (device ? 0u : MOUNT_ATTR_NODEV) | (readonly ? MOUNT_ATTR_RDONLY : 0u),
		.attr_clr = device ? MOUNT_ATTR_NODEV : 0u,
		/* What comes to the one it is a copy of has no business there. */
		.propagation = MS_PRIVATE,
	};
	_cleanup_close_ int space = -EBADF;

	if (!can_already(st, jail, readonly)) {
		space = make_namespace(st, jail);
		if (space < 0)
			return space;
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)space;
	}
	return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno
											    : 0;
}
