/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define USER_GROUPS_MAX 1024
#define USER_HOME_MAX	4096

/* More of a file than this is not read: what a sparse one holds nobody would live to see. */
#define USER_FILE_MAX (16 << 20)

/**
 * struct user - who a process is
 * @groups: supplementary ones. The first is @gid: a process that a setgid program gives another one
 *	would leave its own, and with it what the group is kept from (CVE-2022-36109).
 * @home: absolute path, "/" when the password file does not say
 */
struct user {
	uid_t uid;
	gid_t gid;
	size_t n_groups;
	gid_t groups[USER_GROUPS_MAX];
	char home[USER_HOME_MAX];
};

/* What user_lookup() returns besides negative errno. */
enum {
	USER_E_NO_USER = 1, /* the name is not in the password file */
	USER_E_NO_GROUP,    /* the name is not in the group file */
	USER_E_RANGE,	    /* a number beyond 2^31 - 1 */
};

/**
 * user_lookup() - find out who "user[:group]" is, as Docker does
 * @spec: names or numbers; "" is root
 * @passwd_fd, @group_fd: passwd(5) and group(5), read from where they stand; -EBADF: no such file
 * @ret: defined only on success
 *
 * Numbers need not be in the files; the group of an unknown one is 0. Without ":group" the groups
 * that list the user as a member are its supplementary ones. The files are an image's: lines that
 * are too long or broken are skipped.
 *
 * Return: 0, one of the USER_E_ above, the negative errno of read(), or -EFBIG: what was looked for is
 * not in the first USER_FILE_MAX bytes.
 */
int user_lookup(const char *spec, int passwd_fd, int group_fd, struct user *ret);
