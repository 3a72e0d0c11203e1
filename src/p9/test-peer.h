/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "p9/server.h"

/* A client for tests: requests by a format, to a server in the same process or at a socket. */

/**
 * struct peer - one
 * @server: where requests go, if not to @sock
 * @sock: -EBADF, or a socket
 * @in: of the last answer, what follows its header
 */
struct peer {
	struct p9_server *server;
	int sock;
	struct p9_in in;
	uint8_t request[P9_MSIZE_MAX], answer[P9_MSIZE_MAX + 1];
};

/**
 * struct peer_attr - what Tgetattr tells
 */
struct peer_attr {
	uint64_t valid;
	struct p9_qid qid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	int64_t atime, atime_ns, mtime, mtime_ns;
};

/** peer_enter_fds() - p9_enter_fds() with what @proc, of /proc, has of this process. Return: 0 or negative errno. */
int peer_enter_fds(int proc);

/** struct peer_data - bytes for "D" */
struct peer_data {
	const void *at;
	uint32_t len;
};

/**
 * peer_call() - ask, and take what is answered
 * @fmt: of what follows: b, w, d, q numbers of 1, 2, 4, 8 bytes, s text, D a struct peer_data with its count
 *
 * Return: 0, or the negative errno that was answered; -EPROTO: the server wants no more; -EPIPE: the socket is closed.
 */
int peer_call(struct peer *p, enum p9_type type, const char *fmt, ...);

/** peer_raw() - the same with all bytes as they are */
int peer_raw(struct peer *p, const void *bytes, size_t len);

/** peer_begin() - agree on @msize, attach @aname as fid 0 for @uid */
void peer_begin(struct peer *p, uint32_t msize, const char *aname, uint32_t uid);

/** peer_walk() - from fid 0 along @path (with "/" between names) to a new fid. Return: as peer_call(); -ENOENT. */
int peer_walk(struct peer *p, uint32_t fid, const char *path);

/** peer_create() - make a file in fid 0's folder, open for reading and writing as a new fid; as peer_call() */
int peer_create(struct peer *p, uint32_t fid, const char *name, uint32_t mode, uint32_t gid);

/** peer_attr() - what a fid is; as peer_call() */
int peer_attr(struct peer *p, uint32_t fid, struct peer_attr *ret);

/** peer_write() - write text. Return: how many bytes, or as peer_call(). */
int peer_write(struct peer *p, uint32_t fid, uint64_t offset, const char *text);

/** peer_read() - read. @ret: set to it, with a NUL after it, good until the next call. Return: as peer_write(). */
int peer_read(struct peer *p, uint32_t fid, uint64_t offset, uint32_t count, const char **ret);
