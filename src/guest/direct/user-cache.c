/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/user-cache.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"

#define GROUPS_MAX 32
#define HOME_MAX   256

/* File systems tell times with the resolution of a tick; clocks of host and guest differ a little. */
#define SETTLED 2

static struct {
	bool valid;
	struct user_key key;
	uid_t uid;
	gid_t gid;
	size_t n_groups;
	gid_t groups[GROUPS_MAX];
	char home[HOME_MAX];
} kept;

static bool stamp(const char *path, struct user_stamp *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT;
	*ret = (struct user_stamp){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime = st.st_mtim.tv_sec,
		.mtime_ns = st.st_mtim.tv_nsec,
		.ctime = st.st_ctim.tv_sec,
		.ctime_ns = st.st_ctim.tv_nsec,
	};
	return S_ISREG(st.st_mode);
}

bool user_cache_key(struct user_key *ret, const char *spec, const char *passwd, const char *group)
{
	if (strlen(spec) >= sizeof(ret->spec))
		return false;
	memset(ret, 0, sizeof(*ret));
	strcpy(ret->spec, spec);
	return stamp(passwd, &ret->passwd) && stamp(group, &ret->group);
}

bool user_cache_get(const struct user_key *key, struct user *ret)
{
	if (!kept.valid || memcmp(&kept.key, key, sizeof(*key)) != 0)
		return false;
	ret->uid = kept.uid;
	ret->gid = kept.gid;
	ret->n_groups = kept.n_groups;
	memcpy(ret->groups, kept.groups, sizeof(kept.groups));
	memcpy(ret->home, kept.home, sizeof(kept.home));
	return true;
}

/* One that is killed in the middle leaves nothing that could be taken for whole. */
static void set_valid(bool valid)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kept.valid = valid;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void user_cache_put(const struct user_key *key, const struct user *user, int64_t now)
{
	if (MAX(key->passwd.ctime, key->group.ctime) + SETTLED > now ||
	    user->n_groups > GROUPS_MAX || strlen(user->home) >= HOME_MAX)
		return;
	set_valid(false);
	kept.key = *key;
	kept.uid = user->uid;
	kept.gid = user->gid;
	kept.n_groups = user->n_groups;
	memcpy(kept.groups, user->groups, sizeof(kept.groups));
	strcpy(kept.home, user->home);
	set_valid(true);
}
