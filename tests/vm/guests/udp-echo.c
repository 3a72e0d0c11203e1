/* SPDX-License-Identifier: Apache-2.0 */
/* udp-echo PORT: sends back what it gets there. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct sockaddr_in sin = {.sin_family = AF_INET}, from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[2048];

	sin.sin_port = htons((uint16_t)atoi(argc == 2 ? argv[1] : ""));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return 1;
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (n >= 0)
			(void)sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}
