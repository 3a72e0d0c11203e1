/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/oci/oci.h"
#include "guest/services.h"
#include "guest/task/test-fake.h"
#include "ttrpc/test-peer.h"

/*
 * All of vminitd's services, for clients that send whatever they like: bytes rather than messages.
 * Containers are run by an executor that runs nothing; session_bundles, set after session_begin(),
 * is the one for those that come as bundles.
 */

extern struct loop session_loop;
extern struct stream_table session_streams;
extern struct task session_task;
extern struct oci session_bundles;
extern struct ttrpc_service session_services[SERVICES_MAX];
extern struct cgroups session_cgroups; /* without any until the test has some */

/** session_begin() - without containers and clients */
void session_begin(void);

/** session_end() - free the service; session_forget_all() comes first */
void session_end(void);

/** session_connect() - a client more */
void session_connect(struct peer *peer);

/** session_pump() - as peer_pump(), until children have done what they do, too */
void session_pump(struct peer *peer);

/** session_tell_all() - all that is being made or started succeeds */
void session_tell_all(void);

/** session_reap_all() - all processes end */
void session_reap_all(void);

/** session_reap_children() - wait for all of the test's own, and for what is tried again */
void session_reap_children(void);

/** session_forget_all() - end and delete all, as a client of its own; and nothing may be left */
void session_forget_all(void);

/**
 * session_answer() - the next answer that @peer has; events are passed over
 * @ret_id: its stream
 *
 * Return: false when there is none.
 */
bool session_answer(struct peer *peer, uint32_t *ret_id, struct ttrpc_response_envelope *ret);
