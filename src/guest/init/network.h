/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/init/init-conf.h"
#include "guest/init/netconf.h"

/*
 * The network of an image whose own init vminitd is, as the kernel command line wants it. Nothing
 * here is fatal: it is logged, and the rest is done.
 */

#define NETWORK_WORDS_MAX 8

/** struct network - the ip= words that made sense */
struct network {
	size_t n;
	struct netconf words[NETWORK_WORDS_MAX];
};

/** network_read() - take the words from /proc/cmdline: a kernel may have kept them for itself */
void network_read(struct network *network);

/** network_apply() - set up lo and the devices of the words, addresses, and routes */
void network_apply(const struct network *network);

/**
 * network_name_servers() - write /etc/resolv.conf
 *
 * With the words' servers, else those of @conf, else with NETWORK_LAST_RESORT_DNS. Without any, and
 * without an address, the image's own file stays.
 */
void network_name_servers(const struct network *network, const struct init_conf *conf);

#define NETWORK_LAST_RESORT_DNS "8.8.8.8"

/** network_hostname() - from the words, else from @conf, else from /etc/hostname */
void network_hostname(const struct network *network, const struct init_conf *conf);
