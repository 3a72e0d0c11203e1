/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "peer.h"

/* The C side of interop.go: "serve" on the listening socket inherited as 3, or "call PATH". */
int main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return peer_serve(3);
	if (argc == 3 && strcmp(argv[1], "call") == 0)
		return peer_call(argv[2]);
	test_fail("usage: interop-peer serve | interop-peer call PATH");
}
