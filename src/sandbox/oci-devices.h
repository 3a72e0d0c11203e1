/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "base/err.h"
#include "sandbox/spec.h"

/**
 * oci_devices_adapt() - leave of "linux.devices" what a guest has, too
 * @own: the member "linux" of a config.json, which is changed
 *
 * Devices that are the kernel's, as /dev/null and /dev/fuse, have the same numbers in every kernel. Of
 * a container that may use all there are (`docker run --privileged`), the others are left out: all
 * that there are is what its VM has. Block devices of others are kept in @spec, as disks may be on them;
 * anything else is refused.
 *
 * Return: 0, -EBADMSG or -ENOTSUP with a message.
 */
int oci_devices_adapt(struct json_object *own, struct sandbox_spec *spec, struct err *err);

/**
 * oci_devices_check() - is there a disk on each block device of a bundle's?
 *
 * Return: 0 or -ENOTSUP with a message.
 */
int oci_devices_check(const struct sandbox_spec *spec, struct err *err);
