/* SPDX-License-Identifier: Apache-2.0 */
/* The whole program, in processes of its own: command line, isolation, connections, how it ends. Needs root. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/seal.h"
#include "base/test.h"
#include "p9/isolate.h"
#include "p9/test-peer.h"

/* CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID, MKNOD, SETFCAP. */
#define CAPABILITIES "00000000880000db"

static const char *program;
static char top[] = "/var/tmp/caisson-test-p9.XXXXXX";
static struct peer peer, other, more;
static struct proc proc = PROC_NULL;
static int errors = -EBADF;
/* What a process does before it becomes the program. */
static int (*prepare_call)(void *data, struct err *err);

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)unlink(path);
	strcpy(addr.sun_path, path);
	test_int(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	test_int(listen(fd, 128), 0);
	return fd;
}

static int try_dial(void)
{
	_cleanup_free_ char *path = path_join(top, "socket");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? fd : fd_close(fd);
}

static int dial(void)
{
	int fd = try_dial();

	test_true(fd >= 0);
	return fd;
}

static int run(const char *const *argv, int listener)
{
	struct proc_spec spec = PROC_SPEC_NULL;
	int fds[2], r;

	test_int(pipe2(fds, O_CLOEXEC), 0);
	errors = fds[0];
	spec.argv = argv;
	spec.fds = &listener;
	spec.n_fds = listener >= 0;
	spec.stderr_fd = fds[1];
	spec.death_signal = SIGKILL;
	spec.prepare = prepare_call;
	r = proc_start(&spec, &proc);
	close(fds[1]);
	return r;
}

static void start(const char *option, const char *value)
{
	_cleanup_free_ char *root = path_join(top, "share"), *path = path_join(top, "socket");
	_cleanup_close_ int listener = listen_at(path);
	const char *const argv[] = {program, "--root", root,  "--listen-fd",
				    "3",     option,   value, NULL};

	test_int(run(argv, listener), 0);
}

static void says(const char *want)
{
	_cleanup_free_ char *text = NULL;

	test_int(fd_slurp(errors, 4096, &text, NULL), 0);
	test_str(text, want);
	errors = fd_close(errors);
}

static void stop(void)
{
	proc_kill(&proc, SIGTERM);
	test_int(proc_wait(&proc), 0);
	says("");
}

static void host_file(const char *name, const char *content)
{
	_cleanup_free_ char *path = path_join(top, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, content, strlen(content)), 0);
}

static void host_dir(const char *name)
{
	_cleanup_free_ char *path = path_join(top, name);

	test_int(mkdir(path, 0755), 0);
}

static void made_public(const char *name)
{
	_cleanup_free_ char *path = path_join(top, name);

	test_int(chmod(path, 0777), 0);
}

static void bind_at(const char *from, const char *to, unsigned long flags)
{
	_cleanup_free_ char *source = path_join(top, from), *target = path_join(top, to);

	test_int(mount(source, target, NULL, MS_BIND, NULL), 0);
	if (flags)
		test_int(mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | flags, NULL), 0);
}

