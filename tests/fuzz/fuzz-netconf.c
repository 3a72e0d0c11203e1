/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel command line with ip= words. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/init/netconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct netconf *conf)
{
	char text[INET6_ADDRSTRLEN];

	if (!netaddr_text(&conf->client, text) ||
	    conf->prefix > (conf->client.family == AF_INET6 ? 128 : 32))
		abort();
	if (conf->gateway.family != AF_UNSPEC && conf->gateway.family != conf->client.family)
		abort();
	if (strlen(conf->hostname) > ABI_HOSTNAME_MAX || strlen(conf->device) >= IFNAMSIZ)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), word[NETCONF_WORD_MAX];
	const char *at = line, *field;
	struct netconf conf;

	if (!line)
		return 0;
	if (size > 0)
		memcpy(line, data, size);
	line[size] = '\0';
	while (netconf_next_word(&at, word)) {
		int r = netconf_parse(word, &conf, &field);

		if (r == 0)
			check(&conf);
		else if (r < 0 && !*field)
			abort();
	}
	free(line);
	return 0;
}
