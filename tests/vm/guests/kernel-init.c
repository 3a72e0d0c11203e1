/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-init: the /init of kernel.py, without any library. Says what it finds, one a line, then does what
 * the word says that the kernel hands on from its command line: "wait" for Ctrl-Alt-Del, "poweroff";
 * without one it resets the machine.
 *
 * For i386 (a program that an x86_64 kernel runs as well) and aarch64; system calls that take a time take one of
 * 32 bits on i386.
 */
#include <linux/reboot.h>

enum { LINE_MAX_BYTES = 64, SIGNAL_INT = 2, AT_THIS_FOLDER = -100 };

#if defined(__i386__)
enum {
	NR_READ = 3,
	NR_WRITE = 4,
	NR_MOUNT = 21,
	NR_MKDIRAT = 296,
	NR_OPENAT = 295,
	NR_REBOOT = 88,
	NR_UNAME = 122,
	NR_SIGPROCMASK = 175,
	NR_SIGTIMEDWAIT = 177,
	NR_AFFINITY = 242,
	NR_CLOCK_GETTIME = 265,
};

static long call(long nr, long a, long b, long c, long d, long e)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return ret;
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tand $-16, %esp\n\tpush %eax\n\tcall run\n");
#elif defined(__aarch64__)
enum {
	NR_READ = 63,
	NR_WRITE = 64,
	NR_MOUNT = 40,
	NR_MKDIRAT = 34,
	NR_OPENAT = 56,
	NR_REBOOT = 142,
	NR_UNAME = 160,
	NR_SIGPROCMASK = 135,
	NR_SIGTIMEDWAIT = 137,
	NR_AFFINITY = 123,
	NR_CLOCK_GETTIME = 113,
};

static long call(long nr, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl run\n");
#endif

static void put(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	(void)call(NR_WRITE, 1, (long)text, n, 0, 0);
}

/* "NAME VALUE": in decimal, and negative for an error. */
static void put_number(const char *name, long value)
{
	unsigned long rest = value < 0 ? 0UL - (unsigned long)value : (unsigned long)value;
	char digits[24], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	put(name);
	put(value < 0 ? " -" : " ");
	put(p);
	put("\n");
}

static void say_name(void)
{
	static char name[6][65];

	(void)call(NR_UNAME, (long)name, 0, 0, 0, 0);
	put("machine ");
	put(name[4]);
	put(" ");
	put(name[2]);
	put("\n");
}

static void say_time(void)
{
	long now[2] = {0, 0};
	long r = call(NR_CLOCK_GETTIME, 0, (long)now, 0, 0, 0);

	put_number("seconds", r < 0 ? r : now[0]);
}

static void say_processors(void)
{
	static unsigned char set[64];
	long r = call(NR_AFFINITY, 0, sizeof(set), (long)set, 0, 0), n = 0;

	for (unsigned i = 0; i < 8 * sizeof(set); i++)
		n += set[i / 8] >> i % 8 & 1;
	put_number("processors", r < 0 ? r : n);
}

/* The first line of the first disk. */
static void say_disk(void)
{
	static char line[LINE_MAX_BYTES + 1];
	long fd, n, i = 0;

	(void)call(NR_MKDIRAT, AT_THIS_FOLDER, (long)"/dev", 0755, 0, 0);
	(void)call(NR_MOUNT, (long)"dev", (long)"/dev", (long)"devtmpfs", 0, 0);
	fd = call(NR_OPENAT, AT_THIS_FOLDER, (long)"/dev/vda", 0, 0, 0);
	if (fd < 0)
		return put_number("disk", fd);
	n = call(NR_READ, fd, (long)line, LINE_MAX_BYTES, 0, 0);
	while (i < n && line[i] != '\n')
		i++;
	line[i] = '\0';
	put("disk ");
	put(line);
	put("\n");
}

/* Blocked from the beginning, a signal that comes early is not lost. */
static void await_interrupt(void)
{
	unsigned long set[2] = {1UL << (SIGNAL_INT - 1), 0};

	(void)call(NR_SIGPROCMASK, 0, (long)set, 0, 8, 0);
	(void)call(NR_REBOOT, (long)LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		   (long)LINUX_REBOOT_CMD_CAD_OFF, 0, 0);
	put("waiting\n");
	put_number("signal", call(NR_SIGTIMEDWAIT, (long)set, 0, 0, 8, 0));
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

	say_name();
	say_time();
	say_processors();
	say_disk();
	if (wants(argv, "wait"))
		await_interrupt();
	(void)call(NR_REBOOT, (long)LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		   (long)(wants(argv, "poweroff") ? LINUX_REBOOT_CMD_POWER_OFF
						  : LINUX_REBOOT_CMD_RESTART),
		   0, 0);
	for (;;)
		put("not ended\n");
}
