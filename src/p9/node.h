/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

#include "p9/proto.h"

/*
 * Files by their descriptors, most of which are O_PATH.
 *
 * The working folder of the process is its own /proc/self/fd, so that a descriptor has a name, its number: that is
 * how a file that there is an O_PATH descriptor of is opened, and what else takes a path gets to it.
 */

#define P9_DEVS_MAX 255

/**
 * struct p9_devs - file systems that were met, for qids that differ between them
 * @dev: the first one is that of the client's tree: its files have the inode numbers that they have on the host
 */
struct p9_devs {
	unsigned int n;
	struct {
		uint32_t major, minor;
	} dev[P9_DEVS_MAX];
};

/** P9_FD_NAME_SIZE - of a buffer for the name of a descriptor */
#define P9_FD_NAME_SIZE 12

/** p9_fd_name() - the name of a descriptor in the working folder. Return: @buf. */
const char *p9_fd_name(int fd, char buf[static P9_FD_NAME_SIZE]);

/** p9_enter_fds() - make @fds, which is /proc/self/fd, the working folder. Return: 0 or negative errno. */
int p9_enter_fds(int fds);

/**
 * p9_open_path() - find something below a folder, through no symbolic link
 * @flags: beside O_PATH and O_NOFOLLOW
 *
 * Return: an O_PATH descriptor, or negative errno.
 */
int p9_open_path(int dirfd, const char *path, uint64_t flags);

/** p9_reopen() - open what @fd is of; only for files and folders. Return: a descriptor or negative errno. */
int p9_reopen(int fd, int flags);

/** p9_stat() - statx(2) of what @fd is of, with all that a client may ask. Return: 0 or negative errno. */
int p9_stat(int fd, struct statx *ret);

/** p9_stat_at() - the same of a name in a folder */
int p9_stat_at(int dirfd, const char *name, struct statx *ret);

/** p9_same_file() - are these two of one? */
static inline int p9_same_file(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor;
}

/** p9_qid_path() - of an inode on the file system that @st is on */
uint64_t p9_qid_path(struct p9_devs *devs, const struct statx *st, uint64_t ino);

/** p9_qid() - of what @st is of */
struct p9_qid p9_qid(struct p9_devs *devs, const struct statx *st);
