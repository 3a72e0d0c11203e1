/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "sandbox/paths.h"
#include "sandbox/spec.h"

/*
 * A container on disk. Its folder, <root>/containers/<id>, holds:
 *
 *   spec.json  struct sandbox_spec
 *   lock       flock'ed by the shim for as long as it lives: who can take it knows it has died
 *   exit       the exit status in decimal, once the command has ended
 *   log        what the command printed (iolog.h)
 *   upper/ work/   what the container changed of its image (overlayfs)
 *
 * While it runs there is <run>/<id> too, with sockets and FIFOs; it holds nothing worth keeping.
 * In it, the sockets to the guest's vsock ports have a folder of their own: all that caisson-vsockd
 * can reach.
 */

#define RECORD_VSOCK_DIR    "vsock"
#define RECORD_VSOCK_SOCKET RECORD_VSOCK_DIR "/uds"

enum record_state {
	RECORD_RUNNING, /* the shim lives (created or running) */
	RECORD_STOPPED, /* ended; the exit status is there */
	RECORD_DEAD,	/* the shim was killed before it could write the status */
};

/**
 * struct record - an open container folder
 * @dir: O_PATH descriptor of <root>/containers/<id>
 * @lock: the claim on it, as long as this is open somewhere the shim counts as alive; -EBADF: none
 * @dir_path, @run_path: absolute; <run>/<id> for the latter
 */
struct record {
	char *id;
	int dir, lock;
	char *dir_path, *run_path;
};

#define RECORD_NULL                                       \
	{                                                 \
		.id = NULL, .dir = -EBADF, .lock = -EBADF \
	}

/**
 * record_create() - make a container's folders, write its spec, and claim it (@ret->lock)
 * @ret: set on success; end with record_done()
 *
 * Return: 0; -EEXIST with a message when the name is taken; other negative errno with a message.
 */
int record_create(const struct paths *paths, const struct sandbox_spec *spec, struct record *ret,
		  struct err *err);

/**
 * record_open() - find a container by name, or by a prefix of its name that only one has
 *
 * Return: 0, -ENOENT or -EEXIST (ambiguous) with a message.
 */
int record_open(const struct paths *paths, const char *name, struct record *ret, struct err *err);

/** record_done() - close; nothing on disk changes; may be called again */
void record_done(struct record *rec);

/** record_load() - read the spec. Return: 0 or negative errno with a message. */
int record_load(const struct record *rec, struct sandbox_spec *ret, struct err *err);

/**
 * record_claim() - take @rec->lock, if no shim lives
 *
 * Return: 0, -EWOULDBLOCK when one does, -ENOENT when the container has been removed meanwhile, or
 * another negative errno.
 */
int record_claim(struct record *rec);

/**
 * record_wait() - block until no shim has the claim, and take it
 *
 * Return: 0 or negative errno (-ENOENT: the container has been removed meanwhile).
 */
int record_wait(struct record *rec);

/** record_state() - @ret_status: exit status when RECORD_STOPPED */
enum record_state record_state(const struct record *rec, int *ret_status);

/** record_set_exit() - write the exit status. Return: 0 or negative errno. */
int record_set_exit(const struct record *rec, int status);

/** record_remove_run() - remove <run>/<id> */
void record_remove_run(const struct paths *paths, const struct record *rec);

/**
 * record_remove() - remove everything; the caller has the claim
 *
 * Return: 0 or negative errno with a message.
 */
int record_remove(const struct paths *paths, const struct record *rec, struct err *err);

/** record_list() - names of all containers, sorted. Return: 0 or negative errno with a message. */
int record_list(const struct paths *paths, struct strv *ret, struct err *err);

/**
 * record_sweep() - remove what a reboot or a SIGKILL of shim and keeper left behind: containers to
 * be removed at their end whose shim is dead, and <run>/<id> of any whose shim is dead
 */
void record_sweep(const struct paths *paths);
