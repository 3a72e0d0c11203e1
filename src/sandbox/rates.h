/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "vmm/rates.h"

/* Rates of a VM's devices by their names, which are those of settings: "disk_rate". */

/** rates_name() - Return: the name of the i-th rate; NULL: there are no more. */
const char *rates_name(size_t i);

/**
 * rates_take() - read one
 * @name: of rates_name()
 * @value: "10M", of requests a plain number; "-1": no limit
 * @shown: what the user called it
 *
 * Return: 0, or -EINVAL with a message.
 */
int rates_take(struct vmm_rates *rates, const char *name, const char *value, const char *shown,
	       struct err *err);
