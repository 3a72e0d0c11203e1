/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "sandbox/paths.h"
#include "shim/containerd/args.h"

/*
 * Where containerd finds its shims: a socket whose name is made of containerd's own address, the
 * namespace and the group, so that all of a group's containers find the same one.
 */

#define CONTAINERD_SOCKETS "/run/containerd/s"

/* In the bundle: where a containerd that was restarted finds the socket. */
#define CONTAINERD_ADDRESS_FILE "address"
#define CONTAINERD_UNIX		"unix://"

/** containerd_socket_path() - the socket of a group; @dir: NULL: CONTAINERD_SOCKETS. free() it */
char *containerd_socket_path(const struct containerd_args *args, const char *group,
			     const char *dir);

/**
 * containerd_listen() - listen there, unless somebody does already
 *
 * Return: a listening descriptor; -EADDRINUSE: somebody does; other negative errno with a message.
 */
int containerd_listen(const char *path, struct err *err);

/** containerd_unlink() - remove the socket of a shim that has died; of one that lives it stays */
void containerd_unlink(const char *path);

/**
 * containerd_paths() - the folders of the containers of a namespace: <run>/containerd/NAMESPACE is their root
 * @ret: end with paths_done()
 *
 * Return: 0 or negative errno with a message.
 */
int containerd_paths(const char *namespace, struct paths *ret, struct err *err);
