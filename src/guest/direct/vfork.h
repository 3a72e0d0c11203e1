/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <linux/sched.h>

/**
 * vfork_clone() - clone3(2) of a child that has the memory of its parent, which sleeps meanwhile
 * @args: with CLONE_VM and CLONE_VFORK, and a stack whose end is a multiple of 16
 * @run: what the child does on that stack; it does not return
 *
 * No C library has this: on a stack of its own a child cannot return from where it was made.
 *
 * Return: the child's number, once it executes another program or has ended; or negative errno.
 */
static inline pid_t vfork_clone(const struct clone_args *args, void (*run)(void *arg), void *arg)
{
#if defined(__x86_64__)
	long pid = SYS_clone3;

	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n"
			 "jnz 1f\n"
			 "mov %[arg], %%rdi\n"
			 "call *%[run]\n"
			 "ud2\n"
			 "1:\n"
			 : "+a"(pid)
			 : "D"(args), "S"(sizeof(*args)), [run] "r"(run), [arg] "r"(arg)
			 : "rcx", "r11", "memory");
	return (pid_t)pid;
#elif defined(__aarch64__)
	register long nr __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);

	__asm__ volatile("svc #0\n"
			 "cbnz x0, 1f\n"
			 "mov x0, %[arg]\n"
			 "blr %[run]\n"
			 "brk #1\n"
			 "1:\n"
			 : "+r"(x0)
			 : "r"(x1), "r"(nr), [run] "r"(run), [arg] "r"(arg)
			 : "x30", "memory");
	return (pid_t)x0;
#endif
}
