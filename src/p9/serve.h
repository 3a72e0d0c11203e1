/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "p9/server.h"

/**
 * p9_serve() - answer what comes on a socket, until its other end is closed; SIGPIPE is to be ignored
 * @sock: a blocking stream socket
 *
 * Return: 0; -EPROTO: what came was no 9P; or negative errno.
 */
int p9_serve(struct p9_server *s, int sock);