/* As the shim does it: a folder of mounts, in a namespace of ours. */
static void prepare(void)
{
	_cleanup_free_ char *share = NULL;

	test_true(mkdtemp(top));
	test_int(unshare(CLONE_NEWNS), 0);
	test_int(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
	host_dir("share");
	share = path_join(top, "share");
	test_int(mount("test", share, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m"), 0);
	host_dir("host");
	host_dir("host/dir");
	host_file("host/file", "alone");
	host_file("host/neighbour", "secret");
	host_file("host/dir/inside", "inside");
	host_dir("share/volumes");
	host_dir("share/volumes/0");
	host_dir("share/volumes/2");
	host_file("share/volumes/1", "");
	made_public("");
	made_public("host/dir");
	bind_at("host/dir", "share/volumes/0", 0);
	bind_at("host/file", "share/volumes/1", 0);
	bind_at("host/dir", "share/volumes/2", MS_RDONLY);
}

static void serves_mounts(void)
{
	const char *got;

	start(NULL, NULL);
	peer.sock = dial();
	peer_begin(&peer, 8192, "volumes/0", 0);
	test_int(peer_walk(&peer, 1, "inside"), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 2), 0);
	test_int(peer_read(&peer, 1, 0, 100, &got), 6);
	test_int(peer_write(&peer, 1, 0, "INSIDE"), 6);
	/* All of it, and what is mounted read-only is. */
	other.sock = dial();
	peer_begin(&other, 8192, "", 0);
	test_int(peer_walk(&other, 1, "volumes/0/inside"), 0);
	test_int(peer_walk(&other, 2, "volumes/1"), 0);
	test_int(peer_walk(&other, 3, "volumes/2/inside"), 0);
	test_int(peer_walk(&other, 4, "volumes/0/../1"), 0);
	test_int(peer_call(&other, P9_TLOPEN, "dd", 3, 2), -EROFS);
	test_int(peer_call(&other, P9_TLOPEN, "dd", 3, 0), 0);
	test_int(peer_read(&other, 3, 0, 100, &got), 6);
	test_str(got, "INSIDE");
	test_true(peer_walk(&other, 5, "../host") < 0);
	test_true(peer_walk(&other, 5, "proc") < 0);
	/* Without what is beside it on the host. */
	peer_begin(&other, 8192, "volumes/1", 0);
	test_int(peer_walk(&other, 1, "1"), 0);
	test_true(peer_walk(&other, 2, "neighbour") < 0);
	test_true(peer_walk(&other, 2, "0") < 0);
	test_int(peer_call(&other, P9_TLOPEN, "dd", 1, 0), 0);
	test_int(peer_read(&other, 1, 0, 100, &got), 5);
	peer.sock = fd_close(peer.sock);
	other.sock = fd_close(other.sock);
	stop();
}

static void changes_nothing_if_told_so(void)
{
	start("--readonly", NULL);
	peer.sock = dial();
	peer_begin(&peer, 8192, "volumes/0", 0);
	test_int(peer_create(&peer, 1, "new", 0644, 0), -EROFS);
	peer.sock = fd_close(peer.sock);
	stop();
}

/* Return: the number of the first process that serves. */
static pid_t serving(void)
{
	char path[64];
	int child = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)proc.pid,
		       (int)proc.pid);
	file = fopen(path, "re");
	test_true(file && fscanf(file, "%d", &child) == 1);
	(void)fclose(file);
	return child;
}

static FILE *open_proc(const char *name)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)serving(), name);
	file = fopen(path, "re");
	test_true(file);
	return file;
}

static void has_status(const char *key, const char *want)
{
	FILE *file = open_proc("status");
	size_t len = strlen(key);
	bool found = false;
	char line[256];

	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, len) != 0)
			continue;
		found = true;
		line[strcspn(line, "\n")] = '\0';
		test_str(line + len, want);
	}
	test_true(found);
	(void)fclose(file);
}

static void has_mounts(const char *const *wanted, size_t n)
{
	FILE *file = open_proc("mounts");
	char line[512], place[256];

	for (size_t i = 0; i < n; i++) {
		test_true(fgets(line, sizeof(line), file));
		test_int(sscanf(line, "%*s %255s", place), 1);
		test_str(place, wanted[i]);
	}
	test_true(!fgets(line, sizeof(line), file));
	(void)fclose(file);
}

static void gives_up_what_it_can(void)
{
	static const char *const mounts[] = {"/", "/volumes/0", "/volumes/1", "/volumes/2"};

	start(NULL, NULL);
	peer.sock = dial();
	peer_begin(&peer, 8192, "", 1000);
	test_int(peer_call(&peer, P9_TWALK, "ddwss", 0, 1, 2, "volumes", "0"), 0);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 1, "made", 0755, 1000), 0);
	has_status("CapEff:\t", CAPABILITIES);
	has_status("CapBnd:\t", CAPABILITIES);
	has_status("NoNewPrivs:\t", "1");
#if !defined(__SANITIZE_ADDRESS__)
	has_status("Seccomp:\t", "2");
#endif
	has_mounts(mounts, ARRAY_SIZE(mounts));
	peer.sock = fd_close(peer.sock);
	stop();
}

