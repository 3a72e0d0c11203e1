/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/rates.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"

static const struct rate {
	const char *name;
	size_t offset;
	bool requests; /* not bytes */
} rates_known[] = {
	{"disk_rate", offsetof(struct vmm_rates, disk_bytes), false},
	{"disk_iops", offsetof(struct vmm_rates, disk_ops), true},
	{"net_rate", offsetof(struct vmm_rates, nic_bytes), false},
};

const char *rates_name(size_t i)
{
	return i < ARRAY_SIZE(rates_known) ? rates_known[i].name : NULL;
}

static int take(const struct rate *rate, const char *value, uint64_t *ret, const char *shown,
		struct err *err)
{
	if (strcmp(value, "-1") == 0) {
		*ret = 0;
		return 0;
	}
	if (rate->requests)
		return parse_u64(value, 1, VMM_OPS_MAX, ret) == 0
			       ? 0
			       : err_set(err, -EINVAL, "%s of '%s' is no number from 1 to %d",
					 shown, value, VMM_OPS_MAX);
	if (parse_size(value, ret) == 0 && *ret >= VMM_RATE_MIN && *ret <= VMM_RATE_MAX)
		return 0;
	return err_set(err, -EINVAL,
		       "%s of '%s' is no size from 64K to 1T, of what passes in a second", shown,
		       value);
}

int rates_take(struct vmm_rates *rates, const char *name, const char *value, const char *shown,
	       struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(rates_known); i++) {
		const struct rate *rate = &rates_known[i];
		uint64_t read;
		int r;

		if (strcmp(rate->name, name) != 0)
			continue;
		r = take(rate, value, &read, shown, err);
		if (r == 0)
			*(uint64_t *)((char *)rates + rate->offset) = read;
		return r;
	}
	return err_set(err, -EINVAL, "%s is no rate", shown);
}
