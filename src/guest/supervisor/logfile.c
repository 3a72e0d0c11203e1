/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/logfile.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"

/* Copied at a time: then others have their turn. */
#define PIECE 4096

static void open_file(struct logfile *log)
{
	struct stat st;

	log->size = 0;
	log->fd = open(log->path,
		       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (log->fd < 0)
		return;
	if (fstat(log->fd, &st) < 0 || !S_ISREG(st.st_mode))
		log->fd = fd_close(log->fd);
	else
		log->size = (size_t)MIN(st.st_size, LOGFILE_BYTES_MAX);
}

static void rotate(struct logfile *log)
{
	char older[PATH_MAX];

	log->fd = fd_close(log->fd);
	if (snprintf(older, sizeof(older), "%s.1", log->path) < (int)sizeof(older))
		(void)rename(log->path, older);
	open_file(log);
	/* It could not be moved: then what it holds goes. */
	if (log->size > 0 && ftruncate(log->fd, 0) == 0)
		log->size = 0;
}

static void keep(struct logfile *log, const char *data, size_t len)
{
	ssize_t n;

	if (log->fd < 0)
		open_file(log);
	if (log->size + len > LOGFILE_BYTES_MAX)
		rotate(log);
	if (log->fd < 0 || log->size + len > LOGFILE_BYTES_MAX)
		return;
	n = write(log->fd, data, len);
	log->size += n > 0 ? (size_t)n : 0;
}

/* Return: is there more? */
static bool copy(struct logfile *log)
{
	char piece[PIECE];
	ssize_t n = read(log->pipe[0], piece, sizeof(piece));

	if (n > 0)
		keep(log, piece, (size_t)n);
	return n > 0;
}

static void readable(struct loop_io *io, uint32_t revents _unused_)
{
	(void)copy(container_of(io, struct logfile, io));
}

static void make_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (slash && slash > path && (size_t)(slash - path) < sizeof(dir)) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
		(void)path_mkdirs(dir, 0755);
	}
}

int logfile_start(struct logfile *log, struct loop *loop, const char *path)
{
	int r;

	log->path = path;
	if (pipe2(log->pipe, O_CLOEXEC) < 0)
		return -errno;
	/* The program's end stays as programs expect it. */
	r = fd_nonblock(log->pipe[0], true);
	if (r == 0)
		r = loop_io_start(loop, &log->io, log->pipe[0], EPOLLIN, readable);
	if (r < 0) {
		logfile_stop(log);
		return r;
	}
	make_folder(path);
	open_file(log);
	return 0;
}

void logfile_stop(struct logfile *log)
{
	/* A pipe holds no more than this, unless somebody writes at the same time. */
	for (int i = 0; loop_io_active(&log->io) && i < 2 * 65536 / PIECE; i++)
		if (!copy(log))
			break;
	loop_io_stop(&log->io);
	for (int i = 0; i < 2; i++)
		log->pipe[i] = fd_close(log->pipe[i]);
	log->fd = fd_close(log->fd);
}
