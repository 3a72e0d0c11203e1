/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spec.h"

/**
 * machine_choose() - the VM of a container that comes as a bundle, by its variables RUNCVM_*
 * @spec: has all that the bundle says; gets the rest
 *
 * Who made the image may have set them: none of them names a file of the host's.
 *
 * Return: 0 or negative errno with a message.
 */
int machine_choose(struct sandbox_spec *spec, struct err *err);
