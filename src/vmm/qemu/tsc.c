/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/tsc.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <x86intrin.h>

/* Slower or faster than any processor: a wrong figure is worse than none. */
#define KHZ_MIN 100000
#define KHZ_MAX 20000000

static uint32_t plausible(uint64_t khz)
{
	return khz >= KHZ_MIN && khz <= KHZ_MAX ? (uint32_t)khz : 0;
}

uint32_t tsc_khz_from_scale(uint32_t mult, uint16_t shift)
{
	unsigned __int128 khz;

	if (mult == 0 || shift > 63)
		return 0;
	khz = ((unsigned __int128)1000000 << shift) + mult / 2;
	khz /= mult;
	return khz > KHZ_MAX ? 0 : plausible((uint64_t)khz);
}

/* perf_event_open(2), "cap_user_time": a software event counts nothing but has the page too. */
uint32_t tsc_khz_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	const size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	const struct perf_event_mmap_page *page;
	_cleanup_close_ int fd = -EBADF;
	uint32_t khz = 0;

	fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return 0;
	page = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return 0;
	if (page->cap_user_time)
		khz = tsc_khz_from_scale(page->time_mult, page->time_shift);
	(void)munmap((void *)page, page_size);
	return khz;
}

/* Intel SDM, CPUID leaf 15H; the hypervisors' leaf 40000010H has kHz in EAX. */
uint32_t tsc_khz_cpuid(void)
{
	unsigned int a = 0, b = 0, c = 0, d = 0;
	uint32_t khz;

	if (__get_cpuid(0x15, &a, &b, &c, &d) && a && b && c) {
		khz = plausible((uint64_t)c * b / a / 1000);
		if (khz)
			return khz;
	}
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1U << 31)))
		return 0;
	__cpuid(0x40000000, a, b, c, d);
	if (a < 0x40000010 || a > 0x400000ff)
		return 0;
	__cpuid(0x40000010, a, b, c, d);
	return plausible(a);
}

static bool has_flag(const char *words, const char *flag)
{
	return str_has_word(words, " ", flag, strlen(flag));
}

/*
 * "cpu MHz" is what the kernel found at its start (cpu_khz) unless there is a way to see what the
 * processor runs at just now: arch_freq_get_on_cpu() and show_cpuinfo() in the kernel's arch/x86.
 * A guest's kernel takes it for its TSC's too.
 */
uint32_t tsc_khz_from_cpuinfo(const char *text)
{
	const char *mhz = strstr(text, "\ncpu MHz\t\t: "), *flags = strstr(text, "\nflags\t\t: ");
	_cleanup_free_ char *words = flags ? xstrndup(flags + 1, strcspn(flags + 1, "\n")) : NULL;
	unsigned int whole, rest;

	if (!mhz || !words || !strchr(flags + 1, '\n') || has_flag(words, "aperfmperf") ||
	    !has_flag(words, "hypervisor") || !has_flag(words, "constant_tsc"))
		return 0;
	if (sscanf(mhz, " cpu MHz : %7u.%3u", &whole, &rest) != 2 || rest > 999)
		return 0;
	return plausible((uint64_t)whole * 1000 + rest);
}

uint32_t tsc_khz_cpuinfo(void)
{
	_cleanup_close_ int fd = -EBADF;
	char text[8192];
	ssize_t n;

	if (access("/sys/devices/system/cpu/cpu0/cpufreq", F_OK) == 0)
		return 0;
	fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	/* One read gives the first processors only, whole. */
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return tsc_khz_from_cpuinfo(text);
}

uint32_t tsc_khz_measured(void)
{
	uint64_t t0 = clock_now(), c0 = __rdtsc(), t1, c1;

	do {
		t1 = clock_now();
		c1 = __rdtsc();
	} while (t1 - t0 < TSC_MEASURE_NS);
	return plausible((uint64_t)((unsigned __int128)(c1 - c0) * NSEC_PER_MSEC / (t1 - t0)));
}

#else

uint32_t tsc_khz_from_scale(uint32_t mult _unused_, uint16_t shift _unused_)
{
	return 0;
}

uint32_t tsc_khz_from_cpuinfo(const char *text _unused_)
{
	return 0;
}

uint32_t tsc_khz_cpuinfo(void)
{
	return 0;
}

uint32_t tsc_khz_perf(void)
{
	return 0;
}

uint32_t tsc_khz_cpuid(void)
{
	return 0;
}

uint32_t tsc_khz_measured(void)
{
	return 0;
}

#endif

uint32_t tsc_khz(void)
{
	static uint32_t (*const sources[])(void) = {tsc_khz_cpuid, tsc_khz_cpuinfo, tsc_khz_perf,
						    tsc_khz_measured};
	static uint32_t known;

	for (size_t i = 0; i < ARRAY_SIZE(sources) && !known; i++)
		known = sources[i]();
	return known;
}
