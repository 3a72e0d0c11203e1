/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/tsc.h"

#include "base/clock.h"
#include "base/test.h"

#if defined(__x86_64__)

static void scale_to_khz(void)
{
	/* One cycle is half a nanosecond, then a third of 2.6 GHz's, then nonsense. */
	test_int(tsc_khz_from_scale(1U << 30, 31), 2000000);
	test_int(tsc_khz_from_scale(825955249, 31), 2600000);
	test_int(tsc_khz_from_scale(0, 31), 0);
	test_int(tsc_khz_from_scale(1, 63), 0);
	test_int(tsc_khz_from_scale(1, 64), 0);
	test_int(tsc_khz_from_scale(UINT32_MAX, 0), 0);
}

static void near(uint32_t have, uint32_t want)
{
	uint32_t off = have > want ? have - want : want - have;

	/* 2%: the measurement may have lost its processor between the two clocks. */
	if (off > want / 50)
		test_fail("%u kHz is far from %u kHz", have, want);
}

/* All that know it agree. */
static void sources_agree(void)
{
	uint32_t measured = tsc_khz_measured(), perf = tsc_khz_perf(), cpuid = tsc_khz_cpuid();

	test_true(measured != 0);
	if (perf)
		near(perf, measured);
	if (cpuid)
		near(cpuid, measured);
	test_int(tsc_khz(), perf ? perf : cpuid ? cpuid : tsc_khz());
	test_true(tsc_khz() == tsc_khz());
}

int main(void)
{
	test_run(scale_to_khz);
	test_run(sources_agree);
	return 0;
}

#else

int main(void)
{
	printf("SKIP: no time stamp counter on this machine\n");
	return 77;
}

#endif
