/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "sandbox/spec.h"

/**
 * oci_devices_adapt() - leave of "linux.devices" what a guest has, too
 * @own: the member "linux" of a config.json, which is changed
 * @later: the container comes to a VM that runs: block devices stay in it, for oci_blocks_find()
 *
 * Devices that are the kernel's, as /dev/null and /dev/fuse, have the same numbers in every kernel. Of
 * a container that may use all there are (`docker run --privileged`), the others are left out: all
 * that there are is what its VM has. Block devices of others are kept in @spec, as disks may be on them;
 * anything else is refused.
 *
 * Return: 0, -EBADMSG or -ENOTSUP with a message.
 */
int oci_devices_adapt(struct json_object *own, bool later, struct sandbox_spec *spec,
		      struct err *err);

/**
 * struct oci_block - a block device of a container's
 * @major, @minor: on the host
 * @readonly: nothing lets the container write to it
 * @guest: its number there
 */
struct oci_block {
	unsigned int major, minor;
	bool readonly;
	dev_t guest;
};

/** oci_blocks_find() - those of a config.json. Return: how many there are, of which @max are in @ret */
size_t oci_blocks_find(const char *json, struct oci_block *ret, size_t max);

/** oci_blocks_place() - give them the guest's numbers, in "devices" and in the rules. @json: replaced */
void oci_blocks_place(const struct oci_block *blocks, size_t n, char **json);

/**
 * oci_devices_check() - is there a disk on each block device of a bundle's?
 *
 * Return: 0 or -ENOTSUP with a message.
 */
int oci_devices_check(const struct sandbox_spec *spec, struct err *err);
