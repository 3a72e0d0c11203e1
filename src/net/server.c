/* SPDX-License-Identifier: Apache-2.0 */
#include "net/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

#define FILE_MAX (1u << 20)

/*
 * proc_pid_net(5): a line of titles, then one for each socket: "  sl: ADDRESS:PORT ...", the address in
 * hexadecimal digits of the number that it is in memory.
 */
bool net_has_server(uint32_t address)
{
	_cleanup_free_ char *text = NULL;
	unsigned int local;
	char *line;

	if (file_slurp_at(AT_FDCWD, "/proc/self/net/udp", FILE_MAX, &text, NULL) < 0)
		return false;
	for (line = text; line; line = strchr(line + 1, '\n'))
		if (sscanf(line, " %*u: %8x:", &local) == 1 && local == htonl(address))
			return true;
	return false;
}
