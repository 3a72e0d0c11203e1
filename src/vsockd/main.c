/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/seal.h"
#include "vsockd/isolate.h"
#include "vsockd/vsockd.h"

#define EXIT_USAGE 2

/*
 * Descriptors beside those of connections: 0 to 2, the two sockets, the loop's, and the few of the
 * rings and of a message, which may come twice for a moment.
 */
#define OTHER_FDS 32

/* What the loop and the descriptor helpers of the layers below do. */
#if defined(SYS_epoll_wait)
SEAL_ALLOW(epoll_wait);
#endif
SEAL_ALLOW(epoll_pwait);
SEAL_ALLOW(epoll_ctl);
SEAL_ALLOW(clock_gettime);
SEAL_ALLOW(close);
SEAL_ALLOW(fcntl);
SEAL_ALLOW(write);
SEAL_ALLOW(exit_group);

static const char help_text[] =
	"Usage: caisson-vsockd (--vhost-fd N | --vhost-socket PATH) (--uds-fd N | --uds PATH)\n"
	"                      --uds-path-base PATH [--cid N]\n"
	"\n"
	"The vsock device of one QEMU virtual machine, as a vhost-user back-end. Programs of the\n"
	"host reach the guest through a unix socket: they write \"CONNECT <port>\\n\", read\n"
	"\"OK <port>\\n\", and then talk to whoever listens on that vsock port in the guest. The\n"
	"socket is closed without a word when nobody does.\n"
	"\n"
	"  --vhost-fd N          socket connected to QEMU (-chardev socket,id=vs,fd=M with the\n"
	"                        other end), or listening for it\n"
	"  --vhost-socket PATH   make that socket, and wait for QEMU to connect\n"
	"  --uds-fd N            listening unix socket for programs of the host\n"
	"  --uds PATH            make that socket; it is not removed at the end\n"
	"  --uds-path-base PATH  connections of the guest to port P of the host (CID 2) go to the\n"
	"                        unix socket PATH_P; keep a folder for these, as nothing outside\n"
	"                        it can be reached\n"
	"  --cid N               the guest's address, 3 or more (default 3)\n"
	"  --help, --version     show this, or the version\n"
	"\n"
	"It ends when QEMU does: with status 0, after what the guest had sent was read or its\n"
	"connections were closed. Status 1: QEMU or the system made it impossible to go on.\n"
	"Status 2: wrong arguments.\n";

/**
 * struct options - the command line
 * @vhost_fd, @uds_fd: -EBADF when not given
 */
struct options {
	int vhost_fd, uds_fd;
	const char *vhost_socket, *uds, *base;
	uint32_t cid;
};

static _noreturn_ void usage_error(const char *what, const char *arg)
{
	log_error("%s%s%s (see --help)", what, arg ? ": " : "", arg ? arg : "");
	exit(EXIT_USAGE);
}

static int fd_option(const char *text)
{
	uint32_t fd;

	if (parse_u32(text, 3, INT_MAX, &fd) < 0 || fcntl((int)fd, F_GETFD) < 0)
		usage_error("not an open descriptor", text);
	return (int)fd;
}

static void apply(struct options *o, int option, char *arg)
{
	switch (option) {
	case 'v':
		o->vhost_fd = fd_option(arg);
		break;
	case 'V':
		o->vhost_socket = arg;
		break;
	case 'u':
		o->uds_fd = fd_option(arg);
		break;
	case 'U':
		o->uds = arg;
		break;
	case 'b':
		o->base = arg;
		break;
	case 'c':
		/* Smaller ones have a meaning, the largest is "any" (virtio 1.2, 5.10.4). */
		if (parse_u32(arg, 3, UINT32_MAX - 1, &o->cid) < 0)
			usage_error("not an address for a guest", arg);
		break;
	case 'h':
		fputs(help_text, stdout);
		exit(EXIT_SUCCESS);
	case 'z':
		puts("caisson-vsockd " CAISSON_VERSION);
		exit(EXIT_SUCCESS);
	default:
		exit(EXIT_USAGE);
	}
}

