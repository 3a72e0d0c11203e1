/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "sandbox/record.h"

/**
 * struct spawned - a shim that we have started, and that ends with us until it is let go
 */
struct spawned {
	struct proc proc;
	int lifeline;
};

#define SPAWNED_NULL                                  \
	{                                             \
		.proc = PROC_NULL, .lifeline = -EBADF \
	}

/**
 * spawn_shim() - start the shim of a new container; its socket takes connections at once
 * @record: as made by record_create(); the shim takes the claim over
 * @image_lock: the lock_fd of its struct image; the shim holds it too; -EBADF: none
 * @stdio: three descriptors that are the container's streams (shim/lifeline.h); NULL: Create tells
 *
 * Return: 0 or negative errno with a message; the record is then still the caller's to remove.
 */
int spawn_shim(const struct paths *paths, struct record *record, int image_lock, const int stdio[3],
	       struct spawned *ret, struct err *err);

/**
 * spawn_visit() - start the shim of a container that has ended, for the sake of its files
 * @record: claimed, with the folder of record_make_run(); the shim takes the claim over
 *
 * Its image is kept as long as the container is there.
 *
 * Return: 0 or negative errno with a message.
 */
int spawn_visit(const struct paths *paths, struct record *record, struct spawned *ret,
		struct err *err);

/** spawn_write_pid() - a shim's number, into a file. Return: 0 or negative errno with a message. */
int spawn_write_pid(pid_t pid, const char *path, struct err *err);

/** spawn_let_go() - the container goes on without us */
void spawn_let_go(struct spawned *shim);

/**
 * spawn_end() - wait until the shim, and with it everything of its container, has gone
 *
 * A container that still runs ends; unless it was let go, when nothing is waited for. May be called
 * again.
 */
void spawn_end(struct spawned *shim);
