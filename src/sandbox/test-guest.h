/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/dial.h"

/*
 * For tests: a guest's vsock ports as caisson-vsockd shows them, served in the test's own loop.
 * Each step of a connection ends loop_run(), see run_until().
 */

/* Everything that happens calls loop_quit(), so a condition is looked at after each event. */
#define run_until(loop, condition)                   \
	do {                                         \
		while (!(condition))                 \
			test_int(loop_run(loop), 0); \
	} while (0)

#define TEST_PEERS_MAX 16

enum test_peer_state {
	TEST_PEER_NONE,
	TEST_PEER_CONNECTED, /* nothing asked yet */
	TEST_PEER_ASKED,     /* got "CONNECT", @line has it */
	TEST_PEER_GREETED,   /* got the id of a stream, @line has it */
};

/**
 * struct test_guest - what serves
 * @path: the socket; owned
 * @answer: to "CONNECT"; NULL: none, "": hang up
 * @greeting: to the id of a stream, as it goes over the wire; NULL: the same
 */
struct test_guest {
	struct loop *loop;
	char *path;
	struct guest_address address;
	struct loop_io accept;
	const char *answer, *greeting;
	size_t greeting_len;
	struct test_peer {
		struct test_guest *guest;
		struct loop_io io;
		enum test_peer_state state;
		bool is_rpc; /* to the port of TTRPC: what follows is for the test to read */
		int fd;
		char line[80];
		size_t len;
	} peers[TEST_PEERS_MAX];
	size_t n;
};

/** test_guest_start() - serve on a socket in @folder */
void test_guest_start(struct test_guest *guest, struct loop *loop, const char *folder);

/** test_guest_stop() - close everything, and remove the socket */
void test_guest_stop(struct test_guest *guest);

/** test_guest_stream() - the connection whose id begins with @kind, blocking; NULL: none yet */
struct test_peer *test_guest_stream(struct test_guest *guest, const char *kind);

/** test_peer_close() - hang up */
void test_peer_close(struct test_peer *peer);
