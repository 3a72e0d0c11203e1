/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#define VMM_RATE_MIN (UINT64_C(64) << 10)
#define VMM_RATE_MAX (UINT64_C(1) << 40)
#define VMM_OPS_MAX  1000000

/**
 * struct vmm_rates - what a guest may do in a second, with each of its devices; 0: as much as it can
 * @disk_bytes: read and written, together: VMM_RATE_MIN to VMM_RATE_MAX
 * @disk_ops: requests, at most VMM_OPS_MAX
 * @nic_bytes: received, and as many sent: as @disk_bytes
 */
struct vmm_rates {
	uint64_t disk_bytes, disk_ops, nic_bytes;
};
