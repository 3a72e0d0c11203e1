/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/user-cache.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/macro.h"

#define GROUPS_MAX 32
#define HOME_MAX   256

/* File systems tell times with the resolution of a tick; clocks of host and guest differ a little. */
#define SETTLED 2

struct shared {
	bool locked, valid;
	struct user_key key;
	uid_t uid;
	gid_t gid;
	size_t n_groups;
	gid_t groups[GROUPS_MAX];
	char home[HOME_MAX];
};

static struct shared *shared;

void user_cache_init(void)
{
	void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	shared = memory == MAP_FAILED ? NULL : memory;
}

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

/* Nobody waits: who comes second goes without. One that is killed here leaves it locked. */
static bool lock(void)
{
	return shared && !__atomic_test_and_set(&shared->locked, __ATOMIC_ACQUIRE);
}

static void unlock(void)
{
	__atomic_clear(&shared->locked, __ATOMIC_RELEASE);
}

bool user_cache_get(const struct user_key *key, struct user *ret)
{
	bool found;

	if (!lock())
		return false;
	found = shared->valid && memcmp(&shared->key, key, sizeof(*key)) == 0;
	if (found) {
		ret->uid = shared->uid;
		ret->gid = shared->gid;
		ret->n_groups = shared->n_groups;
		memcpy(ret->groups, shared->groups, sizeof(shared->groups));
		memcpy(ret->home, shared->home, sizeof(shared->home));
	}
	unlock();
	return found;
}

void user_cache_put(const struct user_key *key, const struct user *user, int64_t now)
{
	if (MAX(key->passwd.ctime, key->group.ctime) + SETTLED > now ||
	    user->n_groups > GROUPS_MAX || strlen(user->home) >= HOME_MAX || !lock())
		return;
	shared->key = *key;
	shared->uid = user->uid;
	shared->gid = user->gid;
	shared->n_groups = user->n_groups;
	memcpy(shared->groups, user->groups, sizeof(shared->groups));
	strcpy(shared->home, user->home);
	shared->valid = true;
	unlock();
}
