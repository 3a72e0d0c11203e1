/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/port-option.h"

#include <errno.h>

#include "base/mem.h"
#include "base/test.h"

static void good(void)
{
	static const char *const cases[][2] = {
		{"8080:80", "8080:80/tcp"},
		{"8080:80/tcp", "8080:80/tcp"},
		{"53:5353/udp", "53:5353/udp"},
		{"127.0.0.1:1:65535", "127.0.0.1:1:65535/tcp"},
		{"0.0.0.0:1:2/udp", "0.0.0.0:1:2/udp"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = NULL;

		test_int(port_option(cases[i][0], &got, NULL), 0);
		test_str(got, cases[i][1]);
	}
}

static void bad(void)
{
	static const char *const cases[] = {"",
					    "80",
					    ":80",
					    "80:",
					    "0:80",
					    "65536:80",
					    "80:x",
					    "80:80/sctp",
					    "80:80/",
					    "a:80:80",
					    "1.2.3:80:80",
					    "80-90:80-90",
					    "[::1]:80:80",
					    ":80:80",
					    "1.2.3.4::80",
					    "1:2:3:4"};
	char *got = NULL;
	struct err err = ERR_NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (port_option(cases[i], &got, &err) != -EINVAL)
			test_fail("%s is not refused", cases[i]);
	test_true(strstr(err.text, "--publish 1:2:3:4: say HOSTPORT:PORT"));
}

int main(void)
{
	test_run(good);
	test_run(bad);
	return 0;
}
