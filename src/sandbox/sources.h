/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"
#include "base/proc.h"
#include "sandbox/volume.h"

/*
 * What containers of a group have as volumes: each file or folder of the host's is one mount in the share, however many
 * of them have it, so that the guest, too, sees one, with the same pipes, sockets and locks for all. It goes with the
 * last who has it, and the host lets the VM write to it as long as one of them may. Where the guest has a file open for
 * writing then, both come as soon as it has none, with the next container that leaves.
 *
 * In the share it has a number, which is never another one's.
 */

/* A folder in the share, with a mount for each; nobody who is served makes a name there. */
#define SHARE_IN_COMMON "common"

/**
 * struct share_source - one of them
 * @device, @inode: what it is; @mount: where it was found, if anything is mounted in it, which elsewhere may be something
 *	else, or @follows; 0: nothing is; @readonly, @noexec: of that mount; @follows: as of a volume. What differs in one
 *	of these is another one
 * @folder: or a file
 * @writable: the host lets the guest write to it
 * @users, @writers: how many volumes it is, and how many of these may be written to
 * @asked: how often the guest was asked to mount it for all; @shown: it has done so (commons.h)
 */
struct share_source {
	struct list link;
	dev_t device;
	ino_t inode;
	uint64_t mount;
	bool readonly, noexec, follows, folder, writable, shown;
	unsigned int number, asked;
	size_t users, writers;
};

/**
 * struct sources - those of a VM
 * @gone: nobody has them any more but the guest, which was asked to mount them
 * @server: who serves the share, in a mount namespace whose root that is
 * @folder: of SHARE_IN_COMMON, here, to mount in; @places: the same, to make files and folders to mount on; -EBADF: they
 *	are not there
 */
struct sources {
	struct list all, gone;
	const struct proc *server;
	unsigned int numbers;
	int folder, places;
};

/** struct source_uses - what one container has of them; NULL for its @sources: nothing can be */
struct source_uses {
	struct sources *sources;
	struct source_use {
		struct share_source *source;
		bool writes;
	} * v;
	size_t n;
};

/** sources_init() - none; @server may be started later */
void sources_init(struct sources *sources, const struct proc *server);

/**
 * sources_make() - make the folder in @share, where nothing is yet
 * @places: its file system once more, where nothing shows that is mounted in @share
 *
 * Return: 0 or negative errno with a message.
 */
int sources_make(struct sources *sources, const char *share, const char *places, struct err *err);

/**
 * sources_use() - have something as a volume
 * @fd: of it
 * @volume: says how
 * @ret_number: of the mount
 *
 * Return: 0 or negative errno with a message.
 */
int sources_use(struct source_uses *uses, int fd, const struct volume *volume,
		unsigned int *ret_number, struct err *err);

/**
 * sources_protect() - let whoever is served write to nothing of what is mounted on @name in the share
 *
 * Return: 0; -EBUSY: a file of it is open for writing; or another negative errno.
 */
int sources_protect(const struct sources *sources, const char *name);

/** sources_leave() - what the container had of them it has no more. May be called again */
void sources_leave(struct source_uses *uses);

/** sources_done() - the VM has ended: forget what only the guest had. Whoever has any leaves before or after that */
void sources_done(struct sources *sources);
