/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vmm/qemu/qmp.h"
#include "vmm/vmm.h"

/**
 * struct qemu_rates - rates that QEMU was told and has not answered to
 * @first, @last: ids of the commands, one a disk; 0: none is on its way
 * @refusal: QEMU's words to the first that it refused; empty: none
 */
struct qemu_rates {
	uint32_t first, last;
	char refusal[QMP_DESC_MAX];
};

/**
 * qemu_rates_send() - limit so many disks. None may be on its way
 *
 * Return: 0 or negative errno.
 */
int qemu_rates_send(struct qemu_rates *r, struct qmp *qmp, size_t n_disks,
		    const struct vmm_rates *rates);

/**
 * qemu_rates_answered() - a command was answered
 * @ret_last: they all were now
 *
 * Return: whether it was one of those.
 */
bool qemu_rates_answered(struct qemu_rates *r, const struct qmp_message *message, bool *ret_last);
