/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/**
 * tsc_khz() - frequency of this machine's time stamp counter
 *
 * What a guest's own counter runs at under TCG. The processor's or the hypervisor's figure (CPUID),
 * else the kernel's: /proc/cpuinfo where that does not show a momentary clock, then the perf event
 * page, which takes milliseconds; else measured against the monotonic clock for TSC_MEASURE_NS,
 * busy. It does not change while a machine runs, so it is remembered in the process.
 *
 * Return: kHz, or 0 where there is none.
 */
uint32_t tsc_khz(void);

#define TSC_MEASURE_NS (10 * NSEC_PER_MSEC)

/**
 * tsc_khz_from_scale() - out of ns = (cycles * @mult) >> @shift. Return: kHz, or 0 for nonsense.
 */
uint32_t tsc_khz_from_scale(uint32_t mult, uint16_t shift);

/** tsc_khz_from_cpuinfo() - out of the beginning of /proc/cpuinfo. Return: kHz, or 0. */
uint32_t tsc_khz_from_cpuinfo(const char *text);

/** tsc_khz_cpuid() - and the others: single sources, for tests. Return: kHz, or 0. */
uint32_t tsc_khz_cpuid(void);
uint32_t tsc_khz_cpuinfo(void);
uint32_t tsc_khz_perf(void);
uint32_t tsc_khz_measured(void);