/* What is too large for whoever started it is an error of the guest's, and no signal. */
static void survives_a_file_too_large(void)
{
	const struct peer_data data = {.at = "x", .len = 1};
	struct rlimit before, low;

	test_int(getrlimit(RLIMIT_FSIZE, &before), 0);
	low = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
	test_int(setrlimit(RLIMIT_FSIZE, &low), 0);
	start(NULL, NULL);
	test_int(setrlimit(RLIMIT_FSIZE, &before), 0);
	peer.sock = dial();
	peer_begin(&peer, 8192, "", 0);
	test_int(peer_call(&peer, P9_TWALK, "ddwss", 0, 1, 2, "volumes", "0"), 0);
	test_int(peer_call(&peer, P9_TLCREATE, "dsddd", 1, "large", 2, 0644, 0), 0);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 1, UINT64_C(2) << 20, &data), -EFBIG);
	test_int(peer_call(&peer, P9_TWRITE, "dqD", 1, UINT64_C(0), &data), 0);
	peer.sock = fd_close(peer.sock);
	stop();
}

/* Each is a process: one that stands still, or sends rubbish, is alone with that. */
static void leaves_others_alone(void)
{
	const char *got;
	uint8_t byte;

	start(NULL, NULL);
	other.sock = dial();
	peer.sock = dial();
	/* Half a message, and no more. */
	test_int(fd_write_full(other.sock, "\x10\0\0", 3), 0);
	peer_begin(&peer, 8192, "volumes/0", 0);
	test_int(peer_walk(&peer, 1, "inside"), 0);
	test_int(fd_write_full(other.sock, "\xff", 1), 0);
	test_int(fd_read_full(other.sock, &byte, 1), 0);
	test_int(peer_call(&peer, P9_TLOPEN, "dd", 1, 2), 0);
	test_int(peer_read(&peer, 1, 0, 100, &got), 6);
	other.sock = fd_close(other.sock);
	peer.sock = fd_close(peer.sock);
	proc_kill(&proc, SIGTERM);
	test_int(proc_wait(&proc), 0);
	says("caisson-9pd: the connection of a guest's volume is closed: what came on it is not "
	     "9P2000.L\n");
}

/* It goes before it is answered. */
static void outlives_a_client(void)
{
	struct pollfd ends = {.events = POLLIN};
	pid_t child;

	start(NULL, NULL);
	other.sock = dial();
	peer_begin(&other, 8192, "", 0);
	child = serving();
	ends.fd = (int)syscall(SYS_pidfd_open, child, 0);
	test_int(kill(child, SIGSTOP), 0);
	test_int(fd_write_full(other.sock, "\x0b\0\0\0\x78\0\0\0\0\0\0", 11), 0);
	other.sock = fd_close(other.sock);
	test_int(kill(child, SIGCONT), 0);
	test_int(poll(&ends, 1, -1), 1);
	close(ends.fd);
	peer.sock = dial();
	peer_begin(&peer, 8192, "", 0);
	peer.sock = fd_close(peer.sock);
	stop();
}

static void takes_so_many(void)
{
	struct pollfd poll_fd;
	int socks[66];
	uint8_t byte;

	start(NULL, NULL);
	for (size_t i = 0; i < 64; i++) {
		socks[i] = peer.sock = dial();
		peer_begin(&peer, 4096, "", 0);
	}
	for (size_t i = 64; i < 66; i++) {
		socks[i] = dial();
		test_int(fd_read_full(socks[i], &byte, 1), 0);
	}
	/* A place is free when one has gone. */
	test_int(shutdown(socks[5], SHUT_WR), 0);
	test_int(fd_read_full(socks[5], &byte, 1), 0);
	do {
		peer.sock = dial();
		poll_fd = (struct pollfd){.fd = peer.sock, .events = POLLIN};
		/* Closed at once, even before this is written, or not: what is answered says which. */
		(void)fd_write_full(peer.sock, "\x13\0\0\0\x64\xff\xff\0\x20\0\0\x06\0wrong!", 19);
		test_int(poll(&poll_fd, 1, -1), 1);
	} while (recv(peer.sock, &byte, 1, 0) <= 0 && fd_close(peer.sock) < 0);
	close(peer.sock);
	for (size_t i = 0; i < 66; i++)
		close(socks[i]);
	proc_kill(&proc, SIGTERM);
	test_int(proc_wait(&proc), 0);
	says("caisson-9pd: a guest has 64 connections: it gets no more\n");
}

/* Also where it had come so far as to wait. */
static bool is_refused(void)
{
	bool refused;

	more.sock = try_dial();
	refused = more.sock < 0 || peer_call(&more, P9_TVERSION, "ds", 8192, P9_VERSION) == -EPIPE;
	more.sock = fd_close(more.sock);
	return refused;
}