static void parse_options(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
		{"vhost-fd", required_argument, NULL, 'v'},
		{"vhost-socket", required_argument, NULL, 'V'},
		{"uds-fd", required_argument, NULL, 'u'},
		{"uds", required_argument, NULL, 'U'},
		{"uds-path-base", required_argument, NULL, 'b'},
		{"cid", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'z'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0)
		apply(o, option, optarg);
	if (optind < argc)
		usage_error("unexpected argument", argv[optind]);
	if ((o->vhost_fd < 0) == !o->vhost_socket)
		usage_error("give one of --vhost-fd and --vhost-socket", NULL);
	if ((o->uds_fd < 0) == !o->uds)
		usage_error("give one of --uds-fd and --uds", NULL);
	if (o->vhost_fd >= 0 && o->vhost_fd == o->uds_fd)
		usage_error("--vhost-fd and --uds-fd are the same", NULL);
	if (!o->base)
		usage_error("--uds-path-base is missing", NULL);
}

static _noreturn_ void fatal(int error, const char *what, const char *arg)
{
	log_error("%s%s%s: %s", what, arg ? " " : "", arg ? arg : "", strerror(-error));
	exit(EXIT_FAILURE);
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		fatal(-ENAMETOOLONG, "cannot listen on", path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		fatal(-errno, "cannot listen on", path);
	return fd;
}

static int socket_option(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -errno : value;
}

/* A unix stream socket, as nothing else can pass descriptors or be one of these. */
static void check_socket(int fd, const char *name)
{
	if (socket_option(fd, SO_DOMAIN) != AF_UNIX || socket_option(fd, SO_TYPE) != SOCK_STREAM)
		usage_error("not a unix stream socket", name);
}

/* The connected socket to the front-end; waits for it when it has to come first. */
static int connect_front_end(const struct options *o)
{
	int listener = o->vhost_socket ? listen_at(o->vhost_socket) : o->vhost_fd;
	int fd;

	check_socket(listener, "--vhost-fd");
	if (socket_option(listener, SO_ACCEPTCONN) != 1)
		return listener;
	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		fatal(-errno, "cannot accept the front-end", NULL);
	fd_close(listener);
	if (o->vhost_socket)
		(void)unlink(o->vhost_socket);
	return fd;
}

static int host_socket(const struct options *o)
{
	int fd = o->uds ? listen_at(o->uds) : o->uds_fd;

	check_socket(fd, "--uds-fd");
	if (socket_option(fd, SO_ACCEPTCONN) != 1)
		usage_error("not listening", "--uds-fd");
	return fd;
}

/* The folder and the name in it that make up a path; both are to be kept. */
static void split(const char *path, const char **ret_dir, const char **ret_name)
{
	char *a = strdup(path), *b = strdup(path);

	if (!a || !b)
		fatal(-ENOMEM, "cannot start", NULL);
	*ret_dir = dirname(a);
	*ret_name = basename(b);
	if (path[0] == '\0' || path[strlen(path) - 1] == '/')
		usage_error("not a name to put a port number behind", path);
	if (strlen(*ret_name) > VSOCKD_DIAL_MAX)
		usage_error("--uds-path-base is too long", path);
}

static void on_gone(struct vsockd *d, int status)
{
	if (status < 0)
		log_error("lost the front-end: %s", strerror(-status));
	loop_quit(d->loop, status);
}

static struct vsockd device;
static struct loop loop;

int main(int argc, char **argv)
{
	struct options o = {.vhost_fd = -EBADF, .uds_fd = -EBADF, .cid = 3};
	struct vsockd_config config = VSOCKD_CONFIG_DEFAULT;
	const char *dir, *what;
	int front_end, listener, r;
	unsigned int max_fds;

	log_init("caisson-vsockd", STDERR_FILENO, LOG_LEVEL_WARN);
	parse_options(&o, argc, argv);
	split(o.base, &dir, &config.dial_base);
	config.guest_cid = o.cid;
	listener = host_socket(&o);
	front_end = connect_front_end(&o);

	r = fd_keep_only((int *const[]){&front_end, &listener}, 2);
	if (r == 0)
		r = vhu_mem_guard();
	if (r == 0)
		r = fd_nonblock(front_end, true);
	if (r == 0)
		r = fd_nonblock(listener, true);
	if (r == 0)
		r = loop_init(&loop);
	if (r < 0)
		fatal(r, "cannot start", NULL);
	r = isolate_enter(dir, TABLE_SLOTS + OTHER_FDS, &max_fds, &what);
	if (r < 0)
		fatal(r, "cannot isolate itself", what);

	vsockd_init(&device, &loop, &config, max_fds > OTHER_FDS ? max_fds - OTHER_FDS : 0);
	device.gone = on_gone;
	r = vsockd_start(&device, front_end, listener);
	if (r < 0)
		fatal(r, "cannot start", NULL);
	r = loop_run(&loop);
	vsockd_deinit(&device);
	/* No exit handlers: they expect the file system and the system calls that there were. */
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
