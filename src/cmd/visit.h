/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/client.h"
#include "cmd/spawn.h"

/**
 * struct visit - a container whose files somebody wants, with a guest that can be asked for them
 * @shim: of a container that has ended: started for the visit, and gone with it
 */
struct visit {
	struct paths paths;
	struct record record;
	struct sandbox_spec spec;
	struct client client;
	struct spawned shim;
};

#define VISIT_NULL                                                                     \
	{                                                                              \
		.paths = PATHS_NULL, .record = RECORD_NULL, .spec = SANDBOX_SPEC_NULL, \
		.client = CLIENT_NULL, .shim = SPAWNED_NULL                            \
	}

/** visit_find() - the container, as it is. Return: 0 or negative errno with a message. */
int visit_find(struct visit *visit, const char *name, struct err *err);

/**
 * visit_begin() - reach its guest; the VM of one that has ended boots once more, without its command
 * @visit: found; one that was begun is left as it is
 *
 * Others who visit the same container are waited for. If we are killed, what was asked for ends, and
 * so does a VM that was started for it.
 *
 * Return: 0 or negative errno with a message.
 */
int visit_begin(struct visit *visit, struct err *err);

/**
 * visit_end() - what was written is on the disk when this returns; may be called again
 */
void visit_end(struct visit *visit);
