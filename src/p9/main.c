/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/vm_sockets.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/seal.h"
#include "p9/isolate.h"
#include "p9/serve.h"

#define EXIT_USAGE 2

/* Connections at a time; each mount is one. */
#define CLIENTS_MAX 64

SEAL_ALLOW(write);
SEAL_ALLOW(exit_group);

static const char help_text[] =
	"Usage: caisson-9pd --root PATH --listen-fd N [--readonly] [--connections N] [--cid N]\n"
	"\n"
	"Serves a folder as 9P2000.L to the virtual machine that is at the other end of a\n"
	"socket. Each connection has a process; what it mounts (aname) is a path below the\n"
	"folder, of a folder, or of a file, which is then the only one of a folder.\n"
	"\n"
	"  --root PATH        the folder, of which all is served that is mounted below it\n"
	"  --listen-fd N      listening unix stream socket\n"
	"  --readonly         nothing is changed\n"
	"  --connections N    take as many, and no more (64 at a time)\n"
	"  --cid N            of the host's own vsock: those of this guest\n"
	"  --help, --version  show this, or the version\n"
	"\n"
	"It ends with SIGTERM, or when one of its processes is killed, and all of them with it.\n";

/**
 * struct options - the command line
 */
struct options {
	const char *root;
	int listen_fd;
	bool readonly;
	uint32_t connections, cid;
};

static struct p9_server server;

static _noreturn_ void usage_error(const char *what, const char *arg)
{
	log_error("%s%s%s (see --help)", what, arg ? ": " : "", arg ? arg : "");
	exit(EXIT_USAGE);
}

static _noreturn_ void fatal(int error, const char *what)
{
	log_error("%s: %s", what, strerror(-error));
	exit(EXIT_FAILURE);
}

static int fd_option(const char *text)
{
	uint32_t fd;

	if (parse_u32(text, 3, INT_MAX, &fd) < 0 || fcntl((int)fd, F_GETFD) < 0)
		usage_error("not an open descriptor", text);
	return (int)fd;
}

static uint32_t number_option(const char *text, uint32_t max)
{
	uint32_t n;

	if (parse_u32(text, 1, max, &n) < 0)
		usage_error("not a number that can be", text);
	return n;
}

static void parse_options(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
		{"root", required_argument, NULL, 'r'},
		{"listen-fd", required_argument, NULL, 'l'},
		{"readonly", no_argument, NULL, 'o'},
		{"connections", required_argument, NULL, 'n'},
		{"cid", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'z'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		if (option == 'r')
			o->root = optarg;
		else if (option == 'l')
			o->listen_fd = fd_option(optarg);
		else if (option == 'o')
			o->readonly = true;
		else if (option == 'n')
			o->connections = number_option(optarg, CLIENTS_MAX);
		else if (option == 'c')
			o->cid = number_option(optarg, UINT32_MAX);
		else if (option == '?')
			exit(EXIT_USAGE);
		else
			exit(puts(option == 'h' ? help_text : "caisson-9pd " CAISSON_VERSION) < 0);
	}
	if (optind < argc)
		usage_error("unexpected argument", argv[optind]);
	if (!o->root || o->listen_fd < 0)
		usage_error("--root and --listen-fd are needed", NULL);
}

/**
 * struct told - what was said of the guest, which shall not fill a log with it
 */
struct told {
	bool files, connections, garbage;
};

/**
 * struct host - what the parent of all that serve has
 * @listener: -EBADF: there will be no more connections
 * @left: that may come; 0: any number
 * @cid: who may connect, if it is not 0
 * @told: theirs, too
 */
struct host {
	int listener, signals;
	struct p9_cell cell;
	bool readonly;
	unsigned int n;
	uint32_t left, cid;
	struct told *told;
};

