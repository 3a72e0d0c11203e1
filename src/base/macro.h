/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MIN(a, b)			((a) < (b) ? (a) : (b))
#define MAX(a, b)			((a) > (b) ? (a) : (b))

#define _printf_(fmt, args)		__attribute__((format(printf, fmt, args)))
#define _noreturn_			__attribute__((noreturn))
#define _unused_			__attribute__((unused))

/**
 * DEFINE_CLEANUP() - make a cleanup attribute function out of a destructor
 * @type: pointer type, for instance `struct loop *`
 * @func: destructor taking a @type; must accept NULL
 *
 * Use as `__attribute__((cleanup(func_p))) type x = NULL;`.
 */
#define DEFINE_CLEANUP(type, func)           \
	static inline void func##_p(type *p) \
	{                                    \
		if (*p)                      \
			func(*p);            \
	}
#define _cleanup_(func) __attribute__((cleanup(func##_p)))

/** take_ptr() - hand a pointer over: returns it and leaves NULL behind */
#define take_ptr(p)                        \
	({                                 \
		__typeof__(p) *_pp = &(p); \
		__typeof__(p) _v = *_pp;   \
		*_pp = NULL;               \
		_v;                        \
	})
