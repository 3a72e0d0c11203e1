/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The process that moves a guest's bytes is the first one that a hostile guest would like to own.
 * Once it holds everything it needs, it gives up the rest, in this order:
 *
 * 1. descriptors: only standard error, the front-end's socket and the listener stay open
 *    (isolate_descriptors(), before anything else is opened)
 * 2. limits: as many descriptors as there can be connections, no core file
 * 3. namespaces: a user namespace when not root; then mounts, network (abstract sockets of the host
 *    are out of reach; sockets with a path are not, they belong to the file system) and System V
 *    objects
 * 4. the file system: the root becomes the folder with the sockets to connect to
 * 5. privileges: all capabilities, for ever
 * 6. others of the same user cannot look into the process any more, nor it make system calls but
 *    those of a filter made of the rules that stand beside the code (isolate.h)
 *
 * A step that fails is an error: running half isolated would not be noticed. The exception is 3 and
 * 4 without root, as many systems forbid unprivileged user namespaces; the filter holds all the
 * same.
 */
#include "vsockd/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"

int isolate_descriptors(int *const keep[], unsigned int n)
{
	unsigned int next = 3;
	int null;

	/* Out of the way first, so that no move closes one that is still to be moved. */
	for (unsigned int i = 0; i < n; i++) {
		int fd = fcntl(*keep[i], F_DUPFD_CLOEXEC, (int)(3 + n));

		if (fd < 0)
			return -errno;
		fd_close(*keep[i]);
		*keep[i] = fd;
	}
	for (unsigned int i = 0; i < n; i++, next++) {
		if (dup3(*keep[i], (int)next, O_CLOEXEC) < 0)
			return -errno;
		*keep[i] = (int)next;
	}
	if (close_range(next, ~0u, 0) < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0))
		return -errno;
	if (null > STDERR_FILENO)
		fd_close(null);
	return 0;
}

static int set_limits(unsigned int max_fds, unsigned int *ret_max_fds)
{
	struct rlimit files, core = {0};

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	if (files.rlim_max == RLIM_INFINITY || files.rlim_max > max_fds)
		files.rlim_max = max_fds;
	files.rlim_cur = files.rlim_max;
	*ret_max_fds = (unsigned int)files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &core) < 0)
		return -errno;
	return 0;
}

static int leave_namespaces(const char *dir)
{
	const int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
	bool root = unshare(spaces) == 0;

	if (!root && errno != EPERM)
		return -errno;
	if (chdir(dir) < 0)
		return -errno;
	if (root)
		return chroot(".") < 0 ? -errno : 0;
	/* What is used is names in the working folder: they are the same without the next two. */
	if (unshare(CLONE_NEWUSER | spaces) == 0 && chroot(".") < 0 && errno != EPERM)
		return -errno;
	return 0;
}

static int drop_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/* Fails once there is no such capability: the last one is not known at build time. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(SANITIZED)

/* The run-time of a sanitizer makes system calls of its own, and looks into its own process. */
static int seal(void)
{
	return 0;
}

#else

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

/* The linker's names for the two ends of the section that holds all rules. */
extern const struct isolate_rule __start_isolate_rules[], __stop_isolate_rules[];

#define RULES_MAX 64
#define INSNS_MAX (RULES_MAX * 6 + 8)

static const struct sock_filter filter_head[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
};

/* Both architectures are little-endian: the low half of an argument comes first. */
static size_t add_rule(struct sock_filter *out, const struct isolate_rule *rule)
{
	const uint32_t arg = offsetof(struct seccomp_data, args) + rule->arg * 8;
	const struct sock_filter any[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_filter by_arg[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arg),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	const struct sock_filter *from = rule->mask ? by_arg : any;
	size_t n = rule->mask ? ARRAY_SIZE(by_arg) : ARRAY_SIZE(any);

	for (size_t i = 0; i < n; i++)
		out[i] = from[i];
	return n;
}

static bool listed_before(const struct isolate_rule *rule)
{
	for (const struct isolate_rule *r = __start_isolate_rules; r < rule; r++)
		if (r->nr == rule->nr && r->arg == rule->arg && r->mask == rule->mask &&
		    r->value == rule->value)
			return true;
	return false;
}

static int seal(void)
{
	const struct sock_filter last = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_filter insns[INSNS_MAX];
	struct sock_fprog program = {.filter = insns};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(filter_head); i++)
		insns[n++] = filter_head[i];
	for (const struct isolate_rule *r = __start_isolate_rules; r != __stop_isolate_rules; r++) {
		if (listed_before(r))
			continue;
		if (n + 7 > INSNS_MAX)
			return -E2BIG;
		n += add_rule(&insns[n], r);
	}
	insns[n++] = last;
	program.len = (unsigned short)n;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return -errno;
	return 0;
}

#endif

/* The kernel forgets the signal when capabilities go; the parent may have died meanwhile. */
static int end_with_parent(int death_signal, pid_t parent)
{
	if (!death_signal)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

int isolate_enter(const char *dir, unsigned int max_fds, unsigned int *ret_max_fds,
		  const char **ret_what)
{
	const pid_t parent = getppid();
	int death_signal = 0, r;

	(void)prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	*ret_what = "limits";
	r = set_limits(max_fds, ret_max_fds);
	if (r < 0)
		return r;
	*ret_what = "namespaces and root folder";
	r = leave_namespaces(dir);
	if (r < 0)
		return r;
	*ret_what = "capabilities";
	r = drop_privileges();
	if (r < 0)
		return r;
	*ret_what = "death signal";
	r = end_with_parent(death_signal, parent);
	if (r < 0)
		return r;
	*ret_what = "system call filter";
	return seal();
}
