/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * As whom this process works. It may read and write whatever there is: the guest's kernel decides who of its users may,
 * as with any file system. But what is made belongs to the user who makes it.
 */

/**
 * struct p9_who - that
 * @fixed: all is done and made as the one user that it is, as it has no privileges, or shall not use them
 * @uid, @gid: whose what is made now would be
 * @own_uid, @own_gid: who it is otherwise: file systems that ask a server of theirs tell it
 * @keeps_setgid: has CAP_FSETID now
 * @parent: dies with it
 */
struct p9_who {
	bool fixed, keeps_setgid;
	uid_t uid, own_uid;
	gid_t gid, own_gid;
	pid_t parent;
};

/**
 * p9_who_init() - find out what this process can
 * @fixed: it is to stay who it is even if it need not
 * @parent: whose death is its own, which the kernel forgets each time that it becomes somebody else; 0: nobody's
 */
void p9_who_init(struct p9_who *who, bool fixed, pid_t parent);

/**
 * p9_who_make() - what is made from now on belongs to these
 *
 * Return: 0, or -EINVAL: there are none such in this user namespace.
 */
int p9_who_make(struct p9_who *who, uid_t uid, gid_t gid);

/** p9_who_own() - be oneself again, for all that makes nothing */
void p9_who_own(struct p9_who *who);

/**
 * p9_who_write() - files are going to be written by @uid: unless that is root, they lose their setuid and setgid bits,
 * which they keep where a mode is set
 */
void p9_who_write(struct p9_who *who, uid_t uid);

/** p9_who_set() - modes are going to be set, as they are said to be */
void p9_who_set(struct p9_who *who);
