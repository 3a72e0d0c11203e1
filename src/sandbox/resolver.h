/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/abi.h"
#include "loop/loop.h"
#include "ttrpc/client.h"

/*
 * Docker gives a container a DNS server in its network namespace, which knows the names of the other
 * containers. The guest's port 53 of that address leads here, and from here to there.
 */

struct sandbox;

/* A query that waits for its answer, or whose answer is being told. @client: the guest's number for who asked */
struct resolver_query {
	struct resolver *owner;
	struct loop_io io;
	struct ttrpc_request request;
	uint32_t client;
};

/**
 * struct resolver - of a VM
 * @serving: the guest has been asked to send queries
 */
struct resolver {
	struct sandbox *sandbox;
	struct ttrpc_request request;
	bool serving;
	struct resolver_query queries[ABI_RESOLVER_CLIENTS];
};

/** resolver_init() - there is none */
void resolver_init(struct resolver *resolver, struct sandbox *sandbox);

/**
 * resolver_look() - if there is a server in the namespace that we are in, have the guest use it
 *
 * What is asked of the guest after this is done after it. What fails is logged.
 */
void resolver_look(struct resolver *resolver);

/** resolver_stop() - may be called again */
void resolver_stop(struct resolver *resolver);
