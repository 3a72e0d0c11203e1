/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/service-variable.h"

#include "base/macro.h"
#include "base/test.h"

static const struct {
	const char *word;
	bool is;
} rows[] = {
	{"X_SERVICE_HOST=10.0.0.1", true},
	{"X_Y_SERVICE_PORT=80", true},
	{"X_SERVICE_PORT_HTTP=80", true},
	{"X_SERVICE_PORT_HTTP_2=80", true},
	{"X_PORT=tcp://10.0.0.1:80", true},
	{"X_PORT_80_TCP=tcp://10.0.0.1:80", true},
	{"X_PORT_80_TCP_PROTO=tcp", true},
	{"X_PORT_80_TCP_PORT=80", true},
	{"X_PORT_53_UDP_ADDR=10.0.0.1", true},
	{"X_PORT_9_SCTP=sctp://[fd00::1]:9", true},
	{"X_PORT=80", false},
	{"X_PORT", false},
	{"_PORT=tcp://10.0.0.1:80", false},
	{"_SERVICE_HOST=10.0.0.1", false},
	{"_SERVICE_PORT_HTTP=80", false},
	{"_PORT_80_TCP=", false},
	{"X_SERVICE_PORT_=80", false},
	{"X_SERVICE_HOST", false},
	{"X_SERVICE=1", false},
	{"X_PORT__TCP=", false},
	{"X_PORT_80=", false},
	{"X_PORT_80_ICMP=", false},
	{"X80_TCP=", false},
	{"X=Y_SERVICE_HOST=1", false},
	{"X=Y_SERVICE_PORT_Z=1", false},
	{"=", false},
	{"", false},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (service_variable(rows[i].word) != rows[i].is)
			test_fail("%s", rows[i].word);
	return 0;
}
