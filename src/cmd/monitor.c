/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/monitor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "base/fd.h"

/* The descriptor that the monitor tells by, above its standard streams. */
#define TOLD 3

/* struct told - @code: 0: it was started */
struct told {
	int code;
	char text[ERR_TEXT_MAX];
};

static int take_terminal(int terminal)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(terminal, fd) < 0)
			return -errno;
	return ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

static int become(struct monitor *m, int told, int terminal)
{
	int r = 0;

	m->pid = 0;
	(void)setsid();
	if (terminal >= 0)
		r = take_terminal(terminal);
	if (told != TOLD && dup3(told, TOLD, O_CLOEXEC) < 0)
		r = -errno;
	m->told = TOLD;
	(void)close_range(TOLD + 1, ~0u, 0);
	return r;
}

int monitor_fork(struct monitor *ret, int terminal, struct err *err)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	ret->pid = fork();
	if (ret->pid == 0) {
		r = become(ret, fds[1], terminal);
		return r < 0 ? err_errno(err, r, "cannot take the terminal over") : 0;
	}
	ret->told = fds[0];
	fd_close(fds[1]);
	return ret->pid < 0 ? err_errno(err, -errno, "cannot fork") : 0;
}

static void tell(struct monitor *m, const struct told *told)
{
	(void)fd_write_full(m->told, told, sizeof(*told));
	m->told = fd_close(m->told);
}

void monitor_started(struct monitor *m)
{
	static const struct told started;

	if (m->told >= 0)
		tell(m, &started);
}

void monitor_failed(struct monitor *m, const struct err *err)
{
	struct told told = {.code = err->code};

	if (m->told < 0)
		return;
	memcpy(told.text, err->text, sizeof(told.text));
	tell(m, &told);
}

int monitor_await(struct monitor *m, struct err *err)
{
	struct told told = {.code = -EIO};
	ssize_t n = fd_read_full(m->told, &told, sizeof(told));

	m->told = fd_close(m->told);
	if (n == (ssize_t)sizeof(told) && told.code == 0)
		return 0;
	(void)waitpid(m->pid, NULL, 0);
	if (n != (ssize_t)sizeof(told))
		return err_set(err, -EIO, "the process that was to watch over it was killed");
	return err_set(err, told.code, "%s", told.text);
}
