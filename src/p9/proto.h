/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * 9P2000.L on the wire, as Linux' client speaks it (its net/9p, Documentation/filesystems/9p.rst).
 *
 * A message is size[4] type[1] tag[2] and what belongs to its type; the answer's type is the request's and one.
 * Numbers are little-endian; text is its length[2] and so many bytes.
 */

#define P9_VERSION "9P2000.L"

enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TAUTH = 102,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
};

#define P9_HEADER_LEN 7
#define P9_QID_LEN    13
#define P9_WALK_MAX   16

/* Of a buffer for a name of something in a folder, or of an extended attribute. */
#define P9_NAME_SIZE 256

#define P9_NOFID     UINT32_MAX
#define P9_NOUID     UINT32_MAX

/* Types of a qid. */
#define P9_QT_DIR     0x80
#define P9_QT_SYMLINK 0x02

/**
 * struct p9_qid - what a file is, for the client
 * @path: the same for two names of one file only
 * @version: changes with its content; never 0, which says that nothing of it may be cached
 */
struct p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

/* What a message may have at most, and what a client may ask for at least. */
#define P9_MSIZE_MIN 4096u
#define P9_MSIZE_MAX (1u << 20)
