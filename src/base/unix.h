/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Unix sockets, of streams. Host only. */

/* How long to wait for a place among those who wait to be let in. */
#define UNIX_PATIENCE_SECONDS 5

/**
 * unix_connect() - a stream socket, connected to @path
 *
 * Return: descriptor (close-on-exec, non-blocking afterwards) or negative errno (-EAGAIN: whoever
 * listens there has let nobody in for UNIX_PATIENCE_SECONDS).
 */
int unix_connect(const char *path);

/** unix_connect_now() - the same; who does not accept connections is as good as not there (-EAGAIN) */
int unix_connect_now(const char *path);

/**
 * unix_listen() - a stream socket that listens on @path (mode 0600); a socket there is replaced
 *
 * Return: descriptor (close-on-exec, non-blocking) or negative errno (-EEXIST: what is there is no socket).
 */
int unix_listen(const char *path);

/**
 * unix_listen_alone() - the same, but that nobody who listens there is replaced; end it with unix_leave()
 *
 * Who may meet another one there has a lock of theirs meanwhile. None of the folder's is taken here: whoever may open that,
 * as anybody may /run, could keep it.
 *
 * Return: as unix_listen(); -EADDRINUSE: somebody listens there, or has a socket of another type.
 */
int unix_listen_alone(const char *path);

/** unix_leave() - remove the socket at @path, which nobody listens on any more; if somebody has it, it stays */
void unix_leave(const char *path);

/**
 * unix_pin() - hold on to a socket in a folder that is somebody else's, to connect to later
 * @dir, @path: as openat(2) has them; a symbolic link is not followed: should a guest have got its VMM, it must not
 *	get us, who may be root, to speak to whomever that leads to
 *
 * Return: descriptor, or negative errno (-ECONNREFUSED: that is no socket).
 */
int unix_pin(int dir, const char *path);

/** unix_connect_pinned() - as unix_connect_now(), to what unix_pin() returned */
int unix_connect_pinned(int pinned);