/* In a process of its own, which ends with it. */
static _noreturn_ void serve(struct host *h, int client, pid_t parent)
{
	const struct p9_server_args args = {.root = h->cell.root,
					    .readonly = h->readonly,
					    .max_fids = p9_limit_files(),
					    .parent = parent,
					    .told = &h->told->files};
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	fd_close(h->listener);
	fd_close(h->signals);
	r = p9_enter(&h->cell);
	if (r == 0) {
		(void)umask(0);
		p9_server_init(&server, &args);
		r = seal_enter();
	}
	if (r < 0)
		fatal(r, "cannot serve a guest");
	r = p9_serve(&server, client);
	if (r < 0 && p9_tell_once(&h->told->garbage))
		log_warn("the connection of a guest's volume is closed: %s",
			 r == -EPROTO ? "what came on it is not 9P2000.L" : strerror(-r));
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void start(struct host *h, int client)
{
	pid_t self = getpid(), pid;

	if (h->n == CLIENTS_MAX) {
		if (p9_tell_once(&h->told->connections))
			log_warn("a guest has %d connections: it gets no more", CLIENTS_MAX);
		return;
	}
	pid = fork();
	if (pid == 0)
		serve(h, client, self);
	if (pid > 0)
		h->n++;
	else
		log_error("cannot serve a guest's volume: %s", strerror(errno));
}

static bool is_welcome(const struct host *h, int client)
{
	struct sockaddr_vm peer = {.svm_family = AF_UNSPEC};
	socklen_t len = sizeof(peer);

	return h->cid == 0 || (getpeername(client, (struct sockaddr *)&peer, &len) == 0 &&
			       peer.svm_family == AF_VSOCK && peer.svm_cid == h->cid);
}

static void take_client(struct host *h)
{
	_cleanup_close_ int client = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0 || !is_welcome(h, client))
		return;
	start(h, client);
	if (h->left > 0 && --h->left == 0)
		h->listener = fd_close(h->listener);
}

/* Of a mount that nobody serves any more a guest makes errors for ever: that is for whoever started us to end. */
static void reap(struct host *h)
{
	int status;

	while (waitpid(-1, &status, WNOHANG) > 0) {
		h->n--;
		if (!WIFSIGNALED(status))
			continue;
		log_error("what served a guest's volume was killed by signal %d", WTERMSIG(status));
		_exit(EXIT_FAILURE);
	}
}

/* Return: false: it is to end. */
static bool take_signal(struct host *h)
{
	struct signalfd_siginfo info;

	if (read(h->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGCHLD)
		reap(h);
	return info.ssi_signo == SIGCHLD;
}

static int run(struct host *h)
{
	struct pollfd fds[] = {{.fd = h->signals, .events = POLLIN}, {.events = POLLIN}};

	for (;;) {
		fds[1].fd = h->listener;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents & POLLIN && !take_signal(h))
			return 0;
		if (fds[1].revents & POLLIN)
			take_client(h);
	}
}

static int watch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int main(int argc, char **argv)
{
	struct options o = {.listen_fd = -EBADF};
	struct host h = {.listener = -EBADF};
	const char *what;
	int r;

	log_init("caisson-9pd", STDERR_FILENO, LOG_LEVEL_WARN);
	parse_options(&o, argc, argv);
	h.listener = o.listen_fd;
	h.readonly = o.readonly;
	h.left = o.connections;
	h.cid = o.cid;
	r = fd_keep_only((int *const[]){&h.listener}, 1);
	if (r == 0)
		r = fd_nonblock(h.listener, true);
	if (r < 0)
		fatal(r, "cannot start");
	/* A client may be gone before it is answered; and a file too large is for it to know, not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)p9_limit_files();
	r = p9_isolate(o.root, &h.cell, &what);
	if (r < 0) {
		log_error("cannot isolate itself: %s: %s", what, strerror(-r));
		return EXIT_FAILURE;
	}
	h.told = mmap(NULL, sizeof(*h.told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (h.told == MAP_FAILED)
		fatal(-errno, "cannot start");
	h.signals = watch_signals();
	if (h.signals < 0)
		fatal(h.signals, "cannot watch signals");
	r = run(&h);
	if (r < 0)
		fatal(r, "cannot wait for guests");
	/* No exit handlers: they expect the file system that there was. */
	_exit(EXIT_SUCCESS);
}
