/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/tail.h"
#include "vmm/child.h"
#include "vmm/driver.h"
#include "vmm/firecracker/api.h"
#include "vmm/firecracker/metrics.h"
#include "vmm/firecracker/plan.h"
#include "vmm/firecracker/slots.h"

/* Inside of the driver: its life is in driver.c, what it is told while it runs in orders.c. */

/* A disk as it was opened, whose user in the jail may change its mode. */
struct fc_disk {
	bool used;
	int fd;
	mode_t mode;
};

struct firecracker {
	struct vmm *owner;
	struct loop *loop;
	struct vmm_child child;
	struct fc_plan plan, rates;
	size_t n_disks, n_nics, rated;
	struct fc_slots slots;
	size_t slot; /* that is being filled */
	struct fc_api *api;
	int dir, watch;
	/* Which in a jail it does not inherit; by the slot where they came later. */
	struct fc_disk kept[VMM_DISKS_MAX], came[VMM_DISKS_MAX];
	struct loop_io watch_io;
	struct loop_timer retry;
	struct tail log;
	struct fc_metrics metrics;
	size_t next;
	unsigned int minor; /* of its version */
	bool started;
	char *failure, *save,
		*load[2]; /* bodies of requests; to load: of versions without, and with other taps */
};

/** fc_fail() - end it; @why: for vmm_exit.failure */
void fc_fail(struct firecracker *f, const char *why);

/**
 * fc_disk_keep() - for as long as the VM has a disk: who has opened it may have claimed it by that (flock(2))
 *
 * Return: 0 or negative errno with a message.
 */
int fc_disk_keep(struct fc_disk *kept, const struct vmm_disk *disk, struct err *err);

/** fc_disk_let_go() - it has the mode again that it had; harmless of one that is not kept */
void fc_disk_let_go(struct fc_disk *disk);

/* Of the table of operations. */
int fc_pause(void *vm);
int fc_resume(void *vm);
int fc_snapshot(void *vm);
int fc_set_rates(void *vm, const struct vmm_rates *rates);
int fc_flush_metrics(void *vm);
int fc_disk_attach(void *vm, size_t slot, const struct vmm_disk *disk, struct err *err);
int fc_disk_detach(void *vm, size_t slot, struct err *err);
