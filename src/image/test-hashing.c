/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "base/test.h"
#include "image/hashing.h"
#include "image/thread.h"

/* More than there is room for in the ring, in pieces of another size than its own. */
#define ROUNDS	   3000
#define ROUND_SIZE 9973

/* struct pipe - @rounds: how many were added */
struct pipe {
	struct hashing hashing;
	_Atomic int rounds;
};

static void *add(void *userdata)
{
	struct pipe *p = userdata;
	char data[ROUND_SIZE];

	for (p->rounds = 0; p->rounds < ROUNDS; p->rounds++) {
		memset(data, p->rounds, sizeof(data));
		if (!hashing_add(&p->hashing, data, sizeof(data)))
			break;
	}
	hashing_close(&p->hashing);
	return NULL;
}

static void what_is_added_is_taken_and_hashed(void)
{
	struct pipe p = {.hashing = HASHING_NULL};
	struct digest have, want;
	struct hash hash;
	const void *data;
	uint64_t all = 0;
	pthread_t adder;
	size_t n;

	hashing_begin_pipe(&p.hashing);
	adder = thread_start(add, &p);
	hash_begin(&hash);
	while ((n = hashing_take(&p.hashing, &data)) > 0) {
		hash_add(&hash, data, n);
		test_int(((const unsigned char *)data)[0], (int)(all / ROUND_SIZE & 0xff));
		all += n;
	}
	test_int(hashing_take(&p.hashing, &data), 0);
	test_int(pthread_join(adder, NULL), 0);
	test_int(all, (uint64_t)ROUNDS * ROUND_SIZE);
	hashing_end(&p.hashing, &have);
	hash_end(&hash, &want);
	test_str(have.text, want.text);
}

static void who_takes_no_more_keeps_nobody_waiting(void)
{
	struct pipe p = {.hashing = HASHING_NULL};
	const void *data;
	pthread_t adder;

	hashing_begin_pipe(&p.hashing);
	adder = thread_start(add, &p);
	test_true(hashing_take(&p.hashing, &data) > 0);
	while (p.rounds < (int)(HASHING_PIPE_SIZE / ROUND_SIZE))
		(void)sched_yield();
	hashing_refuse(&p.hashing);
	test_int(pthread_join(adder, NULL), 0);
	/* Without anybody who takes, it could not have added all. */
	test_true(p.rounds < ROUNDS);
	hashing_done(&p.hashing);
	test_true(!hashing_runs(&p.hashing));
}

int main(void)
{
	test_run(what_is_added_is_taken_and_hashed);
	test_run(who_takes_no_more_keeps_nobody_waiting);
	return 0;
}
