/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

#include "cmd/checkpoint-manifest.h"

/*
 * The files of a checkpoint (checkpoint-manifest.h), between its folder and a container's record. Names are looked
 * up in the folders as they are: no link is followed.
 */

/**
 * checkpoint_file_copy() - copy a file, with its holes, into a folder where none has its name
 * @where: of the folder that it gets into, for messages
 * @interrupted: as copy_file()'s
 * @ret_size: may be NULL
 *
 * Return: 0 or negative errno with a message.
 */
int checkpoint_file_copy(int from, int to, const char *name, const char *where,
			 const volatile sig_atomic_t *interrupted, uint64_t *ret_size,
			 struct err *err);

/** checkpoint_file_move() - the same, and it is gone where it was; without a copy if both are on one file system */
int checkpoint_file_move(int from, int to, const char *name, const char *where,
			 const volatile sig_atomic_t *interrupted, uint64_t *ret_size,
			 struct err *err);

/**
 * checkpoint_files_begin() - mark a folder as one with an unfinished checkpoint, and remove what an earlier one has left
 * @where: of the folder, for messages
 *
 * Return: 0 or negative errno with a message: -EEXIST: there are files of those names that no checkpoint has left.
 */
int checkpoint_files_begin(int dir, const char *where, struct err *err);

/** checkpoint_files_end() - it is finished, or nothing is left of it: the mark goes */
void checkpoint_files_end(int dir);

/** checkpoint_files_remove() - all of them */
void checkpoint_files_remove(int dir);

/** checkpoint_files_check() - are they as the manifest says? Return: 0 or negative errno with a message. */
int checkpoint_files_check(int dir, const struct checkpoint_manifest *manifest, struct err *err);
