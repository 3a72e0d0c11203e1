/* SPDX-License-Identifier: Apache-2.0 */
/* tcp-echo ADDRESS PORT: says "listens", and sends back what comes on each connection; on stderr, that it has ended. */
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(int fd)
{
	static char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, w; n > 0 && done < n; done += w) {
			w = write(fd, buf + done, (size_t)n - (size_t)done);
			if (w < 0)
				w = n = 0;
		}
	(void)fputs("ended\n", stderr);
	_exit(0);
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				       .ai_socktype = SOCK_STREAM};
	struct addrinfo *at;
	int fd;

	if (argc != 3 || getaddrinfo(argv[1], argv[2], &hints, &at) != 0)
		return 2;
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	fd = socket(at->ai_family, SOCK_STREAM, 0);
	if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, 128) < 0)
		return 1;
	(void)puts("listens");
	(void)fclose(stdout);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client >= 0 && fork() == 0)
			echo(client);
		(void)close(client);
	}
}
