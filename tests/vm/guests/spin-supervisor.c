/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervisor for tests. It prints the metadata it got, and answers on 127.0.0.1 port 7777, which
 * containers of the VM can reach, one word a connection:
 *
 *   report  what it sees of itself
 *   crash   it ends by SIGKILL
 *   flood   it prints without end, and answers no more
 *
 * On SIGTERM it tells the host, on the port of the metadata, and ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static char metadata[4096];

static int dial_host(void)
{
	struct sockaddr_vm host = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	host.svm_port = (unsigned int)atoi(getenv("CAISSON_METADATA_PORT"));
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void read_metadata(void)
{
	int fd = dial_host();
	size_t len = 0;
	ssize_t n;

	if (fd < 0) {
		snprintf(metadata, sizeof(metadata), "%s", strerror(errno));
		return;
	}
	while ((n = read(fd, metadata + len, sizeof(metadata) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
}

static void terminated(int signo)
{
	int fd = dial_host();

	(void)signo;
	if (fd >= 0 && write(fd, "got SIGTERM", 11) == 11)
		close(fd);
	_exit(0);
}

static void print_file(FILE *to, const char *path)
{
	FILE *file = fopen(path, "re");
	int c;

	fprintf(to, "%s: ", path);
	while (file && (c = getc(file)) != EOF)
		putc(c, to);
	putc('\n', to);
	if (file)
		fclose(file);
}

/* Is its namespace that of vminitd's, too? */
static void print_namespace(FILE *to, const char *type)
{
	char path[2][32], link[2][64] = {"", ""};
	const char *const whose[2] = {"self", "1"};

	for (int i = 0; i < 2; i++) {
		(void)snprintf(path[i], sizeof(path[i]), "/proc/%s/ns/%s", whose[i], type);
		if (readlink(path[i], link[i], sizeof(link[i]) - 1) < 0)
			fprintf(to, "%s: %s\n", path[i], strerror(errno));
	}
	fprintf(to, "%s: %s\n", type, strcmp(link[0], link[1]) == 0 ? "vminitd's" : "its own");
}

static void report(FILE *to)
{
	fprintf(to, "pid: %d\nmetadata: %s\n", (int)getpid(), metadata);
	print_file(to, "/run/spin-supervisor.pid");
	print_file(to, "/var/log/spin-supervisor.log");
	print_file(to, "/proc/cmdline");
	print_file(to, "/proc/self/cgroup");
	print_namespace(to, "ipc");
	print_namespace(to, "uts");
	fprintf(to, "writable: %s\n",
		access("/run/spin-stack/spin-supervisor", W_OK) == 0 ? "yes" : strerror(errno));
}

static void flood(void)
{
	static char line[4096];

	memset(line, 'x', sizeof(line));
	for (;;)
		if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
			_exit(1);
}

static void serve(int fd)
{
	FILE *peer = fdopen(fd, "r+");
	char word[32] = "";

	if (!fgets(word, sizeof(word), peer))
		word[0] = '\0';
	if (strncmp(word, "report", 6) == 0)
		report(peer);
	fclose(peer);
	if (strncmp(word, "crash", 5) == 0)
		raise(SIGKILL);
	if (strncmp(word, "flood", 5) == 0)
		flood();
}

int main(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7777)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	signal(SIGTERM, terminated);
	read_metadata();
	printf("got: %s\n", metadata);
	fflush(stdout);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(fd, 8) < 0) {
		perror("cannot listen");
		return 1;
	}
	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (peer >= 0)
			serve(peer);
	}
}
