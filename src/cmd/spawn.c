/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/unix.h"
#include "cmd/client.h"
#include "shim/lifeline.h"

static int spawn(const struct paths *paths, struct record *record, int image_lock,
		 const int stdio[3], const char *option, struct spawned *ret, struct err *err)
{
	_cleanup_free_ char *program = paths_program(paths, "caisson-shim");
	_cleanup_free_ char *socket_path = client_socket_path(record);
	_cleanup_close_ int listener = unix_listen(socket_path), read_end = -EBADF;
	const char *argv[] = {program, "--id", record->id, option, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	int lifeline[2], r;

	if (listener < 0)
		return err_errno(err, listener, "cannot listen on %s", socket_path);
	if (pipe2(lifeline, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	read_end = lifeline[0];
	_Static_assert(SHIM_FD_LISTEN == 3 && SHIM_FD_LIFELINE == 4 && SHIM_FD_LOCK == 5 &&
			       SHIM_FD_IMAGE == 6 && SHIM_FD_STDIN == 7,
		       "the order below");
	spec.argv = argv;
	spec.fds = (const int[]){listener,
				 read_end,
				 record->lock,
				 image_lock,
				 stdio ? stdio[0] : -EBADF,
				 stdio ? stdio[1] : -EBADF,
				 stdio ? stdio[2] : -EBADF};
	spec.n_fds = stdio ? 7 : 4;
	spec.new_session = true;
	r = proc_start(&spec, &ret->proc);
	if (r < 0) {
		fd_close(lifeline[1]);
		return err_errno(err, r, "cannot start %s", program);
	}
	ret->lifeline = lifeline[1];
	/* Ours would keep the record claimed after the shim's end. */
	record->lock = fd_close(record->lock);
	return 0;
}

int spawn_shim(const struct paths *paths, struct record *record, int image_lock, const int stdio[3],
	       struct spawned *ret, struct err *err)
{
	return spawn(paths, record, image_lock, stdio, stdio ? "--stdio" : NULL, ret, err);
}

int spawn_visit(const struct paths *paths, struct record *record, struct spawned *ret,
		struct err *err)
{
	return spawn(paths, record, -EBADF, NULL, "--visit", ret, err);
}

/* Whole or not at all, as who waits for it may look at any time. */
int spawn_write_pid(pid_t pid, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder =
		slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	_cleanup_close_ int dir = -EBADF;
	char text[16];
	int n, r;

	n = snprintf(text, sizeof(text), "%d", (int)pid);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno
		    : file_write_atomic_at(dir, slash ? slash + 1 : path, text, (size_t)n, 0644);
	return r < 0 ? err_errno(err, r, "cannot write %s", path) : 0;
}

void spawn_let_go(struct spawned *shim)
{
	const char byte = LIFELINE_LET_GO;

	if (write(shim->lifeline, &byte, 1) == 1)
		shim->proc.pid = 0;
}

void spawn_end(struct spawned *shim)
{
	shim->lifeline = fd_close(shim->lifeline);
	if (shim->proc.pid > 0)
		(void)proc_wait(&shim->proc);
	shim->proc.pidfd = fd_close(shim->proc.pidfd);
}
