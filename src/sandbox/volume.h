/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

enum volume_kind {
	VOLUME_SHARED, /* a folder or a file of the host's */
	VOLUME_TMPFS,
	VOLUME_SOCKET, /* of the host's (sockets.h) */
	VOLUME_TEXT,   /* a file of the container's own, with this in it */
};

/**
 * struct volume - what a container has mounted besides its root file system
 * @source: SHARED, SOCKET: absolute path; TMPFS: its options, with commas between them; TEXT: what is in it
 * @readonly: SHARED: the host lets nobody in the VM write to it
 *
 * In a spec it is text: "ro:/path", "rw:/path", "socket:/path", "tmpfs:size=1m", or "text:words".
 */
struct volume {
	enum volume_kind kind;
	const char *source;
	bool readonly;
};

/** volume_of() - out of a spec's text, which it then borrows */
struct volume volume_of(const char *text);

/** volume_text() - the reverse, a new string */
char *volume_text(const struct volume *volume);

/**
 * volume_find() - the folder, file or socket that is to be a volume
 * @path: absolute, or of the working folder
 * @where: where the container is to have it, for messages
 * @ret: its kind and @source, a new string: without symbolic links
 *
 * Return: 0; -ENOTSUP with a message: it is nothing without the host's kernel; or another negative errno
 * with one.
 */
int volume_find(const char *path, const char *where, struct volume *ret, struct err *err);

/**
 * volume_guest_path() - where the guest has no. @i of the volumes, for a bind
 *
 * Return: a new string; NULL: it is a tmpfs.
 */
char *volume_guest_path(const struct strv *volumes, size_t i);

/** volumes_shared() - is any of these a file or a folder that the host has to share? */
bool volumes_shared(const struct strv *volumes);
