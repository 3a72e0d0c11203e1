/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/netconf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"

#define HOSTNAME_SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* With or without brackets; "" is none, which the kernel also writes as 0.0.0.0. */
static int parse_address(char *text, struct netaddr *ret)
{
	static const unsigned char none[sizeof(ret->bytes)];
	size_t len = strlen(text);

	*ret = (struct netaddr){.family = AF_UNSPEC};
	if (len == 0)
		return 0;
	if (text[0] == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
		ret->family = AF_INET6;
	} else {
		ret->family = AF_INET;
	}
	if (inet_pton(ret->family, text, ret->bytes) != 1)
		return -EINVAL;
	if (memcmp(ret->bytes, none, sizeof(none)) == 0)
		ret->family = AF_UNSPEC;
	return 0;
}

static int parse_client(struct netconf *conf, char *text)
{
	return parse_address(text, &conf->client);
}

static int parse_gateway(struct netconf *conf, char *text)
{
	if (parse_address(text, &conf->gateway) < 0)
		return -EINVAL;
	if (conf->gateway.family != AF_UNSPEC && conf->client.family != AF_UNSPEC &&
	    conf->gateway.family != conf->client.family)
		return -EINVAL;
	return 0;
}

/* Classes are long gone, but this is what the kernel's documentation promises. */
static unsigned int default_prefix(const struct netaddr *client)
{
	unsigned char first = client->bytes[0];

	if (client->family == AF_INET6)
		return 64;
	if (first < 128)
		return 8;
	if (first < 192)
		return 16;
	return first < 224 ? 24 : 32;
}

static int parse_netmask(struct netconf *conf, char *text)
{
	uint32_t max = conf->client.family == AF_INET6 ? 128 : 32, n, host;
	struct in_addr mask;

	conf->prefix = default_prefix(&conf->client);
	if (!*text)
		return 0;
	if (text[strspn(text, "0123456789")] == '\0') {
		if (parse_u32(text, 0, max, &n) < 0)
			return -EINVAL;
		conf->prefix = n;
		return 0;
	}
	if (conf->client.family == AF_INET6 || inet_pton(AF_INET, text, &mask) != 1)
		return -EINVAL;
	/* Ones, then zeros: what is left, and one more, is a power of two. */
	host = ~ntohl(mask.s_addr);
	if (host & (host + 1))
		return -EINVAL;
	conf->prefix = 32 - (unsigned int)__builtin_popcount(host);
	return 0;
}

/* "host.domain": the domain is NIS's. */
static int parse_hostname(struct netconf *conf, char *text)
{
	size_t len = strcspn(text, ".");

	if (len >= sizeof(conf->hostname) || strspn(text, HOSTNAME_SAFE) < len)
		return -EINVAL;
	memcpy(conf->hostname, text, len);
	conf->hostname[len] = '\0';
	return 0;
}

static int parse_device(struct netconf *conf, char *text)
{
	if (strlen(text) >= sizeof(conf->device) || strchr(text, '/'))
		return -EINVAL;
	strcpy(conf->device, text);
	return 0;
}

static int parse_dns0(struct netconf *conf, char *text)
{
	return parse_address(text, &conf->dns[0]);
}

static int parse_dns1(struct netconf *conf, char *text)
{
	return parse_address(text, &conf->dns[1]);
}

/* In this order; without a function: of no use to us. */
static const struct {
	const char *name;
	int (*parse)(struct netconf *conf, char *text);
} fields[] = {
	{"client", parse_client},   {"server", NULL},	      {"gateway", parse_gateway},
	{"netmask", parse_netmask}, {"host", parse_hostname}, {"device", parse_device},
	{"autoconf", NULL},	    {"dns0", parse_dns0},     {"dns1", parse_dns1},
};

/* Up to the next ":" that is in no brackets. Return: the rest, or NULL at the end. */
static char *cut_field(char *field)
{
	bool inside = false;

	for (; *field; field++) {
		if (*field == '[' || *field == ']')
			inside = *field == '[';
		if (*field != ':' || inside)
			continue;
		*field = '\0';
		return field + 1;
	}
	return NULL;
}

int netconf_parse(const char *value, struct netconf *ret, const char **ret_field)
{
	char text[NETCONF_WORD_MAX], *field = text, *rest, nothing[] = "";
	struct netconf conf = {.prefix = 0};

	*ret_field = "client";
	if (strlen(value) >= sizeof(text))
		return -EINVAL;
	strcpy(text, value);
	/* A single word is <autoconf> alone; an address alone needs nothing else. */
	if (strcmp(text, "off") == 0 || strcmp(text, "none") == 0)
		return NETCONF_E_OFF;
	if (!strpbrk(text, ":.["))
		return NETCONF_E_NO_ADDRESS;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		rest = cut_field(field);
		*ret_field = fields[i].name;
		if (fields[i].parse && fields[i].parse(&conf, field) < 0)
			return -EINVAL;
		field = rest ? rest : nothing;
	}
	if (conf.client.family == AF_UNSPEC)
		return NETCONF_E_NO_ADDRESS;
	*ret = conf;
	return 0;
}

bool netconf_next_word(const char **cmdline, char word[NETCONF_WORD_MAX])
{
	const char *at = *cmdline, *value;
	size_t len;

	for (;; at += len) {
		at += strspn(at, " \t\n");
		len = strcspn(at, " \t\n");
		if (len == 0)
			return false;
		value = str_starts(at, ABI_CMDLINE_IP);
		if (!value || at + len - value >= NETCONF_WORD_MAX)
			continue;
		memcpy(word, value, (size_t)(at + len - value));
		word[at + len - value] = '\0';
		*cmdline = at + len;
		return true;
	}
}
