/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest.pb-c.h"
#include "guest/task/cgroup.h"
#include "ttrpc/status.h"

/* Limits of a container: which there are, and setting them, all or none. */

/**
 * resources_apply() - set them, in their order
 * @text: on failure: why, for people
 *
 * If one is refused, those before it get their old values back.
 *
 * Return: TTRPC_OK, or the code to answer.
 */
enum ttrpc_code resources_apply(const struct cgroup *cgroup,
				const Caisson__Guest__V1__Resources *resources, char *text,
				size_t size);
