/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ttrpc/client.h"
#include "vmm/rates.h"

/*
 * A VM whose container is paused has nothing to do: its CPUs are stopped, until the container goes on or
 * somebody wants something of the guest. What was sent to it meanwhile is there when it runs again, so
 * nobody waits for that; but while an answer is awaited it must run.
 */

struct sandbox;

/* What the VMM is told to do, besides to stop and to go on. */
enum standby_order {
	STANDBY_RATES,	       /* change what the VM may do with its devices */
	STANDBY_FLUSH_METRICS, /* write its figures of itself (vmm_flush_metrics()) */
	STANDBY_ORDERS,
};

/**
 * struct standby_ordered - an order, for the VMM does one thing at a time
 * @due: once it has done what it does now
 * @done: NULL: nothing is on its way
 */
struct standby_ordered {
	bool due;
	void (*done)(void *userdata, int r, const char *message);
	void *userdata;
};

enum standby_state {
	STANDBY_NEVER,
	STANDBY_SOON, /* its container is being paused */
	STANDBY_ALLOWED,
};

/**
 * struct standby - whether a VM stands still
 * @users: who need the guest all the same
 * @stopped: what the VMM was asked for last
 * @asked: and it has not answered yet
 * @orders: what the VMM is told besides
 * @giving: which of them it does now, if @asked for one
 * @rates: for STANDBY_RATES
 * @done: whom to tell once it stands still; NULL: nobody
 */
struct standby {
	struct sandbox *sandbox;
	enum standby_state state;
	bool stopped, asked;
	struct standby_ordered orders[STANDBY_ORDERS];
	enum standby_order giving;
	struct vmm_rates rates;
	unsigned users;
	void (*done)(void *userdata, int r);
	void *userdata;
	struct ttrpc_request clock;
};

/** standby_init() - it runs */
void standby_init(struct standby *standby, struct sandbox *sandbox);

/** standby_expect() - standby_allow() will mean something, unless standby_forbid() comes first */
void standby_expect(struct standby *standby);

/**
 * standby_allow() - the VM may stand still, if that was expected
 * @done: called once, maybe before this returns, unless standby_forget() comes first. @r: 0: it stands
 *	still, or will when nobody needs it any more, or need not, or may not any more; -ESHUTDOWN: the VM has ended
 */
void standby_allow(struct standby *standby, void (*done)(void *userdata, int r), void *userdata);

/** standby_forbid() - it must run from here on: something may end in it, and that is to be heard of */
void standby_forbid(struct standby *standby);

/** standby_forget() - what was given to standby_allow() is no more, and is told nothing */
void standby_forget(struct standby *standby, const void *userdata);

/** standby_use(), standby_leave() - it must run in between */
void standby_use(struct standby *standby);
void standby_leave(struct standby *standby);

/**
 * standby_order() - have the VMM do something, whether the VM is paused or not
 * @rates: for STANDBY_RATES
 * @done: called once, maybe before this returns. @r: 0 or negative errno, with a message
 *
 * Return: 0, or -EBUSY: it does that already; then @done is not called.
 */
int standby_order(struct standby *standby, enum standby_order order, const struct vmm_rates *rates,
		  void (*done)(void *userdata, int r, const char *message), void *userdata);

/** standby_end() - the VM is gone */
void standby_end(struct standby *standby);
