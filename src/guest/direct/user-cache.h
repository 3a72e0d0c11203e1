/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/user.h"

/*
 * Who the user of the last exec was found to be. Execs mostly have the same one, and to open
 * /etc/passwd and /etc/group again each time would ask the host four questions. The spawner keeps it,
 * in whose memory execs are set up (spawner.h).
 */

#define USER_CACHE_SPEC_MAX 64

/** struct user_stamp - what a file is as long as nobody touches it; all zero: it is not there */
struct user_stamp {
	uint64_t dev, ino, size;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
};

/**
 * struct user_key - what was asked, and of which files; all zero before it is filled
 */
struct user_key {
	char spec[USER_CACHE_SPEC_MAX];
	struct user_stamp passwd, group;
};

/**
 * user_cache_key() - look at the files without opening them
 * @passwd, @group: paths; one of them may be absent
 *
 * Return: false: @spec is too long to be kept, or a file is none that would be read.
 */
bool user_cache_key(struct user_key *ret, const char *spec, const char *passwd, const char *group);

/** user_cache_get() - Return: whether it was kept. */
bool user_cache_get(const struct user_key *key, struct user *ret);

/**
 * user_cache_put() - keep it, unless it is too large
 * @now: CLOCK_REALTIME in seconds. A file that was changed just now may change again without a sign of
 *   it: so that is not kept
 */
void user_cache_put(const struct user_key *key, const struct user *user, int64_t now);
