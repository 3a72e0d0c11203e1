/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/loop.h"

/*
 * A process that makes those that are executed in a container. Were vminitd to fork itself for each
 * of them, a third of what an exec takes would go into copying its page tables, and its pages as
 * the two of them write to them. So one child of it, forked when the first exec comes, stays: it
 * has entered the container's mount namespace, has what capabilities its children may ever have, and
 * lets them use its own memory, as vfork(2) does, until they execute a program.
 *
 * Those children are vminitd's, in the container's PID namespace and control group. The spawner itself
 * is in neither of the two: nothing in the container sees, signals or limits it.
 *
 * It is busy until the program of a child runs, or that has failed; the next one has to wait for it. A
 * child can be held up on its way, by a container that stops it for instance: if nothing gets on for
 * SPAWNER_SECONDS, it is killed, and all that waits for it has failed. Only that container's execs have
 * to wait, never vminitd.
 */

#define SPAWNER_SECONDS 60

/* As many can be replaced, one by the next, while they still have orders. */
#define SPAWNER_RETIRED_MAX 4

/* Descriptors that go with an order: its ctl, stdin, stdout and stderr, and a file for a large one. */
#define SPAWNER_FDS_MAX 5

/* Larger messages than this go by a file. */
#define SPAWNER_INLINE_MAX 32768

/**
 * union spawner_slot - shared by vminitd and the spawner: what becomes of one order
 * @pid: of the child, as vminitd sees it, from before it runs; 0: there is none yet
 * @signo: to be sent to it as soon as its program runs; 0: nothing
 * @both: what the two sides exchange, so that a signal is sent once, and to none but its process
 */
union spawner_slot {
	struct {
		pid_t pid;
		int signo;
	};
	uint64_t both;
};

/**
 * struct spawner_order - to make a process; behind it comes what it is, a caisson.guest.v1.Process
 * @slot: number of its slot
 * @serial: of the order itself
 * @stdio: which of the three have a descriptor with the order
 * @rows, @columns: of its terminal; 0: unknown
 * @in_file: the message is not behind it, but in the last descriptor
 */
struct spawner_order {
	uint32_t slot, serial, spec_len;
	uint16_t rows, columns;
	bool stdio[3], terminal, in_file;
};

/**
 * struct spawner_place - where its children are to be
 * @pidfd: of the container's first process
 * @cgroup: folder of the container's control group; -EBADF: it has none
 * @divided: it divides that itself: they are put into one below it
 * @null_fd: /dev/null
 * @slots: as in struct spawner
 * @capabilities: of its children; 0: all
 */
struct spawner_place {
	int pidfd, cgroup, null_fd;
	bool divided;
	union spawner_slot *slots;
	uint64_t capabilities;
};

/**
 * struct spawner - vminitd's side; all of it is the spawner's own
 * @pidfd, @sock: -EBADF: there is none
 * @retired: pidfds of those that were replaced while they had orders; -EBADF: none
 * @late: called when what is under way has taken SPAWNER_SECONDS; it goes on
 * @busy: orders that have not been carried out yet
 * @serial: of the last one
 */
struct spawner {
	struct loop *loop;
	union spawner_slot *slots;
	int pidfd, sock, retired[SPAWNER_RETIRED_MAX];
	uint64_t capabilities;
	size_t busy;
	uint32_t serial;
	struct loop_timer deadline;
	void (*late)(struct spawner *spawner);
};

/**
 * spawner_init() - none yet
 * @n: how many slots there are
 *
 * Return: 0 or -ENOMEM.
 */
int spawner_init(struct spawner *spawner, struct loop *loop, size_t n,
		 void (*late)(struct spawner *spawner));

/** spawner_deinit() - may be called again, and before the first spawner_init() if all is zero */
void spawner_deinit(struct spawner *spawner, size_t n);

/**
 * spawner_send() - have a process made; starts the spawner if need be
 * @place: the same for all, but for its capabilities: a spawner with others is replaced by another one
 * @ctl: where failures, and its terminal, are told (setup.h); the end of it is that of its setting up
 * @stdio: -EBADF: none. These are the caller's still
 * @spec: the message
 *
 * Return: 0 or negative errno: -EAGAIN when too many are under way.
 */
int spawner_send(struct spawner *spawner, const struct spawner_place *place,
		 const struct spawner_order *order, int ctl, const int stdio[3], const void *spec);

/** spawner_done() - an order has been carried out, or nobody waits for it any more */
void spawner_done(struct spawner *spawner);

/** spawner_signal() - to a process that is not there yet. Return: its number, if it is. */
pid_t spawner_signal(struct spawner *spawner, uint32_t slot, int signo);

/** spawner_kill() - it, and those that it has replaced, but none of their children */
void spawner_kill(struct spawner *spawner);

/** spawner_stop() - it ends when it has carried out what it was sent; may be called again */
void spawner_stop(struct spawner *spawner);

/** spawner_run() - in the child: be it. @sock is where orders come from. */
_Noreturn void spawner_run(const struct spawner_place *place, int sock);
