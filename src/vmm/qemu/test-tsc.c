/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/tsc.h"

#include "base/clock.h"
#include "base/macro.h"
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

#define CPUINFO(mhz, flags)                                                                 \
	"processor\t: 0\ncpu MHz\t\t: " mhz "\ncache size\t: 512 KB\nflags\t\t: fpu " flags \
	" x\nbugs\t:\n"

static void cpuinfo_to_khz(void)
{
	static const struct {
		const char *text;
		uint32_t khz;
	} cases[] = {
		{CPUINFO("2596.148", "constant_tsc hypervisor"), 2596148},
		{CPUINFO("2596.008", "hypervisor constant_tsc"), 2596008},
		{CPUINFO("2596.148", "constant_tsc"), 0},
		{CPUINFO("2596.148", "hypervisor"), 0},
		{CPUINFO("2596.148", "constant_tsc hypervisor aperfmperf"), 0},
		{CPUINFO("2596.148", "constant_tsc hypervisors"), 0},
		{CPUINFO("2596", "constant_tsc hypervisor"), 0},
		{CPUINFO("99999999.000", "constant_tsc hypervisor"), 0},
		{CPUINFO("0.000", "constant_tsc hypervisor"), 0},
		{CPUINFO("-1.000", "constant_tsc hypervisor"), 0},
		{"\ncpu MHz\t\t: 2596.148\nflags\t\t: constant_tsc hypervisor", 0},
		{"", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (tsc_khz_from_cpuinfo(cases[i].text) != cases[i].khz)
			test_fail("case %zu: %u", i, tsc_khz_from_cpuinfo(cases[i].text));
}

/* All that know it agree. */
static void sources_agree(void)
{
	static uint32_t (*const sources[])(void) = {tsc_khz_cpuid, tsc_khz_cpuinfo, tsc_khz_perf};
	uint32_t measured = tsc_khz_measured();

	test_true(measured != 0);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (sources[i]())
			near(sources[i](), measured);
	near(tsc_khz(), measured);
	test_true(tsc_khz() == tsc_khz());
}

int main(void)
{
	test_run(scale_to_khz);
	test_run(cpuinfo_to_khz);
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
