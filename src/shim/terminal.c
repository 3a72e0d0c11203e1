/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "shim/lifeline.h"

static void resized(struct loop_signal *source, int signo _unused_)
{
	terminal_tell(container_of(source, struct shim, winch));
}

static int set_raw(int fd)
{
	struct termios raw;

	if (tcgetattr(fd, &raw) < 0)
		return -errno;
	cfmakeraw(&raw);
	return tcsetattr(fd, TCSANOW, &raw) < 0 ? -errno : 0;
}

/* Only who leads a session has a terminal, and is told of its size; its hang-up is our streams' end. */
int terminal_begin(struct shim *shim)
{
	sigset_t set;
	int r;

	if (!shim->stdio || !shim->spec->terminal)
		return 0;
	shim->tty = fcntl(SHIM_FD_STDIN, F_DUPFD_CLOEXEC, 0);
	r = shim->tty < 0 ? -errno : set_raw(shim->tty);
	if (r < 0)
		return r;
	(void)signal(SIGHUP, SIG_IGN);
	if (setsid() < 0 || ioctl(shim->tty, TIOCSCTTY, 0) < 0)
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	return loop_signal_start(shim->loop, &shim->winch, &set, resized);
}

void terminal_tell(struct shim *shim)
{
	struct winsize size;

	if (shim->first.init && shim->tty >= 0 && ioctl(shim->tty, TIOCGWINSZ, &size) == 0 &&
	    size.ws_col > 0)
		process_resize(shim->first.init, size.ws_col, size.ws_row);
}

void terminal_end(struct shim *shim)
{
	loop_signal_stop(&shim->winch);
	shim->tty = fd_close(shim->tty);
}
