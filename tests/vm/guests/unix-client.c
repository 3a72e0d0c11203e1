/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix-client SOCKET | unix-client vsock:PORT [COUNT]: sends stdin, half-closes, prints what comes back. With
 * COUNT, of a socket: that many connections at a time, each with its number.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static int dial(const char *name)
{
	struct sockaddr_vm svm = {.svm_family = AF_VSOCK, .svm_cid = 2};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, r;

	if (strncmp(name, "vsock:", 6) == 0) {
		svm.svm_port = (uint32_t)atoi(name + 6);
		fd = socket(AF_VSOCK, SOCK_STREAM, 0);
		r = connect(fd, (struct sockaddr *)&svm, sizeof(svm));
	} else {
		strncpy(sun.sun_path, name, sizeof(sun.sun_path) - 1);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	}
	if (fd < 0 || r < 0) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static void copy(int from, int to)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0, some; at < n; at += some)
			if ((some = write(to, buf + at, (size_t)(n - at))) < 0)
				exit(2);
	if (n < 0)
		exit(3);
}

/* All are open before the first one says anything. */
static void many(const char *name, int count)
{
	int *fds = calloc((size_t)count, sizeof(int)), answer;

	for (int i = 0; i < count; i++)
		fds[i] = dial(name);
	for (int i = 0; i < count; i++)
		if (write(fds[i], &i, sizeof(i)) != sizeof(i) || shutdown(fds[i], SHUT_WR) < 0)
			exit(4);
	for (int i = 0; i < count; i++)
		if (recv(fds[i], &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer) ||
		    answer != i)
			exit(5);
	printf("%d\n", count);
}

int main(int argc, char **argv)
{
	int fd, status;
	pid_t pid;

	if (argc == 3) {
		many(argv[1], atoi(argv[2]));
		return 0;
	}
	fd = dial(argc == 2 ? argv[1] : "");
	pid = fork();
	if (pid == 0) {
		copy(0, fd);
		_exit(shutdown(fd, SHUT_WR) < 0);
	}
	copy(fd, 1);
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 6;
}
