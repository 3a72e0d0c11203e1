/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Paths that somebody else chose. All go through openat2(2), so that neither "..", nor an absolute
 * name, nor a symbolic link leads out of the folder they belong to.
 */

/**
 * path_open_beneath() - open @path below @dirfd; anything that leaves it is -EXDEV
 * @flags: as for open(); O_CLOEXEC is added
 *
 * Return: descriptor or negative errno.
 */
int path_open_beneath(int dirfd, const char *path, uint64_t flags, mode_t mode);

/**
 * path_open_in_root() - open @path as if @rootfd were "/": absolute names and ".." stay inside
 *
 * What a container's own process would get; use it for anything inside an image.
 *
 * Return: descriptor or negative errno.
 */
int path_open_in_root(int rootfd, const char *path, uint64_t flags, mode_t mode);

/**
 * path_open_strict() - as path_open_beneath(), and a symbolic link anywhere in @path is -ELOOP
 */
int path_open_strict(int dirfd, const char *path, uint64_t flags, mode_t mode);

/**
 * path_open_real() - open what had the absolute name @path when it was looked up; a symbolic link
 * that has come into it since is -ELOOP
 *
 * Return: descriptor or negative errno.
 */
int path_open_real(const char *path, uint64_t flags);

/** path_is_same() - do both lead to one file? What is not there is none. */
bool path_is_same(const char *a, const char *b);

/** path_mkdirs() - make a folder and all above it ("mkdir -p"). Return: 0 or negative errno. */
int path_mkdirs(const char *path, mode_t mode);

/**
 * path_remove_tree() - remove @name below @dirfd and all in it; never follows a symbolic link and
 * never crosses into another mount. A name that is not there is no error.
 *
 * Return: 0, or the first error met (the rest is removed all the same).
 */
int path_remove_tree(int dirfd, const char *name);

/**
 * path_join() - "<a>/<b>" in a new string (aborts without memory: host only)
 */
char *path_join(const char *a, const char *b);

/**
 * path_find_program() - where $PATH leads
 * @name: with a "/" it is a path already
 *
 * Return: a path to free(), or NULL if there is no such program.
 */
char *path_find_program(const char *name);

/**
 * path_find_program_in() - where another one would lead
 * @path: folders, with ":" between them; NULL: none
 *
 * Return: as path_find_program().
 */
char *path_find_program_in(const char *path, const char *name);

/** path_self_dir() - the folder that the running program is in; free() it. NULL if unknown. */
char *path_self_dir(void);
