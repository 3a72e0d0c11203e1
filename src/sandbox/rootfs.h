/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/**
 * rootfs_private_mounts() - give this process a mount namespace of its own
 *
 * All mounts made afterwards are seen by this process and its children only, and are gone with the
 * last of them, however they end: a container's mounts need no unmounting. The working folder
 * may become "/".
 *
 * Return: 0 or negative errno with a message.
 */
int rootfs_private_mounts(struct err *err);

/**
 * rootfs_mount() - a container's own view of an image: overlayfs of @image with the upper folder of @dir on top
 * @image: absolute path of the unpacked image, which is never written to
 * @dir: the container's folder; upper and work are made in it
 * @target: absolute path of a folder to mount on
 *
 * Paths reach the kernel as descriptors, so no character of theirs has a meaning to overlayfs.
 *
 * Return: 0 or negative errno with a message.
 */
int rootfs_mount(const char *image, const char *dir, const char *target, struct err *err);

/**
 * rootfs_clone() - the first half of rootfs_bind(): a mount that is nowhere yet
 * @source, @readonly: as there
 * @follows: what is mounted in it on the host later is in the copy, too
 *
 * Return: a descriptor of it, or negative errno.
 */
int rootfs_clone(int source, bool readonly, bool follows);

/**
 * rootfs_bind() - show a folder or file, with what is mounted in it, at another place
 * @source: descriptor of it
 * @target: absolute path of a folder or file to mount on
 * @readonly: nobody writes to it there
 * @follows: as above
 *
 * Nothing of it is a program or a device there. Return: 0 or negative errno with a message.
 */
int rootfs_bind(int source, const char *target, bool readonly, bool follows, struct err *err);

/**
 * rootfs_unmount() - undo rootfs_mount(), so that the folders can be removed; harmless otherwise
 */
void rootfs_unmount(const char *target);
