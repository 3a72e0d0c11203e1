/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "shim/containerd/logger.h"
#include "shim/containerd/uri.h"

static bool is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Nobody may have to wait here until somebody comes: not even for that of a device. */
static int open_path(const char *path, int how, int *ret, struct err *err)
{
	*ret = open(path, how | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return *ret < 0 ? err_errno(err, -errno, "cannot open %s", path) : 0;
}

static int open_output(const char *path, int *ret, struct err *err)
{
	return open_path(path, is_fifo(path) ? O_RDWR : O_WRONLY | O_APPEND, ret, err);
}

static int make_file(const char *path, int *ret, struct err *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	int r = *folder ? path_mkdirs(folder, 0755) : 0;

	if (r < 0)
		return err_errno(err, r, "cannot make the folder %s", folder);
	/* That of a FIFO without a reader would wait for one. */
	*ret = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	return *ret < 0 ? err_errno(err, -errno, "cannot open %s", path) : 0;
}

/* As clients write it, who encode more than they have to. */
static int make_named(const char *path, int *ret, struct err *err)
{
	_cleanup_free_ char *name = uri_decode(path, strcspn(path, "?#"), false);

	if (!name)
		return err_set(err, -EINVAL,
			       "file://%.256s is no URI: in its path two hexadecimal digits that "
			       "are not 00 have to follow each %%",
			       path);
	return make_file(name, ret, err);
}

static const struct scheme {
	const char *prefix;
	int (*open)(const char *path, int *ret, struct err *err);
} schemes[] = {
	{"fifo://", open_output},
	{"file://", make_named},
	{"", open_output},
};

static int open_named(const char *what, const char *name, int *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		const char *path = str_starts(name, schemes[i].prefix);

		if (!path)
			continue;
		if (*path == '/')
			return schemes[i].open(path, ret, err);
		return err_set(err, -EINVAL,
			       "%s: %.256s is no absolute path, nor a URI of fifo://, file:// or "
			       "binary://",
			       what, name);
	}
	return 0;
}

static int check_input(struct process_stdio *stdio, struct err *err)
{
	const char *path = str_starts(stdio->in, "fifo://");

	if (path)
		stdio->in = path;
	if (*stdio->in != '/' || !is_fifo(stdio->in))
		return err_set(err, -EINVAL, "stdin: %.256s is no FIFO by its absolute path",
			       stdio->in);
	stdio->late_input = true;
	return 0;
}

static int open_logger(const struct container *c, struct process_stdio *stdio, struct streams *ret,
		       struct err *err)
{
	int r;

	if (!stdio->terminal && *stdio->err && strcmp(stdio->out, stdio->err) != 0)
		return err_set(err, -EINVAL,
			       "stderr: stdout's program takes both outputs, not %.256s",
			       stdio->err);
	r = logger_start(c, stdio->out, &ret->fds[1], &stdio->holder, err);
	if (r == 0 && stdio->terminal)
		ret->fds[2] = fd_close(ret->fds[2]);
	return r;
}

/* Both outputs of a process may go to one file. */
static int open_all(const struct container *c, struct process_stdio *stdio, struct streams *ret,
		    struct err *err)
{
	int r = *stdio->in ? check_input(stdio, err) : 0;

	if (r == 0 && logger_is_named(stdio->out))
		return open_logger(c, stdio, ret, err);
	if (r == 0 && *stdio->out)
		r = open_named("stdout", stdio->out, &ret->fds[1], err);
	if (r < 0 || stdio->terminal)
		return r;
	if (*stdio->err)
		return open_named("stderr", stdio->err, &ret->fds[2], err);
	if (!str_starts(stdio->out, "file://"))
		return 0;
	ret->fds[2] = fcntl(ret->fds[1], F_DUPFD_CLOEXEC, 3);
	return ret->fds[2] < 0 ? err_errno(err, -errno, "cannot copy a descriptor") : 0;
}

static bool is_ours(const struct container *c, const char *name)
{
	const char *rest = str_starts(name, c->record->run_path);

	return rest && *rest == '/';
}

bool streams_are_ours(const struct container *c, const char *in, const char *out)
{
	return is_ours(c, in) || is_ours(c, out);
}

int streams_open(const struct container *c, struct process_stdio *stdio, struct streams *ret,
		 struct err *err)
{
	int r;

	if (streams_are_ours(c, stdio->in, stdio->out))
		return 0;
	r = open_all(c, stdio, ret, err);
	stdio->fds = ret->fds;
	return r;
}

void streams_done(struct streams *streams)
{
	for (size_t i = 0; i < ARRAY_SIZE(streams->fds); i++)
		streams->fds[i] = fd_close(streams->fds[i]);
}
