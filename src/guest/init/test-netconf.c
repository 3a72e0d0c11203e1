/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/netconf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "base/test.h"

static struct netconf conf;
static const char *field;

static int parse(const char *word)
{
	return netconf_parse(word, &conf, &field);
}

static const char *text(const struct netaddr *address)
{
	static char buf[INET6_ADDRSTRLEN];

	return address->family == AF_UNSPEC ? "" : netaddr_text(address, buf);
}

static void test_full(void)
{
	test_int(parse("192.168.100.11:1.2.3.4:192.168.100.1:255.255.255.0:box.example:eth0:off:"
		       "9.9.9.9:1.1.1.1:5.5.5.5"),
		 0);
	test_str(text(&conf.client), "192.168.100.11");
	test_str(text(&conf.gateway), "192.168.100.1");
	test_int(conf.prefix, 24);
	test_str(conf.hostname, "box");
	test_str(conf.device, "eth0");
	test_str(text(&conf.dns[0]), "9.9.9.9");
	test_str(text(&conf.dns[1]), "1.1.1.1");
}

static void test_parts(void)
{
	test_int(parse("10.0.0.1"), 0);
	test_int(conf.prefix, 8);
	test_str(text(&conf.gateway), "");
	test_str(conf.device, "");
	test_str(text(&conf.dns[0]), "");
	test_int(parse("10.0.0.1::0.0.0.0:::eth1:any::8.8.4.4"), 0);
	test_str(text(&conf.gateway), "");
	test_str(text(&conf.dns[0]), "");
	test_str(text(&conf.dns[1]), "8.8.4.4");
}

static void test_netmasks(void)
{
	static const struct {
		const char *word;
		int prefix; /* -1: wrong */
	} cases[] = {
		{"10.0.0.1:::255.255.240.0", 20},
		{"10.0.0.1:::255.255.255.255", 32},
		{"10.0.0.1:::0.0.0.0", 0},
		{"10.0.0.1:::128.0.0.0", 1},
		{"10.0.0.1:::22", 22},
		{"10.0.0.1:::0", 0},
		{"10.0.0.1:::33", -1},
		{"10.0.0.1:::255.0.255.0", -1},
		{"10.0.0.1:::0.0.0.255", -1},
		{"10.0.0.1:::255.255.255", -1},
		{"10.0.0.1:::x", -1},
		{"172.16.0.1", 16},
		{"192.168.0.1", 24},
		{"224.0.0.1", 32},
		{"[fd00::1]", 64},
		{"[fd00::1]:::128", 128},
		{"[fd00::1]:::0", 0},
		{"[fd00::1]:::129", -1},
		{"[fd00::1]:::255.255.0.0", -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = parse(cases[i].word);

		if (r != (cases[i].prefix < 0 ? -EINVAL : 0))
			test_fail("%s gives %d", cases[i].word, r);
		if (r == 0)
			test_int(conf.prefix, cases[i].prefix);
		else
			test_str(field, "netmask");
	}
}

static void test_ipv6(void)
{
	test_int(parse("[fd00::11]:[fd00::9]:[fe80::1]:48:box:eth0:off:[fd00::53]:9.9.9.9"), 0);
	test_str(text(&conf.client), "fd00::11");
	test_str(text(&conf.gateway), "fe80::1");
	test_int(conf.prefix, 48);
	test_str(text(&conf.dns[0]), "fd00::53");
	test_str(text(&conf.dns[1]), "9.9.9.9");
}

static void test_no_address(void)
{
	static const char *const words[] = {"",	       "on", "dhcp", ":::::eth0:dhcp",
					    "0.0.0.0", "::", "[::]"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		test_int(parse(words[i]), NETCONF_E_NO_ADDRESS);
	test_int(parse("off"), NETCONF_E_OFF);
	test_int(parse("none"), NETCONF_E_OFF);
	test_int(parse("offer"), NETCONF_E_NO_ADDRESS);
}

static void test_wrong(void)
{
	static const struct {
		const char *word, *field;
	} cases[] = {
		{"1.2.3", "client"},
		{"1.2.3.4.5", "client"},
		{"fd00::1", "client"},
		{"[fd00::1", "client"},
		{"[1.2.3.4]", "client"},
		{"[fd00::1]x::", "client"},
		{"10.0.0.1::10.0.0", "gateway"},
		{"10.0.0.1::[fd00::1]", "gateway"},
		{"[fd00::1]::10.0.0.1", "gateway"},
		{"10.0.0.1::::a_b/c", "host"},
		{"10.0.0.1:::::eth0/1", "device"},
		{"10.0.0.1:::::sixteen-letters-", "device"},
		{"10.0.0.1:::::::x", "dns0"},
		{"10.0.0.1::::::::x", "dns1"},
	};
	char many[NETCONF_WORD_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (parse(cases[i].word) != -EINVAL)
			test_fail("%s is understood", cases[i].word);
		test_str(field, cases[i].field);
	}
	memset(many, ':', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	test_int(parse(many), -EINVAL);
	many[sizeof(many) - 2] = '\0';
	test_int(parse(many), NETCONF_E_NO_ADDRESS);
}

static void test_command_line(void)
{
	char word[NETCONF_WORD_MAX], line[2 * NETCONF_WORD_MAX] = "ip=";
	const char *at = " quiet ip=1.2.3.4::x  xip=5 ip=\tip=[fd00::1]\n";

	test_true(netconf_next_word(&at, word));
	test_str(word, "1.2.3.4::x");
	test_true(netconf_next_word(&at, word));
	test_str(word, "");
	test_true(netconf_next_word(&at, word));
	test_str(word, "[fd00::1]");
	test_true(!netconf_next_word(&at, word));
	memset(line + 3, 'x', NETCONF_WORD_MAX);
	strcpy(line + 3 + NETCONF_WORD_MAX, " ip=y");
	at = line;
	test_true(netconf_next_word(&at, word));
	test_str(word, "y");
}

int main(void)
{
	test_run(test_full);
	test_run(test_parts);
	test_run(test_netmasks);
	test_run(test_ipv6);
	test_run(test_no_address);
	test_run(test_wrong);
	test_run(test_command_line);
	return 0;
}
