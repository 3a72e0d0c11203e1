/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/network-check.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "base/test.h"
#include "guest/network/test-network-request.h"

/* One thing of a good request is changed. */

static void refused(int code, const char *text)
{
	struct err err = ERR_NULL;

	test_int(network_check(&request, &err), code);
	test_str(err.text, text);
}

static void test_good(void)
{
	struct err err = ERR_NULL;

	request_first();
	test_int(network_check(&request, &err), 0);
	request_end();
	request_begin();
	test_int(network_check(&request, &err), 0);
}

#define IF(n) (*request.interfaces[n])
#define RT(n) (*request.routes[n])

static void set_name(const char *name)
{
	free(IF(1).name);
	IF(1).name = strdup(name);
}

static void set_mac(ProtobufCBinaryData *field, const char *text)
{
	free(field->data);
	*field = request_mac(text);
}

static void set_ip(ProtobufCBinaryData *field, const char *text)
{
	free(field->data);
	*field = request_ip(text);
}

static void nic_short(void)
{
	IF(1).nic.len = 5;
}

static void nic_twice(void)
{
	set_mac(&IF(1).nic, NIC_A);
}

static void mac_multicast(void)
{
	set_mac(&IF(1).mac, "01:00:5e:00:00:01");
}

static void mac_zero(void)
{
	set_mac(&IF(1).mac, "00:00:00:00:00:00");
}

static void mtu_small(void)
{
	IF(1).mtu = 67;
}

static void mtu_large(void)
{
	IF(1).mtu = 65536;
}

static void ip_short(void)
{
	IF(0).addresses[1]->ip.len = 3;
}

static void ip_empty(void)
{
	IF(0).addresses[1]->ip.len = 0;
}

static void ip_zero(void)
{
	set_ip(&IF(0).addresses[1]->ip, "0.0.0.0");
}

static void prefix_33(void)
{
	IF(0).addresses[0]->prefix = 33;
}

static void prefix_129(void)
{
	IF(0).addresses[2]->prefix = 129;
}

static void interface_other(void)
{
	RT(0).interface[0] = 'x';
}

static void destination_long(void)
{
	RT(1).destination.len = 5;
}

static void destination_bits(void)
{
	RT(1).prefix = 7;
}

static void destination_family(void)
{
	RT(1).gateway.len = 0;
	set_ip(&RT(1).destination, "fd00::");
}

static void route_prefix(void)
{
	RT(1).prefix = 33;
}

static void default_prefix(void)
{
	RT(0).prefix = 1;
}

static void gateway_family(void)
{
	set_ip(&RT(1).gateway, "fd00::1");
}

static void gateway_zero(void)
{
	set_ip(&RT(1).gateway, "0.0.0.0");
}

static void source_long(void)
{
	RT(1).source.len = 15;
}

static void onlink_alone(void)
{
	RT(3).onlink = true;
}

static void family_none(void)
{
	RT(5).family = 0;
}

static void family_other(void)
{
	RT(0).family = AF_INET6;
}

static void sysctl_other(void)
{
	request_sysctl("net.ipv4.ip_forward", "1");
	request_sysctl("kernel.core_pattern", "|/x");
}

static const struct {
	void (*spoil)(void);
	const char *text;
} bad[] = {
	{nic_short, "interfaces[1].nic: it has to have 6 bytes"},
	{nic_twice, "interfaces[1].nic: another interface has it"},
	{mac_multicast, "interfaces[1].mac: no interface may have this address"},
	{mac_zero, "interfaces[1].mac: no interface may have this address"},
	{mtu_small, "interfaces[1].mtu: it has to be 0, or 68 to 65535"},
	{mtu_large, "interfaces[1].mtu: it has to be 0, or 68 to 65535"},
	{ip_short, "interfaces[0].addresses[1].ip: it has to have 4 or 16 bytes"},
	{ip_empty, "interfaces[0].addresses[1].ip: it has to have 4 or 16 bytes"},
	{ip_zero, "interfaces[0].addresses[1].ip: it is all zero"},
	{prefix_33, "interfaces[0].addresses[0].prefix: it is longer than the address"},
	{prefix_129, "interfaces[0].addresses[2].prefix: it is longer than the address"},
	{interface_other, "routes[0].interface: there is none of this name"},
	{destination_long, "routes[1].destination: it has to have 0, 4 or 16 bytes"},
	{destination_bits, "routes[1].destination: it has bits after its prefix"},
	{destination_family, "routes[1].source: it is of another family than the rest"},
	{route_prefix, "routes[1].prefix: it is longer than the destination"},
	{default_prefix, "routes[0].prefix: it is longer than the destination"},
	{gateway_family, "routes[1].gateway: it is of another family than the rest"},
	{gateway_zero, "routes[1].gateway: it is all zero"},
	{source_long, "routes[1].source: it has to have 0, 4 or 16 bytes"},
	{onlink_alone, "routes[3].onlink: there is no gateway"},
	{family_none, "routes[5].family: it has to be 2 or 10, as that of the addresses"},
	{sysctl_other, "sysctls[1].name: it is not of \"net\""},
	{family_other, "routes[0].family: it has to be 2 or 10, as that of the addresses"},
};

static const struct {
	const char *name, *text;
} bad_names[] = {
	{"", "it has to have 1 to 15 bytes"},
	{"sixteen-letters-", "it has to have 1 to 15 bytes"},
	{".", "no interface may be called so"},
	{"..", "no interface may be called so"},
	{"a/b", "no interface may be called so"},
	{"a:1", "no interface may be called so"},
	{"a b", "no interface may be called so"},
	{"a\nb", "no interface may be called so"},
	{"eth%d", "no interface may be called so"},
	{"all", "no interface may be called so"},
	{"default", "no interface may be called so"},
	{"eth0", "another interface has it"},
};

static void test_bad_fields(void)
{
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		request_first();
		bad[i].spoil();
		refused(-EINVAL, bad[i].text);
		request_end();
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		request_first();
		set_name(bad_names[i].name);
		(void)snprintf(text, sizeof(text), "interfaces[1].name: %s", bad_names[i].text);
		refused(-EINVAL, text);
		request_end();
	}
}

static void test_counts(void)
{
	char name[16], nic[] = "02:00:00:00:01:00";

	request_first();
	while (IF(0).n_addresses <= NETWORK_ADDRESSES_MAX)
		request_address(&IF(0), "10.0.0.9", 24);
	refused(-ENOSPC, "interfaces[0].addresses: at most 64, not 65");
	request_end();
	request_first();
	while (request.n_routes <= NETWORK_ROUTES_MAX)
		request_route("eth0", NULL, 0, "10.0.0.1");
	refused(-ENOSPC, "routes: at most 256, not 257");
	request_end();
	request_first();
	while (request.n_interfaces <= NETWORK_INTERFACES_MAX) {
		(void)snprintf(name, sizeof(name), "x%zu", request.n_interfaces);
		(void)snprintf(nic + 15, 3, "%02zx", request.n_interfaces);
		request_interface(nic, name, NULL);
	}
	refused(-ENOSPC, "interfaces: at most 16, not 17");
	request_end();
	request_first();
	while (request.n_sysctls <= NETWORK_SYSCTLS_MAX)
		request_sysctl("net.x", "1");
	refused(-ENOSPC, "sysctls: at most 64, not 65");
	request_end();
}

int main(void)
{
	test_run(test_good);
	test_run(test_bad_fields);
	test_run(test_counts);
	return 0;
}
