/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Both sides follow the rules that interop.go has for the answers of its service. */

/** peer_serve() - serve on a listening socket until stdin ends. Return: exit status. */
int peer_serve(int listen_fd);

/** peer_call() - call the service behind a unix socket. Return: exit status. */
int peer_call(const char *path);
