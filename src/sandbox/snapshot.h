/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "ttrpc/client.h"

/*
 * Saving a VM with the container in it, and letting it go on. The container is paused before, and goes on afterwards,
 * by somebody else.
 *
 *   IDLE --save--> FREEZING --> LEAVING --> DRAINING --> STOPPING --> SAVING --> SAVED
 *     ^             | file      | the guest lets go of   | the VM, whose VMM writes it
 *     |             | systems   | its streams, which end
 *     +-- thaw <----+-----------+------------------------+----------------------+   snapshot_go_on(), or a failure
 *
 * Connections do not outlive that, in the VM that goes on neither (Firecracker, docs/vsock.md): once it
 * runs again it is connected to anew, and adopted (process-adopt.h) as one that was restored.
 */

struct sandbox;
struct process;
struct process_result;

enum snapshot_state {
	SNAPSHOT_IDLE,
	SNAPSHOT_FREEZING,
	SNAPSHOT_LEAVING,
	SNAPSHOT_DRAINING,
	SNAPSHOT_STOPPING,
	SNAPSHOT_SAVING,
	SNAPSHOT_SAVED,
	SNAPSHOT_GOING_ON,
};

/**
 * struct snapshot - one that is being made
 * @left: the guest has let go of the streams
 * @stopped: the VM stands still
 * @back: it is to go on, as soon as it can
 * @why: what went wrong
 * @deaf: called before the guest cannot be asked any more, until it has gone on
 * @saved: called when SAVED, or when it has gone on after a failure
 * @gone_on: called when it is IDLE again
 */
struct snapshot {
	struct sandbox *sandbox;
	struct process *process;
	enum snapshot_state state;
	bool left, stopped, back;
	struct err why;
	struct ttrpc_request request;
	void (*deaf)(struct snapshot *snapshot);
	void (*saved)(struct snapshot *snapshot, const struct err *err);
	void (*gone_on)(struct snapshot *snapshot);
	void *userdata;
};

/** snapshot_init() - IDLE; the callbacks and @userdata are set afterwards */
void snapshot_init(struct snapshot *snapshot, struct sandbox *sandbox);

/** snapshot_save() - of a VM whose container @process is paused; from IDLE. @saved follows, unless the VM ends first */
void snapshot_save(struct snapshot *snapshot, struct process *process);

/** snapshot_go_on() - from any state but IDLE; @gone_on follows, unless the VM ends first */
void snapshot_go_on(struct snapshot *snapshot);

/** snapshot_end() - the VM is gone */
void snapshot_end(struct snapshot *snapshot);
