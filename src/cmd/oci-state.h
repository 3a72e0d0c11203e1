/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <sys/types.h>

#include "sandbox/record.h"

/**
 * struct oci_state - what a container's shim and guest say of it
 * @status: NULL: nobody tells, so it has stopped
 * @pid: the process that stands for it; 0: none
 * @guest: System.Info, if that was asked for; json_object_put() it
 */
struct oci_state {
	const char *status;
	pid_t pid;
	struct json_object *guest;
};

/**
 * oci_state_ask() - ask them, if it runs
 * @guest: its guest, too
 *
 * Return: 0; -ETIMEDOUT with a message: there is somebody to tell, who does not; @ret is what is known.
 */
int oci_state_ask(const struct record *record, bool guest, struct oci_state *ret, struct err *err);

/**
 * oci_state_to_json() - the fields of OCI's runtime specification (runtime.md, "State"), and those that
 * runc has beyond them
 *
 * Return: an object: json_object_put() it.
 */
struct json_object *oci_state_to_json(const struct record *record, const struct sandbox_spec *spec,
				      const struct oci_state *state);
