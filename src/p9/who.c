/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/who.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/seal.h"

SEAL_ALLOW(setfsuid);
SEAL_ALLOW(setfsgid);
SEAL_ALLOW(capget);
SEAL_ALLOW(capset);
SEAL_ALLOW(getppid);
SEAL_ALLOW_ARG(prctl, 0, ~0u, PR_SET_PDEATHSIG);

#define NONE	  ((uid_t)-1) /* no id: only asks which one it is */

#define CAP(name) (1u << (name))

static bool caps_get(struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &header, caps) == 0;
}

void p9_who_init(struct p9_who *who, bool fixed, pid_t parent)
{
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
	const unsigned int needed = CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_DAC_OVERRIDE) |
				    CAP(CAP_FOWNER) | CAP(CAP_FSETID);

	*who = (struct p9_who){.parent = parent, .keeps_setgid = true};
	who->fixed = fixed || !caps_get(caps) || (caps[0].effective & needed) != needed;
	who->uid = who->own_uid = (uid_t)setfsuid(NONE);
	who->gid = who->own_gid = (gid_t)setfsgid(NONE);
}

static int end_with_parent(const struct p9_who *who)
{
	if (who->parent == 0)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == who->parent ? 0 : -ESRCH;
}

static void become(struct p9_who *who, uid_t uid, gid_t gid)
{
	if (who->fixed || (who->uid == uid && who->gid == gid))
		return;
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	who->gid = (gid_t)setfsgid(NONE);
	who->uid = (uid_t)setfsuid(NONE);
	if (end_with_parent(who) < 0)
		_exit(1);
}

int p9_who_make(struct p9_who *who, uid_t uid, gid_t gid)
{
	p9_who_set(who);
	become(who, uid, gid);
	return who->fixed || (who->uid == uid && who->gid == gid) ? 0 : -EINVAL;
}

void p9_who_own(struct p9_who *who)
{
	become(who, who->own_uid, who->own_gid);
}

static void keep_setgid(struct p9_who *who, bool keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};

	if (who->fixed || who->keeps_setgid == keep || !caps_get(caps))
		return;
	if (keep)
		caps[0].effective |= CAP(CAP_FSETID);
	else
		caps[0].effective &= ~CAP(CAP_FSETID);
	if (syscall(SYS_capset, &header, caps) == 0)
		who->keeps_setgid = keep;
}

void p9_who_write(struct p9_who *who, uid_t uid)
{
	keep_setgid(who, uid == 0);
}

void p9_who_set(struct p9_who *who)
{
	keep_setgid(who, true);
}
