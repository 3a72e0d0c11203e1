/* SPDX-License-Identifier: Apache-2.0 */
/* The whole program, in a process of its own: command line, isolation, how it ends. */
#include "vsockd/test-fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "vsockd/isolate.h"

static struct fake f;
static const char *program;
static char errors[4096];

/* Start it with these descriptors as 3, 4, … and what it says in a pipe. */
static pid_t start(const char *const argv[], const int *fds, int n, int *ret_stderr)
{
	int pipe_fds[2];
	pid_t pid;

	test_int(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	test_true(pid >= 0);
	if (pid == 0) {
		int copies[2];

		for (int i = 0; i < n; i++)
			copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 20);
		for (int i = 0; i < n; i++)
			(void)dup2(copies[i], 3 + i);
		(void)dup2(pipe_fds[1], STDERR_FILENO);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(program, (char *const *)argv);
		_exit(111);
	}
	close(pipe_fds[1]);
	*ret_stderr = pipe_fds[0];
	return pid;
}

/* Its exit status, 128 and more for a signal; what it said is in errors. */
static int finish(pid_t pid, int stderr_fd)
{
	ssize_t n = fd_read_full(stderr_fd, errors, sizeof(errors) - 1);
	int status;

	test_true(n >= 0);
	errors[n] = '\0';
	close(stderr_fd);
	fputs(errors, stderr);
	test_int(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Its two sockets. */
static void prepare(int fds[2])
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	fds[0] = fake_prepare(&f);
	fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(addr.sun_path, f.uds);
	test_int(bind(fds[1], (struct sockaddr *)&addr, sizeof(addr)), 0);
	test_int(listen(fds[1], 8), 0);
}

static pid_t start_with(const int fds[2], int *ret_stderr)
{
	const char *const argv[] = {program,	       "--vhost-fd", "3",     "--uds-fd", "4",
				    "--uds-path-base", f.base,	     "--cid", "3",	  NULL};

	return start(argv, fds, 2, ret_stderr);
}

static pid_t start_device(int *ret_stderr)
{
	int fds[2];
	pid_t pid;

	prepare(fds);
	pid = start_with(fds, ret_stderr);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

/* The next packet, waited for. */
static struct pkt next_packet(uint16_t op)
{
	struct pollfd p = {.fd = f.q[VHU_RX].call, .events = POLLIN};
	struct pkt pkt;

	while (!fake_rx(&f, &pkt, NULL)) {
		test_int(poll(&p, 1, -1), 1);
		(void)fake_calls(&f, VHU_RX);
	}
	test_int(pkt.op, op);
	return pkt;
}

static void await(int fd, const char *want)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	test_int(poll(&p, 1, -1), 1);
	fake_read(fd, want);
}

static void serves_from_its_cage(void)
{
	int errors_fd, listener, fd, fd2;
	struct pkt pkt;
	pid_t pid;

	pid = start_device(&errors_fd);
	fake_realize(&f);
	fake_boot(&f);
	fd = fake_connect(&f, "CONNECT 80\n");
	pkt = next_packet(VIRTIO_VSOCK_OP_REQUEST);
	fake_tx(&f, fake_pkt(VIRTIO_VSOCK_OP_RESPONSE, pkt.src_port, 80), NULL);
	await(fd, "OK 1073741824\n");

	listener = fake_listen(&f, 1024, 8);
	fake_tx(&f, fake_pkt(VIRTIO_VSOCK_OP_REQUEST, 1024, 9), NULL);
	next_packet(VIRTIO_VSOCK_OP_RESPONSE);
	fd2 = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	test_true(fd2 >= 0);
	fake_write(fd2, "hello");
	test_int(next_packet(VIRTIO_VSOCK_OP_RW).len, 5);
	/* Somebody who has gone away, and a reset for it. */
	fake_tx(&f, fake_pkt(VIRTIO_VSOCK_OP_REQUEST, 1025, 9), NULL);
	next_packet(VIRTIO_VSOCK_OP_RST);
	f.fe = fd_close(f.fe);
	test_int(finish(pid, errors_fd), 0);
	test_str(errors, "");
	fake_read_end(fd);
	close(fd);
	close(fd2);
	close(listener);
	fake_close(&f);
}

/* Connect to a socket that the program is about to make. */
static int connect_late(int watch, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char events[1024];

	strcpy(addr.sun_path, path);
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		/* There it is, but for a moment nobody listens on it. */
		if (errno != ECONNREFUSED)
			test_true(read(watch, events, sizeof(events)) > 0);
	return fd;
}

static void makes_its_own_sockets(void)
{
	char front_end[128];
	const char *const argv[] = {program, "--vhost-socket",	front_end, "--uds",
				    f.uds,   "--uds-path-base", f.base,	   NULL};
	int errors_fd, watch = inotify_init1(IN_CLOEXEC);
	pid_t pid;

	close(fake_prepare(&f));
	close(f.fe);
	snprintf(front_end, sizeof(front_end), "%s/vhost", f.dir);
	test_true(inotify_add_watch(watch, f.dir, IN_CREATE) >= 0);
	pid = start(argv, NULL, 0, &errors_fd);
	f.fe = connect_late(watch, front_end);
	close(watch);
	fake_realize(&f);
	/* Nobody else can come, so it is gone already; the other one stays. */
	test_int(access(front_end, F_OK), -1);
	close(fake_connect(&f, "CONNECT 1\n"));
	f.fe = fd_close(f.fe);
	test_int(finish(pid, errors_fd), 0);
	test_int(access(f.uds, F_OK), 0);
	fake_close(&f);
}

static void status_has(pid_t pid, const char *want)
{
	char path[64], text[8192];
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd_read_full(fd, text, sizeof(text) - 1);
	test_true(n > 0);
	text[n] = '\0';
	if (!strstr(text, want))
		test_fail("not in its status: %s", want);
}

static void gives_up_what_it_can(void)
{
	int errors_fd;
	pid_t pid = start_device(&errors_fd);

	/* It has answered, so it is isolated. */
	fake_realize(&f);
	status_has(pid, "\nCapEff:\t0000000000000000\n");
	status_has(pid, "\nCapPrm:\t0000000000000000\n");
	status_has(pid, "\nNoNewPrivs:\t1\n");
#if !defined(__SANITIZE_ADDRESS__)
	status_has(pid, "\nSeccomp:\t2\n");
#endif
	f.fe = fd_close(f.fe);
	test_int(finish(pid, errors_fd), 0);
	fake_close(&f);
}

static void bad_front_end(void)
{
	const struct vhost_vring_state state = {77, 8};
	int errors_fd;
	pid_t pid = start_device(&errors_fd);

	fake_send(&f, VHU_SET_VRING_NUM, VHU_VERSION, &state, sizeof(state), NULL, 0);
	test_int(finish(pid, errors_fd), 1);
	test_true(strstr(errors, "caisson-vsockd: front-end: SET_VRING_NUM refused"));
	fake_close(&f);
}

/* The front-end cuts the guest's memory short under a running device. */
static void memory_cut_short(void)
{
	const uint64_t one = 1;
	int errors_fd;
	pid_t pid = start_device(&errors_fd);

	fake_realize(&f);
	fake_boot(&f);
	test_int(ftruncate(f.memfd, 0), 0);
	test_int(write(f.q[VHU_TX].kick, &one, sizeof(one)), sizeof(one));
	test_int(finish(pid, errors_fd), 1);
	test_true(strstr(errors, "cut short"));
	fake_close(&f);
}

/* The front-end stays, the parent does not. */
static void ends_with_its_parent(void)
{
	int errors_fd, leave[2], fds[2];
	pid_t pid;
	char c;

	prepare(fds);
	test_int(pipe2(leave, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(leave[1]);
		f.fe = fd_close(f.fe);
		start_with(fds, &errors_fd);
		_exit(read(leave[0], &c, 1) == 0 ? 0 : 1);
	}
	close(fds[0]);
	close(fds[1]);
	test_true(fake_u64(&f, VHU_GET_FEATURES) != 0);
	close(leave[0]);
	close(leave[1]);
	test_int(waitpid(pid, NULL, 0), pid);
	test_int(recv(f.fe, &c, 1, 0), 0);
	fake_close(&f);
}

static void wrong_arguments(void)
{
	static const char *const lines[][8] = {
		{"caisson-vsockd", NULL},
		{"caisson-vsockd", "--nonsense", NULL},
		{"caisson-vsockd", "stray", NULL},
		{"caisson-vsockd", "--vhost-fd", "x", NULL},
		{"caisson-vsockd", "--vhost-fd", "1", NULL},
		{"caisson-vsockd", "--vhost-fd", "999", NULL},
		{"caisson-vsockd", "--cid", "2", NULL},
		{"caisson-vsockd", "--cid", "4294967295", NULL},
		{"caisson-vsockd", "--vhost-fd", "3", "--uds-fd", "3", "--uds-path-base", "v",
		 NULL},
		{"caisson-vsockd", "--vhost-fd", "3", "--uds-fd", "4", NULL},
		{"caisson-vsockd", "--vhost-fd", "3", "--uds-path-base", "/tmp/v", NULL},
		{"caisson-vsockd", "--uds-fd", "3", "--uds-path-base", "/tmp/v", NULL},
	};
	int errors_fd, fds[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		pid_t pid = start(lines[i], fds, 2, &errors_fd);

		test_int(finish(pid, errors_fd), 2);
		test_true(strchr(errors, '\n') == errors + strlen(errors) - 1);
	}
	close(fds[0]);
	close(fds[1]);
}

static void wrong_sockets(void)
{
	static const char *const argv[] = {"caisson-vsockd",  "--vhost-fd", "3", "--uds-fd", "4",
					   "--uds-path-base", "/tmp/v",	    NULL};
	int errors_fd, fds[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	/* Not listening, and no socket at all. */
	pid = start(argv, fds, 2, &errors_fd);
	test_int(finish(pid, errors_fd), 2);
	test_true(strstr(errors, "not listening: --uds-fd"));
	pid = start(argv, (int[]){null, null}, 2, &errors_fd);
	test_int(finish(pid, errors_fd), 2);
	test_true(strstr(errors, "not a unix stream socket"));
	close(fds[0]);
	close(fds[1]);
	close(null);
}

/* What must not be possible any more, done by a child that has isolated itself. */
static void try_openat(void)
{
	(void)!open("/", O_RDONLY | O_CLOEXEC);
}

static void try_execve(void)
{
	execl("/bin/true", "true", NULL);
}

static void try_fork(void)
{
	(void)fork();
}

static void try_inet(void)
{
	(void)!socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void try_code(void)
{
	(void)!mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_kill(void)
{
	(void)kill(getppid(), 0);
}

static void try_unix(void)
{
	(void)!socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void try_data(void)
{
	(void)!mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int isolated(void (*func)(void))
{
	unsigned int max;
	const char *what;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (isolate_enter("/tmp", 64, &max, &what) < 0)
			_exit(99);
		func();
		_exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void filter(void)
{
	static void (*const forbidden[])(void) = {try_openat, try_execve, try_fork,
						  try_inet,   try_code,	  try_kill};

	test_int(isolated(try_unix), 0);
	test_int(isolated(try_data), 0);
#if !defined(__SANITIZE_ADDRESS__)
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
		test_int(isolated(forbidden[i]), 128 + SIGSYS);
#else
	(void)forbidden;
#endif
}

int main(int argc, char **argv)
{
	program = argc > 1 ? argv[1] : "caisson-vsockd";
	test_run(serves_from_its_cage);
	test_run(makes_its_own_sockets);
	test_run(gives_up_what_it_can);
	test_run(bad_front_end);
	test_run(memory_cut_short);
	test_run(ends_with_its_parent);
	test_run(wrong_arguments);
	test_run(wrong_sockets);
	test_run(filter);
	return 0;
}
