/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/setup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/parse.h"
#include "guest/direct/identity.h"
#include "guest/direct/image-settings.h"
#include "guest/direct/lookup.h"
#include "guest/direct/namespace.h"
#include "guest/direct/rootfs.h"
#include "guest/direct/terminal.h"
#include "guest/direct/volumes.h"
#include "guest/folder.h"

#define DEFAULT_UMASK 0022

const char *setup_error(int error, char buf[64])
{
	(void)snprintf(buf, 64, "%s", strerror(-error));
	buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

int setup_fail(struct setup *s, int error, enum ttrpc_code code, const char *fmt, ...)
{
	va_list ap;

	s->report.kind = SETUP_FAILED;
	s->report.code = code;
	va_start(ap, fmt);
	(void)vsnprintf(s->report.text, sizeof(s->report.text), fmt, ap);
	va_end(ap);
	return error;
}

int setup_hand_over(const struct setup *s, enum setup_report_kind kind, int fd)
{
	struct setup_report report = {.kind = kind};
	struct iovec iov = {.iov_base = &report, .iov_len = sizeof(report)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(s->ctl, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* 0, 1, 2 and, for the time being, the socket at 3: nothing else of vminitd's stays open. */
static int place_descriptors(struct setup *s)
{
	for (int i = 0; i < 3; i++)
		if (dup2(s->stdio[i] >= 0 ? s->stdio[i] : s->null_fd, i) < 0)
			return -errno;
	if (s->ctl != 3 && dup3(s->ctl, 3, O_CLOEXEC) < 0)
		return -errno;
	s->ctl = 3;
	return syscall(SYS_close_range, 4U, ~0U, 0) < 0 ? -errno : 0;
}

static int begin_session(struct setup *s _unused_)
{
	return setsid() < 0 ? -errno : 0;
}

/* What the process opens again by way of /dev/stdout must be its own. */
static int own_stdio(struct setup *s)
{
	struct stat st;

	for (int i = 0; i < 3; i++)
		if (fstat(i, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(i)) &&
		    st.st_uid != s->user.uid && fchown(i, s->user.uid, st.st_gid) < 0)
			return -errno;
	return 0;
}

static const char *get_env(const Caisson__Guest__V1__Process *process, const char *prefix)
{
	for (size_t i = 0; i < process->n_env; i++) {
		const char *value = str_starts(process->env[i], prefix);

		if (value && *value)
			return value;
	}
	return NULL;
}

int setup_allocate(struct setup *s)
{
	const Caisson__Guest__V1__Process *process = s->request->process;

	s->argv = calloc(process->n_args + process->n_env + 3, sizeof(*s->argv));
	if (!s->argv)
		return -ENOMEM;
	s->env = s->argv + process->n_args + 1;
	memcpy(s->argv, process->args, process->n_args * sizeof(*s->argv));
	if (process->n_env > 0)
		memcpy(s->env, process->env, process->n_env * sizeof(*s->env));
	return 0;
}

void setup_release(struct setup *s)
{
	free(s->argv);
	s->argv = s->env = NULL;
}

static int complete_environment(struct setup *s)
{
	const Caisson__Guest__V1__Process *process = s->request->process;

	if (get_env(process, "HOME="))
		return 0;
	(void)stpcpy(stpcpy(s->home, "HOME="), s->user.home);
	s->env[process->n_env] = s->home;
	return 0;
}

static int change_folder(struct setup *s)
{
	const char *cwd = *s->request->process->cwd ? s->request->process->cwd : "/";
	char buf[64], where[2];
	int r = chdir(cwd) < 0 ? -errno : 0;

	/* "(unreachable)": a way out of the root, through some descriptor in /proc. */
	if (r == 0 && syscall(SYS_getcwd, where, sizeof(where)) < 0 && errno != ERANGE)
		r = -errno;
	if (r < 0)
		return setup_fail(s, r, TTRPC_INVALID_ARGUMENT,
				  "cannot enter the working directory \"%s\": %s", cwd,
				  setup_error(r, buf));
	return 0;
}

/* As root, who may enter where the user may not; what only the user may enter comes later. */
static int change_folder_as_root(struct setup *s)
{
	int r = change_folder(s);

	if (r != -EACCES)
		return r;
	s->report.kind = 0;
	s->folder_refused = true;
	return 0;
}

static int change_folder_as_user(struct setup *s)
{
	return s->folder_refused ? change_folder(s) : 0;
}

static int make_folder(struct setup *s)
{
	folder_make_all(s->request->process->cwd);
	return 0;
}

static int limit_resources(struct setup *s)
{
	const Caisson__Guest__V1__Process *process = s->request->process;
	char buf[64];

	for (size_t i = 0; i < process->n_rlimits; i++) {
		const Caisson__Guest__V1__Rlimit *want = process->rlimits[i];
		struct rlimit limit = {.rlim_cur = want->soft, .rlim_max = want->hard};

		if (setrlimit((int)want->type, &limit) < 0)
			return setup_fail(s, -errno, TTRPC_INVALID_ARGUMENT,
					  "error setting rlimit type %u: %s", want->type,
					  setup_error(-errno, buf));
	}
	return 0;
}

/* The spawner has done so for all execs. */
static int drop_capabilities(struct setup *s)
{
	return identity_bound(s->request->process->capabilities);
}

static int set_umask(struct setup *s)
{
	uint32_t mask = s->request->process->umask;

	(void)umask(mask ? (mode_t)mask & 0777 : DEFAULT_UMASK);
	return 0;
}

/* The phrases are runc's: its callers make exit statuses of them. */
static int find_command(struct setup *s)
{
	const Caisson__Guest__V1__Process *process = s->request->process;
	const char *name = process->args[0], *path = get_env(process, "PATH=");
	char buf[64];
	int r;

	r = lookup_command(name, path ? path : LOOKUP_DEFAULT_PATH, s->found, sizeof(s->found));
	s->path = s->found;
	if (r == -EACCES)
		return setup_fail(s, r, TTRPC_PERMISSION_DENIED,
				  ABI_COMMAND_MARK "\"%s\": permission denied", name);
	if (r < 0 && strchr(name, '/'))
		return setup_fail(s, r, TTRPC_NOT_FOUND, ABI_COMMAND_MARK "\"%s\": stat %s: %s",
				  name, name, setup_error(r, buf));
	if (r < 0)
		return setup_fail(s, r, TTRPC_NOT_FOUND,
				  ABI_COMMAND_MARK "\"%s\": executable file not found in $PATH",
				  name);
	return 0;
}

static int await_start(struct setup *s)
{
	char go;

	if (setup_hand_over(s, SETUP_READY, s->mntns) < 0 || recv(s->ctl, &go, 1, 0) != 1)
		_exit(EXIT_FAILURE);
	return 0;
}

static enum ttrpc_code exec_code(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return TTRPC_NOT_FOUND;
	case -EACCES:
	case -EPERM:
	case -ENOEXEC:
		return TTRPC_PERMISSION_DENIED;
	default:
		return TTRPC_FAILED_PRECONDITION;
	}
}

static int execute_found(struct setup *s)
{
	sigset_t none;
	char buf[64];
	int r;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(s->path, s->argv, s->env);
	r = -errno;
	/* The file itself was there a moment ago. */
	return setup_fail(s, r, exec_code(r), ABI_COMMAND_MARK "\"%s\": %s%s", s->path,
			  setup_error(r, buf), r == -ENOENT ? ", its interpreter or loader" : "");
}

/*
 * Of a file that is named by its path the kernel can be asked at once: to look at it before would
 * follow its symbolic links, each a question to the host, a second time. Why not is found out later.
 */
static bool is_path(const struct setup *s)
{
	return s->is_exec && strchr(s->request->process->args[0], '/');
}

static int find_command_first(struct setup *s)
{
	if (!is_path(s))
		return find_command(s);
	s->path = s->request->process->args[0];
	return 0;
}

static int execute(struct setup *s)
{
	int failed = execute_found(s), r = is_path(s) ? find_command(s) : 0;

	return r < 0 ? r : failed;
}

enum {
	FIRST = 1 << 0, /* of a container */
	EXEC = 1 << 1,
	BOTH = FIRST | EXEC,
};

/*
 * The order: what needs vminitd's own descriptors; the way into the container; what needs
 * root; then the user, and what is judged with the user's rights.
 */
static const struct {
	int (*run)(struct setup *s);
	unsigned int when;
	const char *what;
} steps[] = {
	{namespace_join, EXEC, "join the container"},
	{setup_allocate, FIRST, "keep the arguments"},
	{place_descriptors, BOTH, "place descriptors"},
	{namespace_hostname, FIRST, "set the host name"},
	{namespace_cgroup, FIRST, "hide the other control groups"},
	{rootfs_mount, FIRST, "mount the root file system"},
	{volumes_make, FIRST, "make what is mounted"},
	{rootfs_enter, FIRST, "enter the root file system"},
	{rootfs_furnish, FIRST, "mount what a container has"},
	{volumes_attach, FIRST, "mount what it has besides"},
	{namespace_keep, FIRST, "keep the mounts"},
	{image_settings_read, FIRST, "read what the image says"},
	{begin_session, BOTH, "begin a session"},
	{terminal_open, BOTH, "open a terminal"},
	{identity_find, BOTH, "find the user"},
	{own_stdio, BOTH, "give stdio to the user"},
	{complete_environment, BOTH, "make the environment"},
	{make_folder, FIRST, "make the working directory"},
	{change_folder_as_root, BOTH, "enter the working directory"},
	{rootfs_protect, FIRST, "make the root file system read-only"},
	{limit_resources, BOTH, "set resource limits"},
	{drop_capabilities, FIRST, "drop capabilities"},
	{identity_change, BOTH, "become the user"},
	{identity_confine, BOTH, "set capabilities"},
	{change_folder_as_user, BOTH, "enter the working directory"},
	{set_umask, BOTH, "set the umask"},
	{find_command_first, BOTH, "find the command"},
	{await_start, FIRST, "wait"},
	{execute, BOTH, "execute"},
};

/* Signals are blocked, or of no matter any more. */
void setup_report(const struct setup *s)
{
	(void)!write(s->ctl, &s->report, sizeof(s->report));
}

void setup_run(struct setup *s)
{
	unsigned int when = s->is_exec ? EXEC : FIRST;
	char buf[64];
	int r = 0;

	(void)umask(0);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++) {
		if (!(steps[i].when & when))
			continue;
		r = steps[i].run(s);
		if (r < 0 && s->report.kind != SETUP_FAILED)
			(void)setup_fail(s, r, TTRPC_INTERNAL, "cannot %s: %s", steps[i].what,
					 setup_error(r, buf));
	}
	setup_report(s);
	_exit(EXIT_FAILURE);
}
