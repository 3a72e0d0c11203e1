/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "p9/fid.h"
#include "p9/msg.h"
#include "p9/node.h"
#include "p9/who.h"

/*
 * One client and what it is served: requests in, answers out. It knows nothing of sockets (serve.h).
 *
 * A process has one of these. It works off requests one after the other, so the answer to Tflush, that nothing of the
 * flushed request will happen any more, is always true.
 */

#define P9_TREES_MAX 8u

/**
 * struct p9_tree - what somebody has attached
 * @aname: where it is below the root
 * @fd: O_PATH, its topmost folder, or the single file that it is (p9_tree_alone()); owned
 * @st: of that
 */
struct p9_tree {
	int fd;
	struct statx st;
	char aname[PATH_MAX];
};

/**
 * struct p9_server_args - how a client is served
 * @root: O_PATH of the folder that all is below; not owned
 * @readonly: nothing is changed
 * @fixed: all is done as the user that this process is
 * @max_fids: how many files the client may have at a time
 * @parent: whose death is this process' own; 0: nobody's
 * @told: whether it was said that this limit was reached (p9_tell_once()); NULL: that is not to be said
 */
struct p9_server_args {
	int root;
	bool readonly, fixed;
	uint32_t max_fids;
	pid_t parent;
	bool *told;
};

/**
 * struct p9_server - one client
 * @root, @readonly, @told: as in struct p9_server_args
 * @msize: agreed on with the client; 0: not yet
 */
struct p9_server {
	int root;
	bool readonly, *told;
	uint32_t msize;
	struct p9_fids fids;
	struct p9_devs devs;
	struct p9_who who;
	unsigned int n_trees;
	struct p9_tree tree[P9_TREES_MAX];
};

/** p9_server_init() - a client that has said nothing yet */
void p9_server_init(struct p9_server *s, const struct p9_server_args *args);

/** p9_server_deinit() - let go of all that it has */
void p9_server_deinit(struct p9_server *s);

/** p9_server_reset() - the same, for a client that begins anew */
void p9_server_reset(struct p9_server *s);

/**
 * p9_server_limit() - the size that the next message may have at most, its header included
 *
 * Return: bytes, from P9_MSIZE_MIN to P9_MSIZE_MAX.
 */
uint32_t p9_server_limit(const struct p9_server *s);

/**
 * p9_server_answer() - do what one message asks
 * @msg: all of it; @len: at least P9_HEADER_LEN, at most p9_server_limit()
 * @out: room for P9_MSIZE_MAX bytes, for the answer
 * @ret_len: of that
 *
 * Return: 0, or -EPROTO: that is no 9P, and the client not worth an answer.
 */
int p9_server_answer(struct p9_server *s, const uint8_t *msg, size_t len, uint8_t *out,
		     size_t *ret_len);

/**
 * p9_tell_once() - is something to be told, of which a client can do more and more?
 * @told: whether it was, by any of those who share this
 *
 * Return: true, the first time.
 */
bool p9_tell_once(bool *told);
