/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock-flood COUNT: that many connections to what listens on the host, and in the guest, as many of them at a time as there can
 * be; some say what nobody understands. Prints how many it has tried.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define HELD 900

static const struct sockaddr_vm places[] = {
	{.svm_family = AF_VSOCK, .svm_cid = 2, .svm_port = 1024},
	{.svm_family = AF_VSOCK, .svm_cid = 2, .svm_port = 1025},
	{.svm_family = AF_VSOCK, .svm_cid = 2, .svm_port = 1027},
	{.svm_family = AF_VSOCK, .svm_cid = 2, .svm_port = 4711},
	{.svm_family = AF_VSOCK, .svm_cid = 1, .svm_port = 1024},
	{.svm_family = AF_VSOCK, .svm_cid = 1, .svm_port = 1025},
};

int main(int argc, char **argv)
{
	const struct rlimit limit = {HELD + 64, HELD + 64};
	int count = argc > 1 ? atoi(argv[1]) : 0, held[HELD], i;

	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < HELD; i++)
		held[i] = -1;
	for (i = 0; i < count; i++) {
		const struct sockaddr_vm *to = &places[i % (int)(sizeof(places) / sizeof(*places))];
		const struct timeval soon = {.tv_usec = 100000};
		int *place = &held[i % HELD];

		close(*place);
		*place = socket(AF_VSOCK, SOCK_STREAM, 0);
		(void)setsockopt(*place, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &soon,
				 sizeof(soon));
		if (connect(*place, (const struct sockaddr *)to, sizeof(*to)) == 0 && i % 2)
			(void)send(*place, "\xff\xff\xff\xff garbage", 12,
				   MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	printf("%d\n", i);
	return 0;
}
