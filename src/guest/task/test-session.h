/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/task.h"
#include "guest/task/test-fake.h"
#include "ttrpc/test-peer.h"

/*
 * The Task service on an executor that runs nothing, for clients that send whatever they like: bytes
 * rather than messages.
 */

extern struct loop session_loop;
extern struct stream_table session_streams;
extern struct task session_task;

/** session_begin() - without containers and clients */
void session_begin(void);

/** session_end() - free the service; session_forget_all() comes first */
void session_end(void);

/** session_connect() - a client more */
void session_connect(struct peer *peer);

/** session_tell_all() - all that is being made or started succeeds */
void session_tell_all(void);

/** session_reap_all() - all processes end */
void session_reap_all(void);

/** session_forget_all() - end and delete all, as a client of its own; and nothing may be left */
void session_forget_all(void);

/**
 * session_answer() - the next answer that @peer has
 * @ret_id: its stream
 *
 * Return: false when there is none.
 */
bool session_answer(struct peer *peer, uint32_t *ret_id, struct ttrpc_response_envelope *ret);
