/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/fd.h"
#include "guest/direct/user-cache.h"

#define PASSWD	     "/etc/passwd"
#define GROUP	     "/etc/group"

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

bool identity_is_privileged(const Caisson__Guest__V1__Process *process)
{
	return process->capabilities == 0 || process->capabilities & CAP_BIT(CAP_SYS_ADMIN);
}

/* A file of the image: it may be anything, and nothing of it may stop us. */
static int open_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	/* What has no size may be the kernel's, and have nothing to say for as long as it likes. */
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return -EBADF;
	return take_fd(fd);
}

/* The same sentences as Docker's, which users know. */
static int explain(struct setup *s, int reason)
{
	const char *spec = s->request->process->user;
	size_t name_len = strcspn(spec, ":");

	switch (reason) {
	case USER_E_NO_USER:
		return setup_fail(s, -EINVAL, TTRPC_INVALID_ARGUMENT,
				  "unable to find user %.*s: no matching entries in passwd file",
				  (int)name_len, spec);
	case USER_E_NO_GROUP:
		return setup_fail(s, -EINVAL, TTRPC_INVALID_ARGUMENT,
				  "unable to find group %s: no matching entries in group file",
				  spec + name_len + 1);
	default:
		return setup_fail(s, -EINVAL, TTRPC_INVALID_ARGUMENT,
				  "uids and gids must be in range 0-2147483647");
	}
}

static int read_files(struct setup *s)
{
	_cleanup_close_ int passwd = open_file(PASSWD), group = open_file(GROUP);

	return user_lookup(s->request->process->user, passwd, group, &s->user);
}

/* Of a container's first process nobody asks twice. */
static bool make_key(const struct setup *s, struct user_key *ret)
{
	return s->is_exec && user_cache_key(ret, s->request->process->user, PASSWD, GROUP);
}

int identity_find(struct setup *s)
{
	const Caisson__Guest__V1__Process *process = s->request->process;
	struct user_key key;
	bool keep = make_key(s, &key);
	int r = 0;

	if (!keep || !user_cache_get(&key, &s->user)) {
		r = read_files(s);
		if (r != 0)
			return r < 0 ? r : explain(s, r);
		if (keep)
			user_cache_put(&key, &s->user, time(NULL));
	}
	for (size_t i = 0; i < process->n_additional_gids; i++) {
		if (s->user.n_groups == ARRAY_SIZE(s->user.groups))
			return -E2BIG;
		s->user.groups[s->user.n_groups++] = process->additional_gids[i];
	}
	return 0;
}

int identity_bound(uint64_t keep)
{
	for (int cap = 0; keep && cap < 64; cap++) {
		if (keep & CAP_BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		/* EINVAL: the kernel has no more. */
		return errno == EINVAL ? 0 : -errno;
	}
	return 0;
}

/* Directly: a C library would first look for threads to do the same in. */
int identity_change(struct setup *s)
{
	const struct user *u = &s->user;

	if (syscall(SYS_setgroups, u->n_groups, u->groups) < 0 ||
	    syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0 ||
	    syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0)
		return -errno;
	return 0;
}

int identity_confine(struct setup *s)
{
	const Caisson__Guest__V1__Process *process = s->request->process;
	uint64_t keep = process->capabilities;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
		{.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
	};

	/* Any other user has lost all of them by becoming it. */
	if (keep && s->user.uid == 0 && syscall(SYS_capset, &header, data) < 0)
		return -errno;
	if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}
