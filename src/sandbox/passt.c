/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/passt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/sandbox.h"

#define PROGRAM "passt"
#define ADDRESS "10.0.2.15"
#define GATEWAY "10.0.2.2"
#define PREFIX	"24"
/* The largest frame: nothing but the two of them sees it. */
#define MTU   65520
#define INDEX 1

/* Locally administered. */
#define MAC 0x02, 0xca, 0x15, 0x50, 0x00, 0x00
static const uint8_t mac[VMM_MAC_LEN] = {MAC};

/*
 * passt learns the guest's MAC address from what that sends, and passes on connections to nobody before: a
 * server need not have sent anything. So we do, in its name: it asks for the gateway (RFC 826).
 */
static const uint8_t hello[] = {
	0,    0,    0,	  42,				     /* the length */
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, MAC, 0x08, 0x06, /* ARP */
	0,    1,    8,	  0,	6,    4,    0,	 1,	     /* Ethernet, IPv4, a request */
	MAC,  10,   0,	  2,	15,   0,    0,	 0,    0,    0, 0, 10, 0, 2, 2,
};

/* The host's own loopback is not the guest's to reach, and there is nothing that it has to ask for. */
static const char *const fixed[] = {
	"--foreground", "--quiet",	 "--fd",      "3",	   "--ipv4-only",
	"--address",	ADDRESS,	 "--netmask", PREFIX,	   "--gateway",
	GATEWAY,	"--dns-forward", PASST_DNS,   "--no-dhcp", "--no-map-gw",
};

/* "IP:HOST:PORT/tcp" becomes "IP/HOST:PORT". */
static void add_port(struct strv *argv, const char *port)
{
	const char *end = strrchr(port, '/'), *sign = strchr(port, ':');
	bool udp = strcmp(end, "/udp") == 0, address = strchr(sign + 1, ':') != NULL;
	char *spec = xstrndup(port, (size_t)(end - port));

	if (address)
		spec[sign - port] = '/';
	strv_add(argv, udp ? "--udp-ports" : "--tcp-ports");
	strv_take(argv, spec);
}

static bool has_udp(const struct strv *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		if (strcmp(strrchr(ports->v[i], '/'), "/udp") == 0)
			return true;
	return false;
}

static void make_argv(const struct sandbox_spec *spec, struct strv *argv)
{
	strv_add(argv, PROGRAM);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		strv_add(argv, fixed[i]);
	for (size_t i = 0; i < spec->ports.n; i++)
		add_port(argv, spec->ports.v[i]);
	/* Or those of TCP would be meant. */
	if (!has_udp(&spec->ports)) {
		strv_add(argv, "--udp-ports");
		strv_add(argv, "none");
	}
}

static void use(struct network *network, int fd)
{
	struct vmm_nic *nic = &network->nics[0];

	*nic = (struct vmm_nic){.kind = VMM_NIC_STREAM, .fd = fd};
	memcpy(nic->mac, mac, sizeof(mac));
	network->joined[0] = INDEX;
	network->n = 1;
	network->passt = true;
}

int passt_start(struct sandbox *sb, void (*died)(struct helper *helper, int status),
		struct err *err)
{
	_cleanup_free_ char *program = path_find_program(PROGRAM);
	_cleanup_strv_ struct strv argv = STRV_NULL;
	_cleanup_close_ int peer = -EBADF;
	struct proc_spec spec = PROC_SPEC_NULL;
	int fds[2], r;

	if (!program)
		return err_set(err, -ENOENT,
			       "there is no passt on this machine: install it, or take "
			       "--network none");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(err, -errno, "cannot make a socket pair");
	use(&sb->network, fds[0]);
	peer = fds[1];
	make_argv(sb->spec, &argv);
	spec.argv = (const char *const *)argv.v;
	spec.program = program;
	spec.fds = &peer;
	spec.n_fds = 1;
	spec.death_signal = SIGKILL;
	r = helper_start(&sb->passt, sb->loop, PROGRAM, &spec, died, sb);
	if (r == 0 && send(fds[0], hello, sizeof(hello), MSG_NOSIGNAL) < 0)
		r = -errno;
	return r < 0 ? err_errno(err, r, "cannot start %s", program) : 0;
}

static struct net_ip ip_of(const char *text)
{
	struct net_ip ip = {.family = AF_INET};

	(void)inet_pton(AF_INET, text, ip.bytes);
	return ip;
}

void passt_state(struct net_state *ret)
{
	struct net_if *eth = &ret->ifs[0];

	*ret = (struct net_state){.n_ifs = 1, .n_routes = 1};
	eth->index = INDEX;
	strcpy(eth->name, "eth0");
	memcpy(eth->mac, mac, sizeof(mac));
	eth->mtu = MTU;
	eth->up = true;
	eth->n_addrs = 1;
	eth->addrs[0] = (struct net_addr){.ip = ip_of(ADDRESS),
					  .prefix = (uint8_t)strtoul(PREFIX, NULL, 10),
					  .prefix_route = true};
	ret->routes[0] = (struct net_route){.type = RTN_UNICAST,
					    .to = {.family = AF_INET},
					    .gateway = ip_of(GATEWAY),
					    .if_index = INDEX};
}
