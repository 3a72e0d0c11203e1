/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spec.h"

/* Bytes of a VM's memory that are its kernel's and vminitd's, where a limit of the container is its size. */
#define MACHINE_GUEST_MEMORY (UINT64_C(64) << 20)

/**
 * machine_choose() - the VM of a container that comes as a bundle: as large as its limits of memory and
 * CPUs, or as its variables RUNCVM_* have it
 * @spec: has all that the bundle says; gets the rest
 *
 * Who made the image may have set them: none of them names a file of the host's.
 *
 * Return: 0 or negative errno with a message.
 */
int machine_choose(struct sandbox_spec *spec, struct err *err);
