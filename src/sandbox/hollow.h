/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * A hollow container is there for who asks, and nothing of it is in the guest: a pod's pause container, whose namespaces are
 * the VM's own (oci-pause.h). It is the VM's first. Its process is in the states of any other, and ends as a pause program
 * would.
 *
 * Who wants its PID namespace fills it: its program is run, by crun, and ends with it.
 */

struct container;
struct process;

/**
 * struct hollow - what there is of that
 * @inside: of the first container: the process that it was filled with; NULL: it was not
 * @stands: the guest was asked to pause that
 * @ended: it ends, with that @status, once it has started
 * @waiters: for its being filled
 * @link, @done: of one that waits
 */
struct hollow {
	struct process *inside;
	bool stands, ended;
	uint32_t status;
	struct list waiters, link;
	void (*done)(struct container *container, const struct err *err);
};

/** hollow_init() - not filled, and waiting for nothing */
void hollow_init(struct hollow *hollow);

/** hollow_is_one() - is it the first process of such a container? */
bool hollow_is_one(const struct process *process);

/** hollow_is_empty() - and nothing of it is in the guest, or not yet */
bool hollow_is_empty(const struct process *process);

/** hollow_stop() - any container's is to stand still. Return: is that the guest's to do? */
bool hollow_stop(struct process *process);

/** hollow_go_on() - and to go on: it may have been filled in between */
bool hollow_go_on(const struct process *process);

/** hollow_started() - it runs now */
void hollow_started(struct process *process);

/** hollow_signal() - a signal for it */
void hollow_signal(struct process *process, int signo);

/** hollow_awaited() - is @container to share the PID namespace of one that was not filled when that was written? */
bool hollow_awaited(const struct container *container);

/**
 * hollow_fill() - fill the first container, if it is not yet, for @container
 * @done: called once, perhaps from here, unless hollow_leave() is called before; @err: NULL: @container's config.json
 *	names the namespace
 */
void hollow_fill(struct container *container,
		 void (*done)(struct container *container, const struct err *err));

/** hollow_leave() - @container waits for nothing any more */
void hollow_leave(struct container *container);

/** hollow_lost() - the VM is gone, and so is what the container was filled with */
void hollow_lost(struct container *container);

/** hollow_deinit() - forget that, without callbacks */
void hollow_deinit(struct container *container);
