// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clock rates that are told on the command line instead of being measured.
 *
 * lapic_hz=N: the rate of the local APIC's timer. Where the processor has no TSC deadline timer, as under
 * an emulator, calibrate_APIC_clock() counts it against the TSC for a tenth of a second, a quarter of
 * the boot; it takes a period that is set already as it is.
 *
 * tsc_early_khz=N: the kernel's own parameter, which gives the rate of the TSC but still lets the PIT be
 * asked for the processor's: 10 ms and more, for nothing where there is no PIT, and wrong where the
 * emulator was kept waiting. Who gives the rate knows it, so it is taken for the final one too.
 * A paravirtual clock is set up later than this and wins.
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/x86_init.h>

static unsigned int told_khz __initdata;

static unsigned long __init told_rate(void)
{
	return told_khz;
}

static int __init tsc_khz_setup(char *arg)
{
	unsigned int khz;

	/* The kernel's own handler of this parameter reports what is malformed. */
	if (!arg || kstrtouint(arg, 0, &khz) || !khz)
		return 0;
	told_khz = khz;
	x86_platform.calibrate_cpu = told_rate;
	x86_platform.calibrate_tsc = told_rate;
	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);
	return 0;
}
early_param("tsc_early_khz", tsc_khz_setup);

static int __init lapic_hz_setup(char *arg)
{
	unsigned int hz;

	/* Less than 1 MHz is what the kernel itself takes for a broken timer. */
	if (!arg || kstrtouint(arg, 0, &hz) || hz < 1000000)
		return -EINVAL;
	lapic_timer_period = hz / HZ;
	return 0;
}
early_param("lapic_hz", lapic_hz_setup);
