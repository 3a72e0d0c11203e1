/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "sandbox/record.h"

/**
 * view_enter() - see what the container's processes see, as far as the host has it
 * @shim: the process that has mounted it
 * @vm: the record of the VM's first container
 * @spec: of the container
 *
 * Who asks for a container's files by the number of its process, through /proc/PID/root or by joining its
 * mount namespace, would get the host's otherwise: `podman cp` does that. Our root becomes the
 * container's, with its volumes where it has them. The working folder, too.
 *
 * Return: 0 or negative errno.
 */
int view_enter(pid_t shim, const struct record *vm, const struct sandbox_spec *spec);
