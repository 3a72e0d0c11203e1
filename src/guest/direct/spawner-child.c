/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/direct/identity.h"
#include "guest/direct/setup.h"
#include "guest/direct/vfork.h"
#include "rpc/rpc.h"

#define LEAF "caisson-exec"

/* Of a child, on its way to its program. */
#define STACK_SIZE (256 << 10)

/*
 * What it has of an order, until that is carried out. Its children use this memory, and a container
 * can kill them in the middle of that: so they allocate nothing, and write only to what is made anew
 * for the next one; but for what user-cache.h keeps, which minds that.
 *
 * An order's descriptors are taken by the child, so that their last copy is closed as its program
 * begins to run: vminitd need not wait for the spawner to tell it that.
 */
static struct {
	struct spawner_order order;
	uint8_t spec[SPAWNER_INLINE_MAX];
	bool taken;
	int fds[SPAWNER_FDS_MAX];
	size_t n_fds;
	void *mapped;
	ProtobufCMessage *message;
	struct setup setup;
} now;

static void take_fds(struct msghdr *msg)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(msg);

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		_exit(EXIT_FAILURE);
	now.n_fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(now.fds, CMSG_DATA(header), now.n_fds * sizeof(int));
}

/*
 * To look at a message is to get its descriptors, too, if there is room for them.
 *
 * Return: bytes; 0: there will be no more.
 */
static ssize_t receive(int sock, int flags)
{
	struct iovec iov[] = {{.iov_base = &now.order, .iov_len = sizeof(now.order)},
			      {.iov_base = now.spec, .iov_len = sizeof(now.spec)}};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(SPAWNER_FDS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = control.bytes,
			     .msg_controllen = flags & MSG_PEEK ? 0 : sizeof(control.bytes)};
	ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);

	if (n > 0 && !(flags & MSG_PEEK))
		take_fds(&msg);
	return n;
}

/* Its descriptors belong to who calls this, the spawner or its child. */
static void take_order(int sock)
{
	size_t next = 1;

	if (now.taken)
		return;
	(void)receive(sock, MSG_DONTWAIT);
	now.taken = true;
	now.setup.ctl = now.fds[0];
	for (int i = 0; i < 3; i++)
		now.setup.stdio[i] = now.order.stdio[i] ? now.fds[next++] : -EBADF;
}

static int fail(int error, enum ttrpc_code code, const char *text)
{
	return setup_fail(&now.setup, error, code, "%s", text);
}

static int fail_to(int error, const char *what)
{
	char buf[64];

	return setup_fail(&now.setup, error, ttrpc_code_or(error, TTRPC_INTERNAL), "cannot %s: %s",
			  what, setup_error(error, buf));
}

static int unpack(int sock)
{
	const void *spec = now.spec;

	if (now.order.in_file) {
		take_order(sock);
		now.mapped = mmap(NULL, now.order.spec_len, PROT_READ, MAP_PRIVATE,
				  now.fds[now.n_fds - 1], 0);
		if (now.mapped == MAP_FAILED) {
			now.mapped = NULL;
			return -ENOMEM;
		}
		spec = now.mapped;
	}
	return rpc_unpack(&caisson__guest__v1__process__descriptor, spec, now.order.spec_len,
			  &now.message);
}

static int prepare(const struct spawner_place *place, int sock, struct executor_request *request)
{
	Caisson__Guest__V1__Process *process;
	int r;

	now.setup.request = request;
	now.setup.is_exec = true;
	now.setup.join_pidfd = place->pidfd;
	now.setup.null_fd = place->null_fd;
	now.setup.rows = now.order.rows;
	now.setup.columns = now.order.columns;
	now.setup.folder_refused = false;
	now.setup.report.kind = 0;
	r = unpack(sock);
	if (r < 0)
		return fail(r, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	process = (Caisson__Guest__V1__Process *)now.message;
	process->terminal = now.order.terminal;
	request->process = process;
	r = setup_allocate(&now.setup);
	return r < 0 ? fail(r, TTRPC_RESOURCE_EXHAUSTED, "out of memory") : 0;
}

static void child(void *sock)
{
	take_order(*(int *)sock);
	setup_run(&now.setup);
}

/* What ASan knows of a child's stack is not true of the next one's. */
void __asan_unpoison_memory_region(void const volatile *memory, size_t size) __attribute__((weak));

/*
 * A group that is divided, as systemd does with its own, has no processes but in the groups below it; and
 * one that has some is not divided.
 *
 * Return: one below it.
 */
static int open_leaf(int cgroup)
{
	if (mkdirat(cgroup, LEAF, 0755) < 0 && errno != EEXIST)
		return -errno;
	cgroup = openat(cgroup, LEAF, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return cgroup < 0 ? -errno : cgroup;
}

static pid_t clone_in_leaf(const struct spawner_place *place, struct clone_args *args, int sock)
{
	_cleanup_close_ int leaf = open_leaf(place->cgroup);

	args->cgroup = (uint64_t)leaf;
	return leaf < 0 ? leaf : vfork_clone(args, child, &sock);
}

/* Return: its number, once it is on its own. */
static pid_t make(const struct spawner_place *place, int sock, union spawner_slot *slot,
		  void *stack)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID |
			 CLONE_CLEAR_SIGHAND,
		.parent_tid = (uint64_t)(uintptr_t)&slot->pid,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = STACK_SIZE,
	};
	pid_t pid = -EBUSY;

	if (place->cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)place->cgroup;
	}
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(stack, STACK_SIZE);
	if (!place->divided || place->cgroup < 0)
		pid = vfork_clone(&args, child, &sock);
	if (pid == -EBUSY)
		pid = clone_in_leaf(place, &args, sock);
	/* The first process has ended: no more can be added. */
	if (pid == -ENOMEM)
		return fail(-ESRCH, TTRPC_FAILED_PRECONDITION, SETUP_CONTAINER_STOPPED);
	return pid < 0 ? fail_to(pid, "start a process") : pid;
}

