/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/pidns.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

static bool away;
static const void *entered;

int pidns_enter(int pidfd, const void *owner)
{
	if (away && entered == owner)
		return 0;
	if (setns(pidfd, CLONE_NEWPID) < 0)
		return -errno;
	away = true;
	entered = owner;
	return 0;
}

int pidns_come_home(void)
{
	_cleanup_close_ int self = -EBADF;

	if (!away)
		return 0;
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (self < 0 || setns(self, CLONE_NEWPID) < 0)
		return -errno;
	away = false;
	entered = NULL;
	return 0;
}

void pidns_forget(const void *owner)
{
	if (entered != owner)
		return;
	/* Stepping back needs memory: when there is none, it is made up for before the next fork. */
	(void)pidns_come_home();
	entered = NULL;
}
