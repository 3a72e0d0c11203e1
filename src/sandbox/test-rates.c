/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/rates.h"

#include <errno.h>

#include "base/macro.h"
#include "base/test.h"

static struct vmm_rates rates;
static struct err err;

static int take(const char *name, const char *value)
{
	err = (struct err)ERR_NULL;
	return rates_take(&rates, name, value, "--rate", &err);
}

static void values(void)
{
	test_int(take("disk_rate", "10M"), 0);
	test_int(take("disk_iops", "1000000"), 0);
	test_int(take("net_rate", "65536"), 0);
	test_int(rates.disk_bytes, 10 << 20);
	test_int(rates.disk_ops, 1000000);
	test_int(rates.nic_bytes, 65536);
	test_int(take("disk_rate", "-1"), 0);
	test_int(take("disk_iops", "-1"), 0);
	test_int(rates.disk_bytes + rates.disk_ops, 0);
	test_int(take("net_rate", "1T"), 0);
	test_int(rates.nic_bytes, VMM_RATE_MAX);
}

static void nonsense(void)
{
	static const char *const sizes[] = {"",
					    "0",
					    "63K",
					    "65535",
					    "2T",
					    "-2",
					    "1.5M",
					    "10Q",
					    "fast",
					    "-1M",
					    "10M ",
					    "0x10M",
					    "18446744073709551616",
					    "17179869184T"};
	static const char *const numbers[] = {"", "0", "1000001", "10M", "-5", "4294967297", "x"};

	rates = (struct vmm_rates){.disk_bytes = 1 << 20, .disk_ops = 3, .nic_bytes = 1 << 20};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		test_int(take("disk_rate", sizes[i]), -EINVAL);
		test_true(strstr(err.text, "--rate of '") && strstr(err.text, "from 64K to 1T"));
		test_int(take("net_rate", sizes[i]), -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		test_int(take("disk_iops", numbers[i]), -EINVAL);
		test_true(strstr(err.text, "is no number from 1 to 1000000") != NULL);
	}
	test_int(take("disk", "10M"), -EINVAL);
	/* And nothing has changed. */
	test_int(rates.disk_bytes, 1 << 20);
	test_int(rates.disk_ops, 3);
	test_int(rates.nic_bytes, 1 << 20);
}

int main(void)
{
	size_t n = 0;

	while (rates_name(n))
		n++;
	test_int(n, sizeof(rates) / sizeof(uint64_t));
	values();
	nonsense();
	return 0;
}
