/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/record.h"
#include "sandbox/sources.h"

/*
 * What virtiofsd or caisson-9pd shows to the guest: a folder of mounts in our own mount namespace, with which they go.
 *
 *	<run>/share		a small tmpfs, read only once the first container's part is in it: the guest writes to
 *				what is mounted there alone
 *	<run>/share/rootfs	the root file system: an overlay on the image, or that of a bundle itself;
 *				nothing, where it is on disks
 *	<run>/share/volumes/0	and so on: folders or files of the host's, in the order of the spec, each
 *				without what is beside it; and texts, which are small files of the tmpfs
 *	<run>/share/1/...	the same, tmpfs, rootfs and volumes, of a container that has come to the VM later
 *				(struct sandbox_spec's part); such a number is never another one's
 *	<run>/share/common/1	and so on: of a group, what its containers have of the host (sources.h); in their volumes
 *				are symbolic links to that
 *	<run>/places		the share's tmpfs once more, which is served to nobody: where folders are made to mount on
 *	<run>/next		where a part is put together, to be read only as well before anybody sees it
 *	<run>/outside		for a moment: a volume that only the namespace that we come from has (outside.h)
 *
 * <run> is that of the container that the VM was started for.
 */

#define SHARE_FOLDER  "share"
#define SHARE_PLACES  "places"
#define SHARE_NEXT    "next"
#define SHARE_OUTSIDE "outside"
/* In a part. */
#define SHARE_IN_ROOTFS	 "rootfs"
#define SHARE_IN_VOLUMES "volumes"

/* Of what a part's paths begin with, seen from the share: "", or its number and "/". */
#define SHARE_PART_MAX 12

/*
 * By 9P, which is spoken on one connection for each mount, folders have mounts of their own: one of them that answers
 * late keeps nobody else waiting. Those beyond are seen in the whole.
 */
#define SHARE_ALONE_MAX 16

/** struct share_alone - the numbers of these folders among the volumes */
struct share_alone {
	size_t v[SHARE_ALONE_MAX], n;
};

/** share_find_alone() - the volumes that are folders now; to be asked once */
void share_find_alone(const struct sandbox_spec *spec, struct share_alone *ret);

/** share_is_alone() - is volume no. @i one of them? */
bool share_is_alone(const struct share_alone *alone, size_t i);

/** share_is_needed() - has the container anything that is not on disks? */
bool share_is_needed(const struct sandbox_spec *spec);

/** share_part() - what the paths of a container's part begin with */
void share_part(const struct sandbox_spec *spec, char ret[SHARE_PART_MAX]);

/**
 * share_open_rootfs() - open the root file system in a container's part, on the host
 * @vm: of the VM's first
 *
 * Return: a descriptor, for paths only; or negative errno: none is mounted there.
 */
int share_open_rootfs(const struct record *vm, const struct sandbox_spec *spec);

/** share_open_volume() - open its volume no. @i there. No link leads out of the share. Return: as above. */
int share_open_volume(const struct record *vm, const struct sandbox_spec *spec, size_t i);

/**
 * share_make() - mount the share, in which nothing is yet; no other process but our children sees it
 * @vm, @spec: of the container that the VM is started for
 * @sources: of a group; NULL: it is none
 *
 * Return: 0 or negative errno with a message.
 */
int share_make(const struct record *vm, const struct sandbox_spec *spec, struct sources *sources,
	       struct err *err);

/**
 * share_add() - mount a container's part in it, also of a guest that runs; the first's, which has no number, first
 * @vm: of the VM's first container
 * @record, @spec: of this one
 * @uses: of one of a group: what it has in common with others from now on, until sources_leave()
 *
 * Return: 0 or negative errno with a message; a part with a number is not there then.
 */
int share_add(const struct record *vm, const struct record *record, const struct sandbox_spec *spec,
	      struct source_uses *uses, struct err *err);

/**
 * share_remove() - unmount one with a number. Who has something of it open keeps that; if nothing is open for writing,
 * nothing is written to any more
 * @sources: of a group; NULL: it is none
 */
void share_remove(const struct record *vm, const struct sandbox_spec *spec,
		  const struct sources *sources);

/**
 * share_find() - what of it a path of the container leads into, as long as nobody replaces its folders there
 * @path: absolute, the container's; set to what is left of it, which may be nothing
 *
 * Return: a descriptor of that, to open the rest in as if it were "/"; or negative errno with a message.
 */
int share_find(const struct record *vm, const struct sandbox_spec *spec, const char **path,
	       struct err *err);

/** share_undo() - unmount it all, once nobody serves it any more; harmless otherwise */
void share_undo(const struct record *vm);
