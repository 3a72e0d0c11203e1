/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

/*
 * The filter of system calls of programs that read what guests send.
 *
 * Each source file lists the system calls of its own code, beside that code, so that the filter
 * and the code cannot drift apart. The linker gathers the lists, of all that is linked into the
 * program.
 */

/**
 * struct seal_rule - a system call that stays allowed
 * @nr: its number
 * @arg, @mask, @value: only if (argument @arg & @mask) == @value, in the low 32 bits
 */
struct seal_rule {
	uint32_t nr;
	uint32_t arg;
	uint32_t mask;
	uint32_t value;
};

#define SEAL_CAT_(a, b) a##b
#define SEAL_CAT(a, b)	SEAL_CAT_(a, b)

/** SEAL_ALLOW_ARG() - allow a system call when one argument has the value it must have */
#define SEAL_ALLOW_ARG(name, arg_, mask_, value_)                             \
	static const struct seal_rule SEAL_CAT(seal_rule_, __COUNTER__)       \
		__attribute__((used, section("seal_rules"), aligned(16))) = { \
			.nr = SYS_##name, .arg = (arg_), .mask = (mask_), .value = (value_)}

/** SEAL_ALLOW() - allow a system call whatever its arguments */
#define SEAL_ALLOW(name) SEAL_ALLOW_ARG(name, 0, 0, 0)

/**
 * seal_enter() - from now on any system call that is not in the lists ends the process
 *
 * Others of the same user cannot look into it any more either. Needs PR_SET_NO_NEW_PRIVS, or privilege. Under a
 * sanitizer it does nothing: its run-time makes calls of its own, and looks into its own process.
 *
 * Return: 0 or negative errno.
 */
int seal_enter(void);
