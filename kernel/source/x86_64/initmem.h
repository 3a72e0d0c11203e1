/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seen by arch/x86/mm/init.c alone, before its own first line: memory of the boot is freed without being
 * filled with a pattern first. The pattern serves debugging; what is allocated is zeroed
 * (INIT_ON_ALLOC_DEFAULT_ON), and an emulator, which has to watch the pages it has translated
 * code from, takes 40 ms over it.
 */
#ifndef CAISSON_INITMEM_H
#define CAISSON_INITMEM_H

#include <linux/mm.h>

/* A pattern above 0xff means none. */
#define free_reserved_area(start, end, poison, what) free_reserved_area(start, end, -1, what)

#endif