static void takes_as_many_as_were_said(void)
{
	struct peer_attr attr;

	start("--connections", "2");
	peer.sock = dial();
	peer_begin(&peer, 8192, "", 0);
	other.sock = dial();
	peer_begin(&other, 8192, "", 0);
	test_true(is_refused());
	/* One that has ended makes room for no other one. */
	other.sock = fd_close(other.sock);
	test_true(is_refused());
	test_int(peer_attr(&peer, 0, &attr), 0);
	stop();
	peer.sock = fd_close(peer.sock);
}

/* Whoever is at a unix socket is no guest at all. */
static void takes_that_guest_only(void)
{
	start("--cid", "5");
	test_true(is_refused());
	test_true(is_refused());
	stop();
}

/* A mount that is not served any more is known of. */
static void ends_with_one_that_is_killed(void)
{
	start("--connections", "2");
	peer.sock = dial();
	peer_begin(&peer, 8192, "", 0);
	other.sock = dial();
	test_int(kill(serving(), SIGKILL), 0);
	test_int(proc_wait(&proc), 1);
	test_int(peer_call(&other, P9_TVERSION, "ds", 8192, P9_VERSION), -EPIPE);
	peer.sock = fd_close(peer.sock);
	other.sock = fd_close(other.sock);
	says("caisson-9pd: what served a guest's volume was killed by signal 9\n");
}

/* Whatever ends it, and as whomever a process has made files last. */
static void ends_with_its_parent(void)
{
	static const int signals[] = {SIGTERM, SIGKILL};
	char name[16];
	uint8_t byte;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		start(NULL, NULL);
		peer.sock = dial();
		peer_begin(&peer, 4096, "volumes/0", 1234);
		(void)snprintf(name, sizeof(name), "by%zu", i);
		test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 0, name, 0755, 77), 0);
		proc_kill(&proc, signals[i]);
		test_int(proc_wait(&proc), signals[i] == SIGTERM ? 0 : 128 + SIGKILL);
		test_int(fd_read_full(peer.sock, &byte, 1), 0);
		peer.sock = fd_close(peer.sock);
		says("");
	}
}

/* Who started it is killed, and cannot end it any more. */
static void ends_with_who_started_it(void)
{
	int fds[2];
	pid_t pid;
	uint8_t byte = 0;

	test_int(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		start(NULL, NULL);
		test_int(fd_write_full(fds[1], "", 1), 0);
		(void)pause();
		_exit(0);
	}
	close(fds[1]);
	test_int(fd_read_full(fds[0], &byte, 1), 1);
	close(fds[0]);
	peer.sock = dial();
	peer_begin(&peer, 4096, "volumes/0", 0);
	test_int(kill(pid, SIGKILL), 0);
	test_int(waitpid(pid, NULL, 0), pid);
	test_int(fd_read_full(peer.sock, &byte, 1), 0);
	peer.sock = fd_close(peer.sock);
}

/* Of a user's own, in whose namespace there is nobody else. */
static int enter_userns(void *data _unused_, struct err *err _unused_)
{
	static const struct {
		const char *path, *text;
	} files[] = {{"/proc/self/setgroups", "deny"},
		     {"/proc/self/uid_map", "0 1000 1"},
		     {"/proc/self/gid_map", "0 1000 1"}};

	if (setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1) < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = open(files[i].path, O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, files[i].text, strlen(files[i].text)) < 0)
			return -errno;
	}
	return 0;
}

static void serves_without_root(void)
{
	_cleanup_free_ char *made = path_join(top, "host/dir/mine");
	struct stat st;
	uint8_t byte;

	prepare_call = enter_userns;
	start(NULL, NULL);
	prepare_call = NULL;
	peer.sock = dial();
	peer_begin(&peer, 4096, "volumes/0", 0);
	test_int(peer_create(&peer, 1, "mine", 0644, 0), 0);
	test_int(peer_write(&peer, 1, 0, "text"), 4);
	test_int(stat(made, &st), 0);
	test_int(st.st_uid, 1000);
	test_int(st.st_gid, 1000);
	test_int(peer_create(&peer, 2, "others", 0644, 5), -EINVAL);
	test_int(peer_call(&peer, P9_TMKDIR, "dsdd", 0, "folder", 0755, 0), 0);
	proc_kill(&proc, SIGKILL);
	test_int(proc_wait(&proc), 128 + SIGKILL);
	test_int(fd_read_full(peer.sock, &byte, 1), 0);
	peer.sock = fd_close(peer.sock);
	says("");
}

