/* SPDX-License-Identifier: Apache-2.0 */
#include "image/hashing.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

#define PIECES	   16
#define PIECE_SIZE (256u << 10)

/*
 * A ring of pieces. Of two counters that only grow, @filled is the adder's and @hashed the thread's;
 * the lock is for both, and for @ends. The piece after @filled belongs to the adder, with @n bytes,
 * once it is hashed. Pieces that are full may be read by the adder until it fills them again.
 */
struct hashing_thread {
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t filled, hashed, n;
	bool ends, dropped;
	struct hash hash;
	struct piece {
		size_t len;
		unsigned char data[PIECE_SIZE];
	} pieces[PIECES];
};

static void must(int r)
{
	if (r != 0)
		abort();
}

/* Return: the next piece, or NULL: there will be none. */
static const struct piece *next_piece(struct hashing_thread *t)
{
	const struct piece *p = NULL;

	must(pthread_mutex_lock(&t->lock));
	while (t->filled == t->hashed && !t->ends)
		must(pthread_cond_wait(&t->changed, &t->lock));
	if (t->filled != t->hashed && !t->dropped)
		p = &t->pieces[t->hashed % PIECES];
	must(pthread_mutex_unlock(&t->lock));
	return p;
}

static void *run(void *userdata)
{
	struct hashing_thread *t = userdata;
	const struct piece *p;

	while ((p = next_piece(t))) {
		hash_add(&t->hash, p->data, p->len);
		must(pthread_mutex_lock(&t->lock));
		t->hashed++;
		must(pthread_cond_signal(&t->changed));
		must(pthread_mutex_unlock(&t->lock));
	}
	return NULL;
}

/* Signals are for the thread that is there already, whose waiting they are to interrupt. */
static void start(struct hashing_thread *t)
{
	sigset_t all, before;

	must(sigfillset(&all));
	must(pthread_sigmask(SIG_SETMASK, &all, &before));
	must(pthread_create(&t->id, NULL, run, t));
	must(pthread_sigmask(SIG_SETMASK, &before, NULL));
}

void hashing_begin(struct hashing *h)
{
	struct hashing_thread *t = xcalloc(1, sizeof(*t));

	must(pthread_mutex_init(&t->lock, NULL));
	must(pthread_cond_init(&t->changed, NULL));
	hash_begin(&t->hash);
	start(t);
	h->thread = t;
}

/* The piece that was filled is the thread's. */
static void hand_over(struct hashing_thread *t)
{
	t->pieces[t->filled % PIECES].len = t->n;
	t->n = 0;
	must(pthread_mutex_lock(&t->lock));
	t->filled++;
	must(pthread_cond_signal(&t->changed));
	must(pthread_mutex_unlock(&t->lock));
}

/* The next one must be free before it is ours. */
static struct piece *own_piece(struct hashing_thread *t)
{
	must(pthread_mutex_lock(&t->lock));
	while (t->filled - t->hashed == PIECES)
		must(pthread_cond_wait(&t->changed, &t->lock));
	must(pthread_mutex_unlock(&t->lock));
	return &t->pieces[t->filled % PIECES];
}

void *hashing_room(struct hashing *h, size_t *ret_size)
{
	struct hashing_thread *t = h->thread;

	if (t->n > 0)
		hand_over(t);
	*ret_size = PIECE_SIZE;
	return own_piece(t)->data;
}

void hashing_added(struct hashing *h, size_t len)
{
	h->thread->n = len;
	if (len > 0)
		hand_over(h->thread);
}

void hashing_add(struct hashing *h, const void *data, size_t len)
{
	struct hashing_thread *t = h->thread;
	const unsigned char *p = data;

	while (len > 0) {
		size_t n = MIN(len, PIECE_SIZE - t->n);

		memcpy(own_piece(t)->data + t->n, p, n);
		t->n += n;
		p += n;
		len -= n;
		if (t->n == PIECE_SIZE)
			hand_over(t);
	}
}

static void stop(struct hashing_thread *t, bool drop)
{
	must(pthread_mutex_lock(&t->lock));
	t->ends = true;
	t->dropped = drop;
	must(pthread_cond_signal(&t->changed));
	must(pthread_mutex_unlock(&t->lock));
	must(pthread_join(t->id, NULL));
	(void)pthread_cond_destroy(&t->changed);
	(void)pthread_mutex_destroy(&t->lock);
}

void hashing_end(struct hashing *h, struct digest *ret)
{
	struct hashing_thread *t = take_ptr(h->thread);

	if (t->n > 0)
		hand_over(t);
	stop(t, false);
	hash_end(&t->hash, ret);
	free(t);
}

void hashing_done(struct hashing *h)
{
	struct hashing_thread *t = take_ptr(h->thread);

	if (!t)
		return;
	stop(t, true);
	hash_done(&t->hash);
	free(t);
}
