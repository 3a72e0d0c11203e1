/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "vmm/qemu/qmp.h"
#include "vmm/vmm.h"

/*
 * Slots, for disks that come while the VM runs: disks from the start, each with a file of QEMU's own behind it in which
 * nothing is. Another one takes its place, by orders that are all given at once, since QEMU reads them in their order.
 * It tells the guest of a size when a file is resized, and lets nobody resize what is read only: there are no
 * such slots.
 */

/* Of a slot, and its number follows: the node that is there from the start, and that of a disk that has come. */
#define QEMU_SLOT_EMPTY "empty"
#define QEMU_SLOT_FULL	"full"

/* Bytes of what is there from the start. */
#define QEMU_SLOT_SIZE 512

/**
 * struct qemu_slots - those of a VM
 * @n_disks: it has before them
 * @first, @last: the orders whose answers are awaited; 0: none
 * @slot, @coming: what they are about
 * @refusal: why the first of them was refused; empty: it was not
 */
struct qemu_slots {
	size_t n_disks;
	uint32_t first, last;
	size_t slot;
	bool coming;
	char refusal[QMP_DESC_MAX];
};

/** qemu_slots_fill() - give the orders for a disk to come. Return: 0 or negative errno. */
int qemu_slots_fill(struct qemu_slots *slots, struct qmp *qmp, size_t slot,
		    const struct vmm_disk *disk);

/** qemu_slots_clear() - those for it to go. Return: 0 or negative errno. */
int qemu_slots_clear(struct qemu_slots *slots, struct qmp *qmp, size_t slot);

/**
 * qemu_slots_answered() - a message came
 * @ret_done: all is over, and was refused if there is a @refusal: then nothing is in that slot
 *
 * Return: whether it was about them.
 */
bool qemu_slots_answered(struct qemu_slots *slots, struct qmp *qmp, const struct qmp_message *m,
			 bool *ret_done);
