/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spec.h"

/**
 * snapshot_check_spec() - can a container be saved with its VM: is all of it there, or on its own disks?
 *
 * Return: 0, or -ENOTSUP with a message that says what of it is not.
 */
int snapshot_check_spec(const struct sandbox_spec *spec, struct err *err);
