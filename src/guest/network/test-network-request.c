/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/test-network-request.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/test.h"

Caisson__Guest__V1__ConfigureRequest request;

ProtobufCBinaryData request_mac(const char *text)
{
	ProtobufCBinaryData ret = {.len = 0};
	unsigned int byte[6];

	if (!text)
		return ret;
	ret.data = malloc(6);
	test_true(ret.data);
	test_int(sscanf(text, "%x:%x:%x:%x:%x:%x", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
			&byte[5]),
		 6);
	for (; ret.len < 6; ret.len++)
		ret.data[ret.len] = (uint8_t)byte[ret.len];
	return ret;
}

ProtobufCBinaryData request_ip(const char *text)
{
	ProtobufCBinaryData ret = {.len = 0};

	if (!text)
		return ret;
	ret.data = malloc(16);
	test_true(ret.data);
	ret.len = strchr(text, ':') ? 16 : 4;
	test_int(inet_pton(ret.len == 16 ? AF_INET6 : AF_INET, text, ret.data), 1);
	return ret;
}

static void *grow(void *list, size_t n, size_t size, void **ret_new)
{
	void **grown = realloc(list, (n + 1) * sizeof(*grown));

	*ret_new = calloc(1, size);
	test_true(grown && *ret_new);
	grown[n] = *ret_new;
	return grown;
}

Caisson__Guest__V1__Interface *request_interface(const char *nic, const char *name,
						 const char *address)
{
	void *new;
	Caisson__Guest__V1__Interface *i;

	request.interfaces = grow(request.interfaces, request.n_interfaces++, sizeof(*i), &new);
	i = new;
	caisson__guest__v1__interface__init(i);
	i->nic = request_mac(nic);
	i->name = strdup(name);
	i->mac = request_mac(address);
	return i;
}

void request_address(Caisson__Guest__V1__Interface *i, const char *text, uint32_t prefix)
{
	void *new;
	Caisson__Guest__V1__Address *a;

	i->addresses = grow(i->addresses, i->n_addresses++, sizeof(*a), &new);
	a = new;
	caisson__guest__v1__address__init(a);
	a->ip = request_ip(text);
	a->prefix = prefix;
}

Caisson__Guest__V1__Route *request_route(const char *interface, const char *destination,
					 uint32_t prefix, const char *gateway)
{
	void *new;
	Caisson__Guest__V1__Route *r;

	request.routes = grow(request.routes, request.n_routes++, sizeof(*r), &new);
	r = new;
	caisson__guest__v1__route__init(r);
	r->interface = strdup(interface);
	r->destination = request_ip(destination);
	r->prefix = prefix;
	r->gateway = request_ip(gateway);
	return r;
}

void request_sysctl(const char *name, const char *value)
{
	void *new;
	Caisson__Guest__V1__Sysctl *s;

	request.sysctls = grow(request.sysctls, request.n_sysctls++, sizeof(*s), &new);
	s = new;
	caisson__guest__v1__sysctl__init(s);
	s->name = strdup(name);
	s->value = strdup(value);
}

void request_begin(void)
{
	caisson__guest__v1__configure_request__init(&request);
}

void request_end(void)
{
	for (size_t i = 0; i < request.n_interfaces; i++)
		caisson__guest__v1__interface__free_unpacked(request.interfaces[i], NULL);
	for (size_t i = 0; i < request.n_routes; i++)
		caisson__guest__v1__route__free_unpacked(request.routes[i], NULL);
	for (size_t i = 0; i < request.n_sysctls; i++)
		caisson__guest__v1__sysctl__free_unpacked(request.sysctls[i], NULL);
	free(request.interfaces);
	free(request.routes);
	free(request.sysctls);
}

void request_first(void)
{
	Caisson__Guest__V1__Interface *i;
	Caisson__Guest__V1__Route *r;

	request_begin();
	i = request_interface(NIC_A, "eth0", "02:42:ac:11:00:02");
	i->mtu = 1400;
	request_address(i, "10.0.0.2", 24);
	request_address(i, "10.0.0.3", 24);
	request_address(i, "fd00::2", 64);
	request_address(i, "fe80::42", 64);
	/* With what was the other one's. */
	i = request_interface(NIC_B, "eth1", NIC_A);
	request_address(i, "192.168.7.5", 32);
	request_address(i, "fd07::5", 128);

	request_route("eth0", NULL, 0, "10.0.0.1");
	r = request_route("eth0", "10.9.0.0", 16, "10.0.0.254");
	r->source = request_ip("10.0.0.3");
	r->metric = 50;
	/* The gateway is where the next one leads. */
	request_route("eth1", "203.0.113.0", 24, "198.51.100.1");
	request_route("eth1", "198.51.100.1", 32, NULL);
	r = request_route("eth1", NULL, 0, "169.254.1.1");
	r->onlink = true;
	r->metric = 200;
	r = request_route("eth1", NULL, 0, NULL);
	r->family = AF_INET;
	r->metric = 300;

	request_route("eth0", NULL, 0, "fd00::1");
	r = request_route("eth1", "fd01::", 48, NULL);
	r->source = request_ip("fd07::5");
	r->metric = 5;
	r = request_route("eth1", "fd02::", 48, "fe80::7");
	r->onlink = true;
	r = request_route("eth1", NULL, 0, NULL);
	r->family = AF_INET6;
	r->metric = 9000;
	/* As the kernel makes it. */
	r = request_route("eth0", "10.0.0.0", 24, NULL);
	r->source = request_ip("10.0.0.2");
}
