/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "metrics_v2.pb-c.h"

/**
 * figures_to_json() - what a container has used, in the form in which runc tells it
 *
 * The guest counts with cgroup v2: what that does not have (by processor, a maximum of memory, what
 * waits for a disk) is not there, or 0 where runc always has a number.
 *
 * Return: an object: json_object_put() it.
 */
struct json_object *figures_to_json(const Io__Containerd__Cgroups__V2__Metrics *m);
