/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"
#include "sandbox/spec.h"

enum volume_kind {
	VOLUME_SHARED, /* a folder or a file of the host's */
	VOLUME_TMPFS,
	VOLUME_SOCKET, /* of the host's (sockets.h) */
	VOLUME_TEXT,   /* a file of the container's own, with this in it */
	VOLUME_DISK, /* what is on a disk of the VM's (disk.h): a file or block device of the host's */
	VOLUME_INNER_DISK, /* the same, of a file that the container has itself */
};

/**
 * struct volume - what a container has mounted besides its root file system
 * @source: SHARED, SOCKET: absolute path; TMPFS: its options, with commas between them; TEXT: what is in it;
 *	DISK, INNER_DISK: "BYTES:PATH", 0 if the size was not said
 * @readonly: SHARED, DISK, INNER_DISK: the host lets nobody in the VM write to it
 * @follows: SHARED: what is mounted in it on the host later shows as well, as writable as it is there
 *
 * In a spec it is text: "ro:/path", "rw:/path", "ro-follows:/path", "rw-follows:/path", "socket:/path", "tmpfs:size=1m", "text:words",
 * "disk:BYTES:/path", "inner-disk:BYTES:/path", or "disk-ro:" and "inner-disk-ro:".
 */
struct volume {
	enum volume_kind kind;
	const char *source;
	bool readonly, follows;
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
 * volume_guest_path() - where the guest has no. @i of a container's volumes, for a bind
 *
 * Return: a new string; NULL: it is a tmpfs.
 */
char *volume_guest_path(const struct sandbox_spec *spec, size_t i);

/** volume_is_disk() - of either kind */
bool volume_is_disk(const struct volume *volume);

/** volumes_disks() - how many of these, up to no. @n, are disks */
size_t volumes_disks(const struct strv *volumes, size_t n);

/**
 * volume_target() - a path that something can be mounted on, as it is in a spec
 *
 * Return: a new string, without what means nothing in it; NULL: it is not absolute, it is /, or has "..".
 */
char *volume_target(const char *path);

/** volumes_shared() - is any of these a file or a folder that the host has to share? */
bool volumes_shared(const struct strv *volumes);