/* The slot may be another order's by now, if the child has failed. */
static void deliver_signal(union spawner_slot *slot, pid_t pid)
{
	union spawner_slot seen = {.both = __atomic_load_n(&slot->both, __ATOMIC_SEQ_CST)};
	union spawner_slot without = {.pid = pid};

	if (seen.pid == pid && seen.signo != 0 &&
	    __atomic_compare_exchange_n(&slot->both, &seen.both, without.both, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		(void)kill(pid, seen.signo);
}

static void close_fds(void)
{
	while (now.n_fds > 0)
		fd_close(now.fds[--now.n_fds]);
}

/* A child that was killed at once may have left what is its; or have taken it, and not said so. */
static void drop_order(int sock)
{
	uint32_t serial = now.order.serial;

	if (now.taken || receive(sock, MSG_PEEK | MSG_DONTWAIT) <= 0 || now.order.serial != serial)
		return;
	take_order(sock);
	close_fds();
}

static void forget(int sock, bool ours)
{
	setup_release(&now.setup);
	rpc_free(take_ptr(now.message));
	if (now.mapped)
		(void)munmap(take_ptr(now.mapped), now.order.spec_len);
	if (ours)
		close_fds();
	now.n_fds = 0;
	drop_order(sock);
	now.taken = false;
}

static void carry_out(const struct spawner_place *place, int sock, int entered, void *stack)
{
	union spawner_slot *slot = &place->slots[now.order.slot];
	struct executor_request request = {.container = NULL};
	int r = prepare(place, sock, &request);
	bool ours;

	if (r == 0 && entered < 0)
		r = entered == -ESRCH
			    ? fail(entered, TTRPC_FAILED_PRECONDITION, SETUP_CONTAINER_STOPPED)
			    : fail_to(entered, "join the container");
	ours = now.taken;
	if (r == 0)
		r = make(place, sock, slot, stack);
	if (r > 0) {
		deliver_signal(slot, r);
	} else {
		take_order(sock);
		ours = true;
		setup_report(&now.setup);
	}
	forget(sock, ours);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Of vminitd's descriptors only these stay open. */
static void close_others(const struct spawner_place *place, int sock)
{
	int kept[] = {place->pidfd, place->cgroup, place->null_fd, sock};
	unsigned int from = STDERR_FILENO + 1;

	qsort(kept, ARRAY_SIZE(kept), sizeof(kept[0]), by_number);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		unsigned int fd = (unsigned int)kept[i];

		if (kept[i] < 0)
			continue;
		if (fd > from)
			(void)syscall(SYS_close_range, from, fd - 1, 0);
		from = fd + 1;
	}
	(void)syscall(SYS_close_range, from, ~0U, 0);
}

/* Return: 0 or negative errno; -ESRCH: the container has stopped. */
static int enter(const struct spawner_place *place)
{
	if (setns(place->pidfd, CLONE_NEWNS) < 0 || setns(place->pidfd, CLONE_NEWPID) < 0)
		return -errno;
	return identity_bound(place->capabilities);
}

void spawner_run(const struct spawner_place *place, int sock)
{
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	const struct sched_param none = {.sched_priority = 0};
	int entered = -EAGAIN;

	/* What it has still to do once a program runs is not worth interrupting that. */
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none);
	close_others(place, sock);
	while (receive(sock, MSG_PEEK) > 0) {
		if (entered < 0)
			entered = enter(place);
		carry_out(place, sock, entered, stack);
	}
	_exit(EXIT_SUCCESS);
}
