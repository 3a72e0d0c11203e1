/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macro.h"
#include "guest/network/netlink.h"

#define CMDLINE_MAX    65536
#define HOSTNAME_FILE  4096
#define RESOLV_CONF    "/etc/resolv.conf"
#define DEFAULT_DEVICE "eth0"
#define RESOLV_MAX     1024

static void read_word(struct network *network, const char *word)
{
	struct netconf conf;
	const char *field;
	int r = netconf_parse(word, &conf, &field);

	if (r < 0)
		log_warn("kernel command line: ip=%s: the %s makes no sense", word, field);
	else if (r == NETCONF_E_NO_ADDRESS)
		log_warn("kernel command line: ip=%s: no address; there is no DHCP here", word);
	else if (r == NETCONF_E_OFF)
		return;
	else if (network->n == NETWORK_WORDS_MAX)
		log_warn("kernel command line: ip=%s is one too many", word);
	else
		network->words[network->n++] = conf;
}

void network_read(struct network *network)
{
	char *cmdline, word[NETCONF_WORD_MAX];
	const char *at;
	int r;

	network->n = 0;
	r = file_slurp_at(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX, &cmdline, NULL);
	if (r < 0) {
		log_warn("cannot read /proc/cmdline: %s", strerror(-r));
		return;
	}
	for (at = cmdline; netconf_next_word(&at, word);)
		read_word(network, word);
	free(cmdline);
}

static void list_devices(const char *wanted)
{
	struct if_nameindex *devices = if_nameindex();
	char list[512] = "";

	for (size_t i = 0; devices && devices[i].if_index; i++) {
		size_t at = strlen(list);

		(void)snprintf(list + at, sizeof(list) - at, " %s", devices[i].if_name);
	}
	log_warn("there is no network device %s; there are:%s", wanted, list);
	if (devices)
		if_freenameindex(devices);
}

/* Also to a gateway beyond an address that is a network of its own, as many clouds give them. */
static int add_default_route(struct netlink *netlink, unsigned int index,
			     const struct netaddr *gateway)
{
	const struct netlink_route route = {
		.index = index,
		.destination = {.family = gateway->family},
		.gateway = *gateway,
		.onlink = true,
	};

	return netlink_add_route(netlink, &route);
}

static void apply_word(struct netlink *netlink, const struct netconf *conf)
{
	const char *device = *conf->device ? conf->device : DEFAULT_DEVICE;
	unsigned int index = if_nametoindex(device);
	char text[INET6_ADDRSTRLEN];
	int r;

	if (!index) {
		list_devices(device);
		return;
	}
	r = netlink_set_up(netlink, index, true);
	if (r < 0)
		log_warn("cannot set %s up: %s", device, strerror(-r));
	r = netlink_add_address(netlink, index, &conf->client, conf->prefix);
	if (r < 0)
		log_warn("cannot give %s/%u to %s: %s", netaddr_text(&conf->client, text),
			 conf->prefix, device, strerror(-r));
	if (conf->gateway.family == AF_UNSPEC)
		return;
	r = add_default_route(netlink, index, &conf->gateway);
	if (r < 0 && r != -EEXIST)
		log_warn("cannot route through %s on %s: %s", netaddr_text(&conf->gateway, text),
			 device, strerror(-r));
}

void network_apply(const struct network *network)
{
	struct netlink netlink = NETLINK_NULL;
	int r = netlink_open(&netlink);

	if (r < 0) {
		log_warn("cannot set up any network: %s", strerror(-r));
		return;
	}
	r = netlink_set_loopback_up(&netlink);
	if (r < 0)
		log_warn("cannot set lo up: %s", strerror(-r));
	for (size_t i = 0; i < network->n; i++)
		apply_word(&netlink, &network->words[i]);
	netlink_close(&netlink);
}

static size_t add_server(char *text, size_t at, const char *server)
{
	int n = snprintf(text + at, RESOLV_MAX - at, "nameserver %s\n", server);

	return MIN(at + (size_t)MAX(n, 0), RESOLV_MAX - 1);
}

/* Those of the words; the C library looks at three at most, so more do no good. */
static size_t add_word_servers(char *text, const struct network *network)
{
	char address[INET6_ADDRSTRLEN];
	size_t at = 0;

	for (size_t i = 0; i < network->n; i++) {
		const struct netaddr *dns = network->words[i].dns;

		for (size_t k = 0; k < ARRAY_SIZE(network->words[i].dns); k++)
			if (dns[k].family != AF_UNSPEC)
				at = add_server(text, at, netaddr_text(&dns[k], address));
	}
	return at;
}

/* A link that leads nowhere, to a file of another init's, is replaced. */
static int write_resolver(const char *text, size_t len)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	_cleanup_close_ int fd = open(RESOLV_CONF, flags, 0644);

	if (fd < 0 && errno == ENOENT) {
		(void)mkdir("/etc", 0755);
		(void)unlink(RESOLV_CONF);
		fd = open(RESOLV_CONF, flags, 0644);
	}
	return fd < 0 ? -errno : fd_write_full(fd, text, len);
}

void network_name_servers(const struct network *network, const struct init_conf *conf)
{
	char text[RESOLV_MAX];
	size_t at = add_word_servers(text, network);
	bool told = at > 0;
	int r;

	for (size_t i = 0; !told && i < conf->n_dns; i++)
		at = add_server(text, at, conf->dns[i]);
	if (at == 0 && network->n > 0)
		at = add_server(text, at, NETWORK_LAST_RESORT_DNS);
	if (at == 0)
		return;
	r = write_resolver(text, at);
	if (r < 0)
		log_warn("cannot write " RESOLV_CONF ": %s", strerror(-r));
}

static void set_hostname(const char *name)
{
	if (sethostname(name, strlen(name)) < 0)
		log_warn("cannot set the host name: %s", strerror(errno));
}

void network_hostname(const struct network *network, const struct init_conf *conf)
{
	char *name;

	for (size_t i = 0; i < network->n; i++)
		if (*network->words[i].hostname) {
			set_hostname(network->words[i].hostname);
			return;
		}
	if (*conf->hostname) {
		set_hostname(conf->hostname);
		return;
	}
	if (file_slurp_at(AT_FDCWD, "/etc/hostname", HOSTNAME_FILE, &name, NULL) < 0)
		return;
	name[strcspn(name, " \t\r\n")] = '\0';
	if (*name)
		set_hostname(name);
	free(name);
}
