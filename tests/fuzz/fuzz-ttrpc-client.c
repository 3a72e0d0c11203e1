/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ttrpc/client.h"
#include "ttrpc/test-peer.h"

/*
 * Bytes of a server, for a client with two calls and two streams under way. The first byte of the
 * input says in how large pieces the rest arrives (0: at once). Each call must end exactly once.
 */

#define N_CALLS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ttrpc_request requests[N_CALLS];
static int n_done[N_CALLS];
static size_t sum;

/* Read it all, so that a sanitizer sees what is not there. */
static void touch(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += data[i];
}

static void done(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	n_done[req - requests]++;
	test_true(answer->code >= TTRPC_OK && answer->code <= TTRPC_UNAUTHENTICATED);
	touch((const uint8_t *)answer->message, strlen(answer->message));
	touch(answer->payload, answer->payload_len);
}

static void received(struct ttrpc_request *req, const uint8_t *data, size_t len)
{
	test_int(n_done[req - requests], 0);
	touch(data, len);
}

static void start(struct ttrpc_client *client)
{
	for (size_t i = 0; i < N_CALLS; i++) {
		int r;

		ttrpc_request_init(&requests[i]);
		n_done[i] = 0;
		if (i < 2)
			r = ttrpc_client_call(client, &requests[i], "s", "m", "", 0, 0, done);
		else
			r = ttrpc_client_stream(client, &requests[i], "s", "m", "", 0, i > 2,
						received, done);
		test_int(r, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ttrpc_client *client;
	struct peer peer;
	struct loop loop;

	if (size == 0)
		return 0;
	test_int(loop_init(&loop), 0);
	test_int(ttrpc_client_new(&loop, peer_init(&peer, &loop), NULL, NULL, &client), 0);
	start(client);
	if (data[0] > 0)
		peer.chunk = data[0];
	peer_put(&peer, data + 1, size - 1);
	peer_pump(&peer);
	peer_close(&peer);
	loop_settle(&loop);
	for (size_t i = 0; i < N_CALLS; i++)
		test_int(n_done[i], 1);
	ttrpc_client_free(client);
	peer_done(&peer);
	loop_deinit(&loop);
	return 0;
}
