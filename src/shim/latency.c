/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/latency.h"

#include "base/clock.h"

#define MS(n) ((n)*NSEC_PER_MSEC)

/* From what an exec takes where there is KVM, to what it takes in an emulated guest on a busy machine. */
const uint64_t latency_bounds[LATENCY_BUCKETS] = {
	MS(5),	 MS(10),   MS(25),   MS(50),   MS(100),	  MS(250),
	MS(500), MS(1000), MS(2500), MS(5000), MS(10000),
};

void latency_add(struct latency *latency, uint64_t ns)
{
	unsigned int i = 0;

	while (i < LATENCY_BUCKETS && ns > latency_bounds[i])
		i++;
	latency->counts[i]++;
	latency->sum_ns += ns;
}
