/* SPDX-License-Identifier: Apache-2.0 */
/* The program: who may connect, and how often. */
#include "p9/test-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char folder[] = "/tmp/test-9pd-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static const char *program;
static struct peer one, two, more;

static pid_t start(const char *option, const char *value)
{
	const char *argv[] = {program, "--root", folder, "--listen-fd", "3", option, value, NULL};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)unlink(address.sun_path);
	test_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	test_int(listen(fd, 8), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd == 3 ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, 3) == 3)
			execv(program, (char *const *)argv);
		_exit(111);
	}
	fd_close(fd);
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	test_int(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int dial(struct peer *p)
{
	p->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(p->sock, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

/* Also where it had come so far as to wait. */
static bool is_refused(void)
{
	bool refused =
		dial(&more) < 0 || peer_call(&more, P9_TVERSION, "ds", 8192, P9_VERSION) == -EPIPE;

	fd_close(more.sock);
	return refused;
}

static void as_many_as_were_said(void)
{
	struct peer_attr attr;
	pid_t pid = start("--connections", "2");

	test_int(dial(&one), 0);
	peer_begin(&one, 8192, "", 0);
	test_int(dial(&two), 0);
	peer_begin(&two, 8192, "", 0);
	test_true(is_refused());
	/* One that has ended makes room for no other one. */
	fd_close(two.sock);
	test_true(is_refused());
	test_int(peer_attr(&one, 0, &attr), 0);
	test_int(kill(pid, SIGTERM), 0);
	test_int(end_of(pid), 0);
	fd_close(one.sock);
}

/* Return: the number of the only process that serves. */
static pid_t serving(pid_t parent)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	test_true(asprintf(&path, "/proc/%d/task/%d/children", (int)parent, (int)parent) > 0);
	test_int(file_slurp_at(AT_FDCWD, path, 4096, &text, NULL), 0);
	return (pid_t)strtol(text, NULL, 10);
}

/* A mount that is not served any more is known of. */
static void one_is_killed(void)
{
	pid_t pid = start("--connections", "2");

	test_int(dial(&one), 0);
	peer_begin(&one, 8192, "", 0);
	test_int(dial(&two), 0);
	test_int(kill(serving(pid), SIGKILL), 0);
	test_int(end_of(pid), 1);
	test_int(peer_call(&two, P9_TVERSION, "ds", 8192, P9_VERSION), -EPIPE);
	fd_close(one.sock);
	fd_close(two.sock);
}

/* Whoever is at a unix socket is no guest at all. */
static void that_guest_only(void)
{
	pid_t pid = start("--cid", "5");

	test_true(is_refused());
	test_true(is_refused());
	test_int(kill(pid, SIGTERM), 0);
	test_int(end_of(pid), 0);
}

static void what_makes_no_sense(void)
{
	test_int(end_of(start("--connections", "0")), 2);
	test_int(end_of(start("--connections", "65")), 2);
	test_int(end_of(start("--cid", "x")), 2);
}

int main(int argc, char **argv)
{
	test_int(argc, 2);
	program = argv[1];
	/* Namespaces are root's. */
	if (geteuid() != 0)
		return 77;
	(void)signal(SIGPIPE, SIG_IGN);
	test_true(mkdtemp(folder));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	test_run(as_many_as_were_said);
	test_run(one_is_killed);
	test_run(that_guest_only);
	test_run(what_makes_no_sense);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
