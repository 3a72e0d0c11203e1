/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spec.h"

/**
 * oci_disks_add() - put the disks of a bundle's container among the mounts of its config.json
 * @json: replaced, if there are any
 */
void oci_disks_add(const struct sandbox_spec *spec, char **json);
