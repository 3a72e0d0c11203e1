/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/**
 * port_option() - read a --publish: [IP:]HOSTPORT:PORT[/tcp|/udp]
 * @ret: a new string in that form, with the protocol, as a struct sandbox_spec has it
 *
 * Return: 0 or -EINVAL with a message.
 */
int port_option(const char *text, char **ret, struct err *err);
