/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neighbour listen SOCKET: makes it, and sends the first who connects what that has sent.
 * neighbour lock|flock FILE: has a lock of POSIX', or flock(2)'s, on the file, says so, and ends once it reads a byte.
 * neighbour locked|flocked FILE: prints whether somebody else has.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int serve(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	char buf[4096];
	ssize_t n;

	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	if (server < 0 || bind(server, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(server, 1) < 0)
		return fail("listen");
	fd = accept(server, NULL, NULL);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			return fail("write");
	return n < 0 ? fail("read") : 0;
}

static int keep(bool taken)
{
	char byte;

	if (!taken)
		return fail("lock");
	(void)puts("locked");
	(void)fflush(stdout);
	return read(0, &byte, 1) < 0;
}

static int tell(bool taken)
{
	return puts(taken ? "taken" : "free") < 0;
}

static int lock(int fd)
{
	struct flock range = {.l_type = F_WRLCK};

	return keep(fcntl(fd, F_SETLK, &range) == 0);
}

static int locked(int fd)
{
	struct flock range = {.l_type = F_WRLCK};

	return fcntl(fd, F_GETLK, &range) < 0 ? fail("look") : tell(range.l_type != F_UNLCK);
}

static int whole_lock(int fd)
{
	return keep(flock(fd, LOCK_EX | LOCK_NB) == 0);
}

static int whole_locked(int fd)
{
	return tell(flock(fd, LOCK_EX | LOCK_NB) < 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int fd);
	} verbs[] = {{"lock", lock},
		     {"locked", locked},
		     {"flock", whole_lock},
		     {"flocked", whole_locked}};
	int fd;

	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "listen") == 0)
		return serve(argv[2]);
	fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return fail(argv[2]);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(fd);
	return 2;
}
