/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of test-boot.py: /init, static. It tells the host that it is there, by a connection to
 * port 1024, then does what it is told on that connection, a word a line, and answers with lines
 * and one that is a dot. Where the connection ends, it makes another one, if it can.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_PORT 1024
#define TEXT_MAX  4096

static FILE *host, *orders;
static int uevents;

/* What a file says, without the end of the line; "" if there is none. */
static const char *text_of(const char *format, ...)
{
	static char text[4][TEXT_MAX];
	static int turn;
	char path[256], *into = text[turn++ % 4];
	va_list args;
	ssize_t n;
	int fd;

	va_start(args, format);
	(void)vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, into, TEXT_MAX - 1);
	if (fd >= 0)
		close(fd);
	into[n > 0 ? n : 0] = '\0';
	into[strcspn(into, "\n")] = '\0';
	return into;
}

static void disks(void)
{
	for (char name[] = "vda"; name[2] <= 'z'; name[2]++)
		if (*text_of("/sys/block/%s/size", name))
			fprintf(host, "%s %s %s %s\n", name, text_of("/sys/block/%s/serial", name),
				text_of("/sys/block/%s/size", name),
				text_of("/sys/block/%s/ro", name));
}

/* The next disk that has another size. */
static void resize(void)
{
	static char message[TEXT_MAX];
	ssize_t n;

	while ((n = recv(uevents, message, sizeof(message) - 1, 0)) > 0) {
		message[n] = '\0';
		for (char *line = message; line < message + n; line += strlen(line) + 1)
			if (!strcmp(line, "RESIZE=1")) {
				fprintf(host, "%s\n", strrchr(message, '/') + 1);
				return;
			}
	}
}

static void first_words(void)
{
	for (char name[] = "vda"; name[2] <= 'z'; name[2]++)
		if (*text_of("/sys/block/%s/size", name))
			fprintf(host, "%s %.16s\n", name, text_of("/dev/%s", name));
}

static void write_disks(void)
{
	char path[] = "/dev/vda";

	for (; path[7] <= 'z'; path[7]++) {
		int fd = open(path, O_WRONLY | O_SYNC | O_CLOEXEC);

		if (fd >= 0 && write(fd, "by the guest\n", 13) == 13)
			fprintf(host, "%s\n", path + 5);
		if (fd >= 0)
			close(fd);
	}
}

static void net(void)
{
	for (int i = 0; i < 4; i++)
		if (*text_of("/sys/class/net/eth%d/address", i))
			fprintf(host, "eth%d %s\n", i, text_of("/sys/class/net/eth%d/address", i));
}

/* The kernel sends a few frames by itself, then. */
static void up(void)
{
	struct ifreq request = {.ifr_name = "eth0", .ifr_flags = IFF_UP};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		fputs("no eth0\n", host);
	close(sock);
}

static void cmdline(void)
{
	fprintf(host, "%s\n", text_of("/proc/cmdline"));
}

/* How often it was asked. */
static void count(void)
{
	static int n;

	fprintf(host, "%d\n", ++n);
}

static void cpus(void)
{
	fprintf(host, "%s\n", text_of("/sys/devices/system/cpu/online"));
}

static void rng(void)
{
	fprintf(host, "%s\n", text_of("/sys/class/misc/hw_random/rng_current"));
}

static void end(int how)
{
	fclose(host);
	sync();
	reboot(how);
}

static void reset(void)
{
	end(RB_AUTOBOOT);
}

static void power_off(void)
{
	end(RB_POWER_OFF);
}

static const struct {
	const char *word;
	void (*run)(void);
} commands[] = {
	{"count", count},      {"cpus", cpus},	 {"cmdline", cmdline},
	{"disks", disks},      {"net", net},	 {"poweroff", power_off},
	{"read", first_words}, {"reset", reset}, {"resize", resize},
	{"rng", rng},	       {"up", up},	 {"write", write_disks},
};

static int meet(void)
{
	struct sockaddr_vm there = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = HOST_PORT};
	int sock = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(sock, (struct sockaddr *)&there, sizeof(there)) < 0) {
		puts("nobody there");
		return -1;
	}
	orders = fdopen(sock, "r");
	host = fdopen(dup(sock), "w");
	fputs("here\n.\n", host);
	fflush(host);
	return 0;
}

static void make_ready(void)
{
	struct sockaddr_nl events = {.nl_family = AF_NETLINK, .nl_groups = 1};

	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	uevents = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (bind(uevents, (struct sockaddr *)&events, sizeof(events)) < 0)
		puts("no events");
}

static void obey(void)
{
	char line[64];

	while (fgets(line, sizeof(line), orders)) {
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (!strcmp(line, commands[i].word))
				commands[i].run();
		fputs(".\n", host);
		fflush(host);
	}
	fclose(orders);
	fclose(host);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	make_ready();
	puts("hello");
	while (meet() == 0)
		obey();
	reboot(RB_AUTOBOOT);
	return 0;
}
