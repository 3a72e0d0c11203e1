/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/strv.h"

/*
 * What a dynamically linked program needs to run elsewhere: its loader, and its shared libraries
 * with all that those need. Read from the files themselves (elf(5), "Dynamic tags"), no program is
 * run. Libraries are looked for where a loader without a cache looks, so that they are found at the
 * same paths in a place that has nothing but them. Run paths ($ORIGIN and so on) are refused.
 */

#define NEEDED_MAX 128

/**
 * needed_by() - find them
 * @program: path of an ELF executable for 64-bit x86
 * @leaf: path of a library whose namesake is found, but not what that one needs; NULL: none
 * @ret: absolute paths are appended: the loader first, then libraries in the order found
 *
 * Return: 0; -ENOEXEC: a file is not what it should be; -ENOENT: a library is nowhere; -E2BIG.
 */
int needed_by(const char *program, const char *leaf, struct strv *ret, struct err *err);

/** needed_at() - the same, with the folders that libraries are looked for in; ends with NULL */
int needed_at(const char *program, const char *leaf, const char *const *folders, struct strv *ret,
	      struct err *err);
