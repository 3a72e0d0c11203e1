/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "base/err.h"
#include "sandbox/oci-adapt.h"
#include "sandbox/spec.h"

/**
 * oci_mounts_adapt() - make "mounts" of a config.json fit for a guest
 * @mounts: the array, which is changed; NULL: there is none
 * @group: of oci_config_adapt()
 * @spec: has its bundle, which sources are relative to; gets the volumes
 *
 * What is bound from the host becomes a volume of the sandbox, bound from where the guest has that. A
 * tmpfs of the host on /dev/shm becomes one of the guest's, as large: its processes share that memory
 * with each other only, and with those of other containers of the VM that have the same one. Files of the group's come
 * last.
 *
 * Return: 0; -EBADMSG or -ENOTSUP with a message; or another negative errno with one: a source cannot be
 * read.
 */
int oci_mounts_adapt(struct json_object *mounts, const struct oci_group *group,
		     struct sandbox_spec *spec, struct err *err);

/** oci_mount_is_bind() - does one of them show something of the host's? */
bool oci_mount_is_bind(struct json_object *mount);
