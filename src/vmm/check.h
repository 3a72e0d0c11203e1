/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vmm/vmm.h"

/* What a driver may rely on: asked by vmm.c before it calls one. All return 0 or negative errno with a message. */

/* What the title of a VMM goes before. */
#define CHECK_NO_NIC_RATES "limits no network interfaces (--net-rate)"

/** check_traits() - can a driver do what a VM needs? If not, what a user may do about it */
int check_traits(const struct vmm_ops *driver, const struct vmm_spec *spec, struct err *err);

/** check_spec() - is all of it within bounds, and there? */
int check_spec(const struct vmm_spec *spec, struct err *err);

/** check_disk() - has it a serial, and is it open as it will be used? */
int check_disk(const struct vmm_disk *disk, struct err *err);

/** check_rates() - of a VM with so many of these devices */
int check_rates(const struct vmm_rates *rates, size_t n_disks, size_t n_nics, struct err *err);
