/* SPDX-License-Identifier: Apache-2.0 */
/* inotify DIR: prints "watching", and then the name of the first file that is made in DIR. */
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	union {
		struct inotify_event event;
		char bytes[sizeof(struct inotify_event) + 256];
	} buf;
	int fd = inotify_init();

	if (argc != 2 || inotify_add_watch(fd, argv[1], IN_CREATE) < 0)
		return 1;
	printf("watching\n");
	fflush(stdout);
	if (read(fd, &buf, sizeof(buf)) < (ssize_t)sizeof(buf.event))
		return 1;
	printf("%s\n", buf.event.name);
	return 0;
}
