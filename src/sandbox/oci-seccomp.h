/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct json_object;

/**
 * oci_seccomp() - "linux.seccomp" of a container that `caisson run` makes
 * @capabilities: bit mask of those that its processes may have
 *
 * What only the machine's owner has to call is refused, as it is under Docker; each capability
 * gives back the calls that it is for.
 *
 * Return: a new object; NULL: it may have every capability, and no profile then.
 */
struct json_object *oci_seccomp(uint64_t capabilities);
