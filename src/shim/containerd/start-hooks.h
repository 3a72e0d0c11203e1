/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/record.h"

/**
 * start_hooks() - run what is to be run on the host before a container is created: its hooks prestart and createRuntime
 * @socket: its shim's, which was started just now
 *
 * They look for its network by the number of the process that stands for it, which by then is in that.
 *
 * Return: 0 or negative errno with a message.
 */
int start_hooks(const struct record *record, const struct sandbox_spec *spec, const char *socket,
		struct err *err);
