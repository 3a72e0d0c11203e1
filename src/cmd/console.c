/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/console.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/unix.h"

static unsigned short side_of(struct json_object *size, const char *name)
{
	struct json_object *value;
	int64_t n;

	if (!json_object_object_get_ex(size, name, &value))
		return 0;
	n = json_object_get_int64(value);
	return n < 0 || n > UINT16_MAX ? 0 : (unsigned short)n;
}

static void set_size(int master, const char *config)
{
	struct json_object *o = config ? json_tokener_parse(config) : NULL, *process, *size;
	struct winsize ws = {.ws_row = 0};

	if (o && json_object_object_get_ex(o, "process", &process) &&
	    json_object_object_get_ex(process, "consoleSize", &size)) {
		ws.ws_row = side_of(size, "height");
		ws.ws_col = side_of(size, "width");
	}
	json_object_put(o);
	if (ws.ws_row && ws.ws_col)
		(void)ioctl(master, TIOCSWINSZ, &ws);
}

int console_open(struct console *c, const char *config, struct err *err)
{
	c->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->master < 0 || unlockpt(c->master) < 0 ||
	    ptsname_r(c->master, c->name, sizeof(c->name)) != 0)
		return err_errno(err, -errno, "cannot make a terminal");
	c->slave = open(c->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave < 0)
		return err_errno(err, -errno, "cannot open the terminal %s", c->name);
	set_size(c->master, config);
	return 0;
}

static int send_fd(int sock, int fd, const char *name)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {.buf = {0}};
	struct iovec iov = {.iov_base = (char *)name, .iov_len = strlen(name)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int console_send(struct console *c, const char *path, struct err *err)
{
	_cleanup_close_ int sock = unix_connect(path);
	int r = sock < 0 ? sock : fd_nonblock(sock, false);

	if (r == 0)
		r = send_fd(sock, c->master, c->name);
	if (r < 0)
		return err_errno(err, r, "cannot hand the terminal over at %s", path);
	c->master = fd_close(c->master);
	return 0;
}

void console_close_slave(struct console *c)
{
	c->slave = fd_close(c->slave);
}

void console_done(struct console *c)
{
	c->master = fd_close(c->master);
	console_close_slave(c);
}
