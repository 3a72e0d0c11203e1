/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "loop/tail.h"
#include "sandbox/dial.h"
#include "sandbox/helper.h"
#include "sandbox/localhost.h"
#include "sandbox/meet.h"
#include "sandbox/metadata.h"
#include "sandbox/network.h"
#include "sandbox/record.h"
#include "sandbox/resolver.h"
#include "sandbox/slots.h"
#include "sandbox/snapshot.h"
#include "sandbox/sockets.h"
#include "sandbox/sources.h"
#include "sandbox/standby.h"
#include "ttrpc/client.h"
#include "vmm/accel.h"
#include "vmm/vmm.h"

/*
 * One VM from its start to its end, and the containers in it.
 *
 *   NEW --sandbox_start--> BOOTING --(the guest dialled)--> READY --+
 *                             |                                     | sandbox_stop(), or anything
 *                             +------------(anything died)----------+ died
 *                                                                   v
 *                                            ENDED <--(VMM gone)-- ENDING
 *
 * Whoever dies first, everything goes: vsockd, virtiofsd or 9pd, and passt end with the VMM, the VMM
 * with us, and if one of the helpers dies the VM is stopped. Nothing here waits by the clock; the only timer
 * is the deadline of the boot, and of the guest's clean end.
 */

enum sandbox_state {
	SANDBOX_NEW,
	SANDBOX_BOOTING,
	SANDBOX_READY,
	SANDBOX_ENDING,
	SANDBOX_ENDED,
};

/* What a start goes through; the time at which each was over is kept. */
enum sandbox_phase {
	SANDBOX_PHASE_BEGIN,	/* the shim's main() */
	SANDBOX_PHASE_PREPARED, /* kernel, initramfs and accelerator known, root file system mounted
				 */
	SANDBOX_PHASE_LAUNCHED, /* helpers and VMM are running */
	SANDBOX_PHASE_READY,	/* the guest's init serves */
	SANDBOX_PHASE_CREATED,	/* the container is set up in the guest */
	SANDBOX_PHASE_STARTED,	/* its command runs */
	SANDBOX_PHASE_MAX,
};

/** sandbox_phase_name() - for people */
const char *sandbox_phase_name(enum sandbox_phase phase);

/** sandbox_phase_step() - in a word, what it is that is over then: "boot" */
const char *sandbox_phase_step(enum sandbox_phase phase);

/**
 * struct sandbox - one VM
 * @record, @spec: of the container that it was started for, which says what the VM is
 * @containers: all of them, that one first (container.h)
 * @group: others may come later; set before sandbox_start()
 * @parts: of the share that were given away (struct sandbox_spec's part)
 * @sources: what containers of a group have in common in it; @forget, @forgetting: the guest is
 *	unmounting the first of those that have gone (commons.h)
 * @failure: why it failed, once it has
 * @left: the helper that has ended, and said that all was well
 * @share_port: by 9P: where the host serves what it shares
 * @share: virtiofsd, or caisson-9pd
 * @guest: TTRPC to vminitd, NULL unless READY; and while the VM is being saved
 * @can_be_saved: all that it needs for that is there
 * @plan: what is known of the VM until it is started; NULL: it was, or nothing is. @trial: whether KVM works, which
 *	may have to be found out first
 * @jail: the VMM's user, while it is in a jail; 0: in none
 * @jail_lock: by which nobody else is that user
 * @ready: called once when the state becomes READY
 * @ended: called once when the state becomes ENDED; everything was reaped. sandbox_deinit() may be
 *	called in it
 */
struct sandbox {
	struct loop *loop;
	const struct paths *paths;
	const struct record *record;
	const struct sandbox_spec *spec;
	struct list containers;
	bool group;
	struct launch_plan *plan;
	struct accel_trial trial;
	uint32_t parts;
	enum sandbox_state state;
	struct err failure;
	uint64_t phases[SANDBOX_PHASE_MAX];
	struct tail console;
	struct helper vsockd, share, passt, *left;
	struct vmm *vmm;
	char *hybrid_path;
	struct guest_address address;
	uint32_t share_port;
	int accept_fd, cid_fd, jail_lock;
	struct vmm_jail jail;
	struct loop_io accept;
	struct metadata metadata;
	struct network network;
	struct localhost localhost;
	struct resolver resolver;
	struct sockets sockets;
	struct standby standby;
	struct sources sources;
	struct slots slots;
	struct snapshot snapshot;
	bool can_be_saved, forgetting;
	struct meet meet;
	struct ttrpc_client *guest;
	struct ttrpc_request shutdown, forget;
	struct loop_timer deadline;
	struct loop_defer ending;
	void (*ready)(struct sandbox *sandbox);
	void (*ended)(struct sandbox *sandbox);
	void *userdata;
};

/** sandbox_init() - @ready, @ended, @userdata are set afterwards; the pointers must outlive it */
void sandbox_init(struct sandbox *sandbox, struct loop *loop, const struct paths *paths,
		  const struct record *record, const struct sandbox_spec *spec);

/**
 * sandbox_start() - mount, and start helpers and VM
 *
 * Where it has to be found out first whether KVM works, once for a machine, that comes to its end beside the loop:
 * BOOTING begins with it.
 *
 * Return: 0; or negative errno with the message in @sandbox->failure: nothing runs, the state is
 * ENDED, no callback comes.
 */
int sandbox_start(struct sandbox *sandbox);

/** sandbox_fail() - what sandbox_start() would do if it failed of @why, instead of it */
void sandbox_fail(struct sandbox *sandbox, const struct err *why);

/** sandbox_serve_guest() - @fd, connected to the guest's TTRPC, is @guest's. Return: 0; or negative errno, and it is not. */
int sandbox_serve_guest(struct sandbox *sandbox, int fd);

/** sandbox_phase() - note that a phase is over now, if it was not yet */
void sandbox_phase(struct sandbox *sandbox, enum sandbox_phase phase);

/**
 * sandbox_stop() - end the VM
 * @clean: let the guest end its processes and write back its caches first, within a deadline
 *
 * @ended follows, unless the state is NEW or ENDED.
 */
void sandbox_stop(struct sandbox *sandbox, bool clean);

/** sandbox_give_up() - the guest did not do what it was to do at once, and no other way is left: its VM ends */
void sandbox_give_up(struct sandbox *sandbox);

/** sandbox_deinit() - kill and reap whatever is left, no callbacks; may be called again */
void sandbox_deinit(struct sandbox *sandbox);