static void wrong_arguments(void)
{
	static const char *const lines[][6] = {
		{"9pd"},
		{"9pd", "--root", "/tmp"},
		{"9pd", "--listen-fd", "3"},
		{"9pd", "--root", "/tmp", "--listen-fd", "99"},
		{"9pd", "--root", "/tmp", "--listen-fd", "1"},
		{"9pd", "--bad"},
		{"9pd", "more"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *argv[7] = {NULL};

		for (size_t j = 0; j < ARRAY_SIZE(lines[i]); j++)
			argv[j] = lines[i][j];
		argv[0] = program;
		test_int(run(argv, -EBADF), 0);
		test_int(proc_wait(&proc), 2);
		errors = fd_close(errors);
	}
}

static void wrong_numbers(void)
{
	static const char *const pairs[][2] = {
		{"--connections", "0"}, {"--connections", "65"}, {"--cid", "x"}};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_free_ char *want = NULL;

		test_true(asprintf(&want,
				   "caisson-9pd: not a number that can be: %s (see --help)\n",
				   pairs[i][1]) > 0);
		start(pairs[i][0], pairs[i][1]);
		test_int(proc_wait(&proc), 2);
		says(want);
	}
}

static void no_folder(void)
{
	_cleanup_free_ char *path = path_join(top, "socket");
	_cleanup_close_ int listener = listen_at(path);
	const char *const argv[] = {program, "--root", "/nothing", "--listen-fd", "3", NULL};

	test_int(run(argv, listener), 0);
	test_int(proc_wait(&proc), 1);
	says("caisson-9pd: cannot isolate itself: namespaces and root folder: No such file or "
	     "directory\n");
}

SEAL_ALLOW(exit_group);

static void try_socket(void)
{
	(void)!socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void try_execve(void)
{
	execl("/bin/true", "true", NULL);
}

static void try_fork(void)
{
	(void)fork();
}

static void try_mount(void)
{
	(void)mount("x", "/tmp", "tmpfs", 0, NULL);
}

static void try_kill(void)
{
	(void)kill(getppid(), 0);
}

static void try_code(void)
{
	(void)!mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_create(void)
{
	(void)!open("x", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

static void try_open(void)
{
	(void)!open("0", O_RDONLY | O_CLOEXEC);
}

static int sealed(void (*func)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seal_enter() < 0)
			_exit(99);
		func();
		_exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void filter(void)
{
	static void (*const forbidden[])(void) = {try_socket, try_execve, try_fork,  try_mount,
						  try_kill,   try_code,	  try_create};

	test_int(sealed(try_open), 0);
#if !defined(__SANITIZE_ADDRESS__)
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
		test_int(sealed(forbidden[i]), 128 + SIGSYS);
#else
	(void)forbidden;
#endif
}

static void unmount(void)
{
	static const char *const mounts[] = {"share/volumes/0", "share/volumes/1",
					     "share/volumes/2", "share"};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		_cleanup_free_ char *path = path_join(top, mounts[i]);

		test_int(umount2(path, 0), 0);
	}
}

int main(int argc, char **argv)
{
	program = argc > 1 ? argv[1] : "caisson-9pd";
	(void)signal(SIGPIPE, SIG_IGN);
	test_run(wrong_arguments);
	if (geteuid() != 0)
		return 77;
	prepare();
	test_run(wrong_numbers);
	test_run(no_folder);
	test_run(serves_mounts);
	test_run(changes_nothing_if_told_so);
	test_run(gives_up_what_it_can);
	test_run(survives_a_file_too_large);
	test_run(leaves_others_alone);
	test_run(outlives_a_client);
	test_run(takes_so_many);
	test_run(takes_as_many_as_were_said);
	test_run(takes_that_guest_only);
	test_run(ends_with_one_that_is_killed);
	test_run(ends_with_its_parent);
	test_run(ends_with_who_started_it);
	test_run(serves_without_root);
	test_run(filter);
	unmount();
	test_int(path_remove_tree(AT_FDCWD, top), 0);
	return 0;
}
