/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ttrpc/test-peer.h"
#include "ttrpc/test-service.h"

/*
 * Bytes of a client. The first byte of the input says in how large pieces the rest arrives (0: at
 * once). Another client is served all the while, unless a handler has freed the server.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answers(struct peer *peer)
{
	struct ttrpc_response_envelope response;
	struct peer_frame frame;

	while (peer_next(peer, &frame)) {
		struct ttrpc_bytes bytes = {.data = frame.data, .len = frame.head.len};

		if (frame.head.type == TTRPC_FRAME_DATA)
			continue;
		test_int(frame.head.type, TTRPC_FRAME_RESPONSE);
		test_int(ttrpc_envelope_parse_response(bytes, &response), 0);
	}
	if (service_server)
		test_int(peer->in_len - peer->in_at, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer peer, other;
	struct loop loop;

	if (size == 0)
		return 0;
	test_int(loop_init(&loop), 0);
	service_start(&loop, 2);
	test_int(ttrpc_server_add(service_server, peer_init(&peer, &loop)), 0);
	test_int(ttrpc_server_add(service_server, peer_init(&other, &loop)), 0);
	if (data[0] > 0)
		peer.chunk = data[0];
	peer_put(&peer, data + 1, size - 1);
	peer_pump(&peer);
	check_answers(&peer);
	if (service_server) {
		peer_put_request(&other, 1, 0, "test.Echo", "Echo", "alive", 5);
		peer_pump(&other);
		peer_expect_response(&other, 1, 0, "alive", 5);
	}
	peer_close(&peer);
	loop_settle(&loop);
	ttrpc_server_free(service_server);
	test_true(service_n_cancelled <= service_n_kept + size);
	peer_done(&other);
	peer_done(&peer);
	loop_deinit(&loop);
	return 0;
}
