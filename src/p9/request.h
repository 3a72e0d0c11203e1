/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "p9/server.h"

/*
 * What answers requests, one function each; the table of them is in server.c, and says what fid a request begins with.
 *
 * Handlers get that fid, of a kind that they can do something with, take the rest of their request out of @in, all of
 * it before they do anything, and put what belongs to the answer's type into @out. They return 0, or the negative errno
 * that the client gets instead.
 */

/** p9_request_fn - one of them. @fid: what it is about; NULL for those that begin with none */
typedef int p9_request_fn(struct p9_server *s, struct p9_fid *fid, struct p9_in *in,
			  struct p9_out *out);

/* session.c */
p9_request_fn p9_version, p9_auth, p9_attach, p9_flush, p9_clunk;
/* walk.c */
p9_request_fn p9_walk;
/* open.c */
p9_request_fn p9_lopen, p9_lcreate;
/* io.c */
p9_request_fn p9_read, p9_write, p9_fsync;
/* readdir.c */
p9_request_fn p9_readdir;
/* attr.c */
p9_request_fn p9_getattr, p9_setattr, p9_statfs;
/* make.c */
p9_request_fn p9_symlink, p9_mknod, p9_mkdir, p9_link, p9_readlink;
/* remove.c */
p9_request_fn p9_unlinkat, p9_remove, p9_renameat, p9_rename;
/* xattr.c */
p9_request_fn p9_xattrwalk, p9_xattrcreate;
/* lock.c */
p9_request_fn p9_lock, p9_getlock;

/* request.c */

/* What fids a request can be about: sets of kinds; and a folder that things may be made in, and removed from. */
#define P9_OF_FILE   (P9_FID_PATH | P9_FID_OPENED)
#define P9_OF_ANY    (P9_OF_FILE | P9_FID_XATTR)
#define P9_OF_FOLDER (P9_OF_FILE | 0x80)

/**
 * p9_fid_of() - the fid with that number
 * @of: what it has to be
 *
 * Return: 0; -EBADF: there is none of these kinds; of folders also -ENOTDIR, or -EPERM: it is the one around a single
 * file.
 */
int p9_fid_of(struct p9_server *s, uint32_t number, unsigned int of, struct p9_fid **ret);

/** p9_put_qid_of() - add the qid of what @st is of */
void p9_put_qid_of(struct p9_server *s, struct p9_out *out, const struct statx *st);

/**
 * p9_put_qid_at() - the same of a name in a folder, which has just been made
 * @name: "": of what @dirfd is of
 *
 * Return: 0 or negative errno.
 */
int p9_put_qid_at(struct p9_server *s, struct p9_out *out, int dirfd, const char *name);

/* tree.c */

/**
 * p9_alone_stat() - make of a file's the attributes of the folder around it
 * @st: the file's
 */
void p9_alone_stat(struct statx *st);

/**
 * p9_tree_attach() - find what is to be attached, or that it is already
 * @ret: its number
 *
 * Return: 0 or negative errno.
 */
int p9_tree_attach(struct p9_server *s, const char *aname, uint8_t *ret);

/**
 * p9_tree_alone() - is a tree a single file?
 *
 * That is shown as the only one of a folder that is not there on the host, as Linux takes only folders for what is
 * mounted; the last part of the tree's aname is its name.
 */
static inline bool p9_tree_alone(const struct p9_tree *tree)
{
	return !S_ISDIR(tree->st.stx_mode);
}

/** p9_tree_name() - what a tree's single file is called */
const char *p9_tree_name(const struct p9_tree *tree);

/**
 * p9_tree_parent() - open the folder that a fid's file is in, if that is in its tree
 * @base: set to the name there
 *
 * Return: an O_PATH descriptor; -EBUSY: it is the topmost of its tree; -ENOENT: there it is not any more.
 */
int p9_tree_parent(struct p9_server *s, const struct p9_fid *fid, char base[static P9_NAME_SIZE]);

/* xattr.c */

/** p9_xattr_read() - of what p9_xattrwalk() has found. Return: as p9_read(). */
int p9_xattr_read(struct p9_fid *fid, uint64_t offset, uint32_t count, struct p9_out *out);

/** p9_xattr_write() - for p9_xattrcreate(). Return: as p9_write(). */
int p9_xattr_write(struct p9_fid *fid, uint64_t offset, const uint8_t *data, uint32_t count);

/** p9_xattr_finish() - set what was written. Return: 0 or negative errno. */
int p9_xattr_finish(struct p9_fid *fid);
