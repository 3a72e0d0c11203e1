/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "net/state.h"
#include "net/watch.h"
#include "ttrpc/client.h"
#include "vmm/vmm.h"

/*
 * The guest's network is what somebody has made in the network namespace that we are in: each of its
 * interfaces is joined with the tap of one of the VM's NICs, and the guest gives that its name, addresses
 * and routes. NICs cannot be added later, so there are some for interfaces that are still to come.
 */

struct sandbox;

/* Of a container that would have it, by what those who run it call that. */
#define NETWORK_NOT_HOSTS                                                                     \
	"the host's own network cannot be had in a VM: hostNetwork of a pod, or an engine's " \
	"--network host, is for other runtimes"

/**
 * struct network - the VM's NICs
 * @nics, @tap_index: each one's tap, whose descriptor is -EBADF once the VMM has it
 * @names: the taps'. Where the VMM opens them itself they stay when it ends
 * @joined: for each, the index of the interface that it is joined with; 0: free
 * @known: what the guest was told last
 * @told: it was told anything
 * @refused: not all of what it was told last
 * @asking: the guest has not answered yet
 * @again: it has changed meanwhile
 * @passt: not of a namespace: passt.h
 * @done: of the network_apply() under way
 */
struct network {
	struct sandbox *sandbox;
	size_t n;
	struct vmm_nic nics[VMM_NICS_MAX];
	char names[VMM_NICS_MAX][IFNAMSIZ];
	int tap_index[VMM_NICS_MAX], joined[VMM_NICS_MAX];
	struct net_state known, next;
	struct net_watch watch;
	struct ttrpc_request request;
	bool told, refused, asking, again, passt;
	void (*done)(struct network *network, const struct err *err, void *userdata);
	void *userdata;
};

/**
 * network_enter() - in a process that has no threads: go to the namespace of struct sandbox_spec's netns
 *
 * Return: 0 or negative errno with a message.
 */
int network_enter(const char *netns, struct err *err);

/** network_init() - before anything else */
void network_init(struct network *network, struct sandbox *sandbox);

/**
 * network_prepare() - make the taps, and hear of changes from now on
 * @by_name: they are for a VMM that opens them itself, by their names, as @owner
 *
 * Return: 0 or negative errno with a message.
 */
int network_prepare(struct network *network, bool by_name, uid_t owner, struct err *err);

/** network_handed_over() - the VMM has the taps */
void network_handed_over(struct network *network);

/**
 * network_apply() - make the guest's network that of the namespace, as it is now
 * @done: called once, also before this returns; @err: why it could not be; NULL: it is. May be NULL, and
 *	is to be where another one is still to be called
 *
 * After the first time that succeeds, what changes later is applied by itself.
 */
void network_apply(struct network *network,
		   void (*done)(struct network *network, const struct err *err, void *userdata),
		   void *userdata);

/**
 * network_apply_early() - the same, if there are interfaces by now, while whoever is to start the container
 * has not come yet
 *
 * Should that fail, he hears of it.
 */
void network_apply_early(struct network *network);

/** network_end() - may be called again */
void network_end(struct network *network);
