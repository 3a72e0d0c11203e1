/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"

#define SUBID_MAX (1u << 20)

bool userns_range_of(const char *text, const char *name, uid_t uid, struct userns_range *ret)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *line;
	uint32_t number;

	while ((line = strsep(&rest, "\n"))) {
		const char *who = strsep(&line, ":"), *first = strsep(&line, ":");
		struct userns_range range;

		if (!line || parse_u32(first, 1, UINT32_MAX, &range.first) < 0 ||
		    parse_u32(line, 1, UINT32_MAX - range.first, &range.count) < 0)
			continue;
		if (strcmp(who, name) == 0 ||
		    (parse_u32(who, 0, UINT32_MAX, &number) == 0 && number == uid)) {
			*ret = range;
			return true;
		}
	}
	return false;
}

static bool range_in(const char *path, const char *name, struct userns_range *ret)
{
	_cleanup_free_ char *text = NULL;

	return file_slurp_at(AT_FDCWD, path, SUBID_MAX, &text, NULL) == 0 &&
	       userns_range_of(text, name, getuid(), ret);
}

bool userns_ranges(struct userns_range *ret_users, struct userns_range *ret_groups)
{
	_cleanup_free_ char *users = path_find_program("newuidmap");
	_cleanup_free_ char *groups = path_find_program("newgidmap");
	/* They do nothing for whom they do not know. */
	const struct passwd *own = getpwuid(getuid());

	return users && groups && own && range_in("/etc/subuid", own->pw_name, ret_users) &&
	       range_in("/etc/subgid", own->pw_name, ret_groups);
}

/* Root inside is @own, the others follow. Return: 0, or negative errno. */
static int map_range(const char *program, pid_t pid, unsigned int own, const struct userns_range *r)
{
	char words[4][16];
	const char *argv[] = {program, words[0], "0", words[1], "1", "1", words[2], words[3], NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc proc = PROC_NULL;
	int status;

	(void)snprintf(words[0], sizeof(words[0]), "%d", (int)pid);
	(void)snprintf(words[1], sizeof(words[1]), "%u", own);
	(void)snprintf(words[2], sizeof(words[2]), "%u", r->first);
	(void)snprintf(words[3], sizeof(words[3]), "%u", r->count);
	spec.argv = argv;
	status = proc_start(&spec, &proc);
	if (status < 0)
		return status;
	status = proc_wait(&proc);
	return status == 0 ? 0 : -EPERM;
}

/* The programs are setuid root, which counts nothing inside: so from a process that stays outside. */
static int map_from_outside(pid_t inside, int go, const struct userns_range ranges[2])
{
	char byte;
	int r;

	if (read(go, &byte, 1) != 1)
		return -ESRCH;
	r = map_range("newuidmap", inside, getuid(), &ranges[0]);
	return r < 0 ? r : map_range("newgidmap", inside, getgid(), &ranges[1]);
}

static int unshare_user(struct err *err)
{
	if (unshare(CLONE_NEWUSER) == 0)
		return 0;
	return err_errno(err, -errno,
			 "cannot make a user namespace, by which the host's files are shared "
			 "without root");
}

static int enter_with_ranges(const struct userns_range ranges[2], struct err *err)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	pid_t self = getpid(), pid;
	int fds[2], status = -1;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	rd = fds[0];
	wr = fds[1];
	pid = fork();
	if (pid < 0)
		return err_errno(err, -errno, "cannot start a process");
	if (pid == 0) {
		fd_close(wr);
		_exit(map_from_outside(self, rd, ranges) < 0);
	}
	if (unshare_user(err) == 0)
		(void)fd_write_full(wr, "", 1);
	wr = fd_close(wr);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (err->code < 0)
		return err->code;
	if (status == 0)
		return 0;
	return err_set(err, -EPERM,
		       "newuidmap and newgidmap do not give this user what /etc/subuid and "
		       "/etc/subgid say: are they setuid root, and is it told to others?");
}

static int write_proc(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd_write_full(fd, text, strlen(text));
}

/*
 * The kernel lets nobody change groups who was not given some by root, and virtiofsd does not go on with what it
 * cannot drop. It is the user's own groups that stay, on a process that is the user.
 */
static int pretend_setgroups(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(insns), .filter = insns};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return -errno;
	return 0;
}

static int enter_alone(struct err *err)
{
	_cleanup_free_ char *users = xasprintf("0 %u 1", getuid());
	_cleanup_free_ char *groups = xasprintf("0 %u 1", getgid());
	int r = unshare_user(err);

	if (r < 0)
		return r;
	r = write_proc("/proc/self/setgroups", "deny");
	if (r == 0)
		r = write_proc("/proc/self/uid_map", users);
	if (r == 0)
		r = write_proc("/proc/self/gid_map", groups);
	if (r == 0)
		r = pretend_setgroups();
	return r < 0 ? err_errno(err, r, "cannot become root of a user namespace") : 0;
}

/* virtiofsd holds a descriptor for each file that the guest knows, and may not raise it any more. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

int userns_enter(struct err *err)
{
	struct userns_range ranges[2];

	raise_files();
	return userns_ranges(&ranges[0], &ranges[1]) ? enter_with_ranges(ranges, err)
						     : enter_alone(err);
}

struct call {
	int (*call)(void *data, struct err *err);
	void *data;
};

static int call_inside(void *data, struct err *err)
{
	const struct call *call = data;
	int r = userns_enter(err);

	return r < 0 ? r : call->call(call->data, err);
}

int userns_call(int (*call)(void *data, struct err *err), void *data, struct err *err)
{
	struct call inside = {.call = call, .data = data};

	return proc_call(call_inside, &inside, err);
}
