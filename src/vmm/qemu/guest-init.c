/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The guest of test-qemu: /init without any library. Says "hello" on the console, then does what
 * the word says that the kernel hands on from its command line: "wait" for ever, "halt" the CPU for
 * good (which must not end the VM); without one it resets the VM.
 */

#include <linux/reboot.h>
#include <sys/syscall.h>

#define TCSBRK 0x5409 /* with 1: wait until all is sent */

static long call(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static void say(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	(void)call(SYS_write, 1, (long)text, n, 0);
	(void)call(SYS_ioctl, 1, TCSBRK, 1, 0);
}

static int wants(char **argv, const char *word)
{
	for (; *argv; argv++) {
		int i = 0;

		while (word[i] && (*argv)[i] == word[i])
			i++;
		if (word[i] == (*argv)[i])
			return 1;
	}
	return 0;
}

void run(char **stack);

/* What the kernel puts on the stack: the count of arguments, the arguments, NULL. */
void run(char **stack)
{
	char **argv = stack + 1;

	say("hello\n");
	while (wants(argv, "wait"))
		(void)call(SYS_pause, 0, 0, 0, 0);
	(void)call(SYS_reboot, (long)LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		   wants(argv, "halt") ? (long)LINUX_REBOOT_CMD_HALT
				       : (long)LINUX_REBOOT_CMD_RESTART,
		   0);
	for (;;)
		(void)call(SYS_pause, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
