/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

/* A folder for one test program, and files in it. */

static char files_dir[64];
static pid_t files_owner;

static inline void files_remove(void)
{
	if (files_owner == getpid())
		(void)path_remove_tree(AT_FDCWD, files_dir);
}

/* The folder goes when the program ends, after a failed check too. */
static inline void files_begin(void)
{
	files_owner = getpid();
	test_int(atexit(files_remove), 0);
	(void)snprintf(files_dir, sizeof(files_dir), "/tmp/caisson-test-XXXXXX");
	test_true(mkdtemp(files_dir) != NULL);
}

static inline void files_end(void)
{
	test_int(path_remove_tree(AT_FDCWD, files_dir), 0);
}

/* The path of a name in the folder; the last four stay valid. */
static inline const char *files_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", files_dir, name);
	return path;
}

static inline void files_write(const char *name, const void *data, size_t len, mode_t mode)
{
	_cleanup_close_ int fd = -EBADF;

	fd = open(files_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	test_true(fd >= 0);
	test_int(fd_write_full(fd, data, len), 0);
	test_int(fchmod(fd, mode), 0);
}

/** files_script() - an executable shell script. Return: its path, in place until the next calls. */
static inline const char *files_script(const char *name, const char *body)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);

	test_true(n > 0 && (size_t)n < sizeof(text));
	files_write(name, text, (size_t)n, 0755);
	return files_path(name);
}
