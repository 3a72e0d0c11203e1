/* SPDX-License-Identifier: Apache-2.0 */
#include "image/hashing.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/thread.h"

#define PIECE_SIZE  (256u << 10)
#define PIECES	    16
#define PIPE_PIECES (HASHING_PIPE_SIZE / PIECE_SIZE)

/*
 * A ring of pieces. Of three counters that only grow, @filled is the adder's, @hashed the thread's and
 * @taken the taker's, who has the piece after it if it @takes; where nobody takes it is as @filled.
 * The lock is for them and for the flags. The piece after @filled belongs to the adder, with @n bytes,
 * once it is hashed and taken. Pieces that are full may be read by the adder until it fills them again.
 */
struct hashing_thread {
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t filled, hashed, taken, n;
	bool pipe, takes, closed, refused, ends, dropped;
	struct hash hash;
	size_t count;
	struct piece {
		size_t len;
		unsigned char data[PIECE_SIZE];
	} pieces[];
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
		p = &t->pieces[t->hashed % t->count];
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
		must(pthread_cond_broadcast(&t->changed));
		must(pthread_mutex_unlock(&t->lock));
	}
	return NULL;
}

static void begin(struct hashing *h, size_t count)
{
	struct hashing_thread *t = xcalloc(1, sizeof(*t) + count * sizeof(t->pieces[0]));

	must(pthread_mutex_init(&t->lock, NULL));
	must(pthread_cond_init(&t->changed, NULL));
	hash_begin(&t->hash);
	t->count = count;
	h->thread = t;
}

void hashing_begin(struct hashing *h)
{
	begin(h, PIECES);
	h->thread->id = thread_start(run, h->thread);
}

void hashing_begin_pipe(struct hashing *h)
{
	begin(h, PIPE_PIECES);
	h->thread->pipe = true;
	h->thread->id = thread_start(run, h->thread);
}

/* The piece that was filled is the thread's. */
static void hand_over(struct hashing_thread *t)
{
	t->pieces[t->filled % t->count].len = t->n;
	t->n = 0;
	must(pthread_mutex_lock(&t->lock));
	t->filled++;
	if (!t->pipe)
		t->taken = t->filled;
	must(pthread_cond_broadcast(&t->changed));
	must(pthread_mutex_unlock(&t->lock));
}

/* The next one must be free before it is ours. Return: it, or NULL: nobody takes any. */
static struct piece *own_piece(struct hashing_thread *t)
{
	bool refused;

	must(pthread_mutex_lock(&t->lock));
	while (t->filled - MIN(t->hashed, t->taken) == t->count && !t->refused)
		must(pthread_cond_wait(&t->changed, &t->lock));
	refused = t->refused;
	must(pthread_mutex_unlock(&t->lock));
	return refused ? NULL : &t->pieces[t->filled % t->count];
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

bool hashing_add(struct hashing *h, const void *data, size_t len)
{
	struct hashing_thread *t = h->thread;
	const unsigned char *p = data;

	while (len > 0) {
		size_t n = MIN(len, PIECE_SIZE - t->n);
		struct piece *piece = own_piece(t);

		if (!piece)
			return false;
		memcpy(piece->data + t->n, p, n);
		t->n += n;
		p += n;
		len -= n;
		if (t->n == PIECE_SIZE)
			hand_over(t);
	}
	return true;
}

static void set(struct hashing_thread *t, bool *flag)
{
	must(pthread_mutex_lock(&t->lock));
	*flag = true;
	must(pthread_cond_broadcast(&t->changed));
	must(pthread_mutex_unlock(&t->lock));
}

void hashing_close(struct hashing *h)
{
	if (h->thread->n > 0)
		hand_over(h->thread);
	set(h->thread, &h->thread->closed);
}

size_t hashing_take(struct hashing *h, const void **ret)
{
	struct hashing_thread *t = h->thread;
	const struct piece *p = &t->pieces[0];

	must(pthread_mutex_lock(&t->lock));
	if (t->takes) {
		t->taken++;
		must(pthread_cond_broadcast(&t->changed));
	}
	while (t->filled == t->taken && !t->closed)
		must(pthread_cond_wait(&t->changed, &t->lock));
	t->takes = t->filled != t->taken;
	if (t->takes)
		p = &t->pieces[t->taken % t->count];
	must(pthread_mutex_unlock(&t->lock));
	*ret = p->data;
	return t->takes ? p->len : 0;
}

void hashing_refuse(struct hashing *h)
{
	set(h->thread, &h->thread->refused);
}

static void stop(struct hashing_thread *t, bool drop)
{
	must(pthread_mutex_lock(&t->lock));
	t->ends = true;
	t->dropped = drop;
	must(pthread_cond_broadcast(&t->changed));
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
	free(t);
}
