/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "runtimesandbox.pb-c.h"
#include "sandbox/pod-config.h"
#include "shim/shim.h"

/*
 * The life of a VM that is a sandbox of containerd's, and begins without a container:
 *
 *	CreateSandbox says what it is, and it boots; StartSandbox is answered once the process that holds its namespaces
 *	runs (sandbox/pod-config.h). Containers come to it as to that of another container (join.h). It ends with StopSandbox, or by
 *	itself, and the shim with ShutdownSandbox.
 *
 * To the rest of the shim that process is the first one of a container, of which containerd is told nothing.
 */

/* What is waited for: whoever asks is answered when it is so, or cannot be any more. */
enum pod_event {
	POD_CREATED,
	POD_STARTED,
	POD_ENDED,
};

/**
 * struct pod - what such a shim has besides
 * @shim, @spec: that one, and its own; what it says is known once it is @described
 * @waiting: the calls that wait for something
 * @patience: how long its containers may take to end
 * @created_at, @exited_at: by the host's clock
 * @stopping: StopSandbox was asked for
 * @entered: the shim is in what CreateSandbox named: it cannot become another one's
 */
struct pod {
	struct shim *shim;
	struct sandbox_spec *spec;
	struct pod_config config;
	struct list waiting;
	struct loop_timer patience;
	struct timespec created_at, exited_at;
	bool described, stopping, entered;
};

/** pod_init() - end with pod_done() */
void pod_init(struct pod *pod, struct shim *shim, struct sandbox_spec *spec);

/** pod_done() - forget it; may be called again */
void pod_done(struct pod *pod);

/** pod_of() - Return: NULL: the shim is that of a container */
struct pod *pod_of(const struct shim *shim);

/** pod_is_own() - is it the process of ours? */
bool pod_is_own(const struct process *process);

/** pod_describe() - after CreateSandbox: become what it says. Return: 0 or negative errno with a message. */
int pod_describe(struct shim *shim,
		 const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request,
		 struct err *err);

/** pod_followed() - the keeper has become so, too: boot */
void pod_followed(struct shim *shim);

/** pod_hear() - hear of the process of ours from now on */
void pod_hear(struct process *process);

/** pod_seen() - the keeper sees what that process sees */
void pod_seen(struct shim *shim);

/** pod_await() - answer a call when something has happened, by @reply, or that it cannot any more */
void pod_await(struct ttrpc_call *call, enum pod_event event,
	       void (*reply)(struct ttrpc_call *call));

/** pod_is_ready() - do containers find it there? */
bool pod_is_ready(const struct shim *shim);

/** pod_stop() - end all that there is; @seconds: that its containers may take to end by themselves, of all who ask the least */
void pod_stop(struct shim *shim, uint32_t seconds);

/** pod_left() - a container has ended, or will never run */
void pod_left(struct shim *shim);

/** pod_ended() - the VM has gone */
void pod_ended(struct shim *shim);
