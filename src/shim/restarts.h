/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"

/*
 * How often containers have come to a VM again. Each time that a pod's container is started anew it is another one for
 * containerd, with another id; the same is the name that the pod has for it, which CRI writes into an annotation.
 */

#define RESTARTS_MAX	  64
#define RESTARTS_NAME_MAX 63 /* as for Kubernetes */

/**
 * struct restarts - by names, of which those that come after the first RESTARTS_MAX are not counted
 * @rows: for each, how many containers of it came after the first
 */
struct restarts {
	struct {
		char name[RESTARTS_NAME_MAX + 1];
		uint64_t count;
	} rows[RESTARTS_MAX];
	size_t n;
};

/** restarts_add() - one has come; @annotations: its own, as NAME=VALUE */
void restarts_add(struct restarts *restarts, const struct strv *annotations);
