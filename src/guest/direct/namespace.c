/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

int namespace_join(struct setup *s)
{
	/* EINVAL: a kernel without control groups. */
	if (setns(s->join_pidfd, CLONE_NEWCGROUP) == 0 || errno == EINVAL)
		return 0;
	if (errno == ESRCH)
		return setup_fail(s, -ESRCH, TTRPC_FAILED_PRECONDITION, SETUP_CONTAINER_STOPPED);
	return -errno;
}

int namespace_cgroup(struct setup *s _unused_)
{
	return unshare(CLONE_NEWCGROUP) < 0 && errno != EINVAL ? -errno : 0;
}

int namespace_hostname(struct setup *s)
{
	const char *name = s->request->container->hostname;

	if (*name && sethostname(name, strlen(name)) < 0)
		return -errno;
	return 0;
}

int namespace_keep(struct setup *s)
{
	s->mntns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return s->mntns < 0 ? -errno : 0;
}
