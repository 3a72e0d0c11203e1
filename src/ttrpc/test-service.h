/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ttrpc/server.h"

/*
 * For the unit tests: service "test.Echo".
 *
 *   Echo  answers what it got
 *   Keep  keeps the call: service_kept[]; cancellations are counted
 *   Fail  NOT_FOUND, with the payload as text
 *   Size  answers with as many bytes as the payload, a decimal number, says
 *   Free  frees the server, without an answer
 *   Told  answers what it got, and sees that the answer has been written by then
 *   Count (server stream) a message for each byte of the payload, then the end; a final 'F' fails,
 *         a final 'R' replies instead
 *   Chat  (bidi) sends each message back; the end of the client's is the end
 *   Open  (bidi) keeps the call, sends nothing; ends of the client are counted
 */
#define SERVICE_KEPT_MAX 2048

extern struct ttrpc_server *service_server;
extern struct ttrpc_call *service_kept[SERVICE_KEPT_MAX];
extern size_t service_n_kept, service_n_cancelled, service_n_ends;
extern int64_t service_timeout;
extern bool service_reply_when_cancelled, service_free_when_cancelled;

extern const struct ttrpc_service test_services[];

/** service_start() - a new server with nothing kept, in service_server */
void service_start(struct loop *loop, size_t max_conns);
