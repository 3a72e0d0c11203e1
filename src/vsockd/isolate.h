/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

/*
 * What this program may still do once it is set up. Theory of operation: isolate.c.
 *
 * Each source file lists the system calls of its own code, beside that code, so that the filter
 * and the code cannot drift apart. The linker gathers the lists.
 */

/**
 * struct isolate_rule - a system call that stays allowed
 * @nr: its number
 * @arg, @mask, @value: only if (argument @arg & @mask) == @value, in the low 32 bits
 */
struct isolate_rule {
	uint32_t nr;
	uint32_t arg;
	uint32_t mask;
	uint32_t value;
};

#define ISOLATE_CAT_(a, b) a##b
#define ISOLATE_CAT(a, b)  ISOLATE_CAT_(a, b)

/** ISOLATE_ALLOW_ARG() - allow a system call when one argument has the value it must have */
#define ISOLATE_ALLOW_ARG(name, arg_, mask_, value_)                             \
	static const struct isolate_rule ISOLATE_CAT(isolate_rule_, __COUNTER__) \
		__attribute__((used, section("isolate_rules"), aligned(16))) = { \
			.nr = SYS_##name, .arg = (arg_), .mask = (mask_), .value = (value_)}

/** ISOLATE_ALLOW() - allow a system call whatever its arguments */
#define ISOLATE_ALLOW(name) ISOLATE_ALLOW_ARG(name, 0, 0, 0)

/**
 * isolate_descriptors() - close everything but standard error and @keep
 * @keep: descriptors, moved to 3, 4, … in this order; updated
 *
 * Standard input and output become /dev/null.
 *
 * Return: 0 or negative errno.
 */
int isolate_descriptors(int *const keep[], unsigned int n);

/**
 * isolate_enter() - leave behind all that is not needed, for ever
 * @dir: becomes the root and the working folder; only what is below it can be reached
 * @max_fds: descriptors that may be open at a time; cut to what the system allows
 * @ret_max_fds: how many that is
 *
 * A death signal that the parent has asked for (PR_SET_PDEATHSIG) stays in force.
 *
 * After this only the system calls that were listed with ISOLATE_ALLOW() work.
 *
 * Return: 0, or negative errno with @ret_what set to what failed; the process is then in between
 * and should end.
 */
int isolate_enter(const char *dir, unsigned int max_fds, unsigned int *ret_max_fds,
		  const char **ret_what);
