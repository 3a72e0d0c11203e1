/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/namespace.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

int namespace_join(struct setup *s)
{
	if (setns(s->join_pidfd, CLONE_NEWNS) == 0)
		return 0;
	if (errno == ESRCH)
		return setup_fail(s, -ESRCH, TTRPC_FAILED_PRECONDITION,
				  "cannot exec in a stopped container");
	return -errno;
}

int namespace_loopback(struct setup *s _unused_)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	if (fd >= 0)
		(void)ioctl(fd, SIOCSIFFLAGS, &request);
	return 0;
}

int namespace_hostname(struct setup *s)
{
	const char *name = s->request->container->hostname;

	if (*name && sethostname(name, strlen(name)) < 0)
		return -errno;
	return 0;
}
