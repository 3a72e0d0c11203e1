/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "abi/abi.h"
#include "guest/network/netaddr.h"

/*
 * The kernel's word ip=, for an init that has to do what a kernel without CONFIG_IP_PNP does not
 * (Documentation/admin-guide/nfs/nfsroot.rst):
 *
 *	ip=<client>:<server>:<gateway>:<netmask>:<host>:<device>:<autoconf>:<dns0>:<dns1>:<ntp0>
 *
 * Beyond the kernel's: addresses may be IPv6 in brackets, and the netmask a length of prefix.
 */

#define NETCONF_WORD_MAX 512

/**
 * struct netconf - one word
 * @client: our own address
 * @prefix: length of its network's prefix, in bits
 * @gateway: of the client's family, or none
 * @hostname: "": not given; without a domain
 * @device: "": not given
 * @dns: without gaps: the first may be none
 */
struct netconf {
	struct netaddr client, gateway, dns[2];
	unsigned int prefix;
	char hostname[ABI_HOSTNAME_MAX + 1];
	char device[IFNAMSIZ];
};

/* What netconf_parse() returns besides 0 and negative errno. */
enum {
	NETCONF_E_NO_ADDRESS = 1, /* it leaves the address to DHCP */
	NETCONF_E_OFF,		  /* "off" or "none": nothing shall be set up */
};

/**
 * netconf_parse() - understand the word
 * @value: what follows "ip="
 * @ret: set on success
 * @ret_field: -EINVAL: the field that makes no sense, "gateway"
 *
 * The server, autoconf where there is an address, and what follows dns1 mean nothing to us.
 *
 * Return: 0, NETCONF_E_NO_ADDRESS, NETCONF_E_OFF or -EINVAL.
 */
int netconf_parse(const char *value, struct netconf *ret, const char **ret_field);

/**
 * netconf_next_word() - find the ip= words of a kernel command line
 * @cmdline: where to look; moved behind what was found
 * @word: gets what follows "ip="; words that are longer are skipped
 *
 * Return: was there one?
 */
bool netconf_next_word(const char **cmdline, char word[NETCONF_WORD_MAX]);
