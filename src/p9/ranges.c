/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/ranges.h"

#include <stdlib.h>

/* Neighbours of one kind are one. */
static void push(struct p9_ranges *r, uint64_t first, uint64_t last, bool write)
{
	struct p9_range *before = r->n > 0 ? &r->v[r->n - 1] : NULL;

	if (before && before->write == write && before->last + 1 == first)
		before->last = last;
	else
		r->v[r->n++] = (struct p9_range){first, last, write};
}

static uint64_t last_of(const struct flock *lock)
{
	return lock->l_len == 0 ? INT64_MAX : (uint64_t)lock->l_start + (uint64_t)lock->l_len - 1;
}

struct p9_ranges *p9_ranges_after(const struct p9_ranges *before, const struct flock *lock)
{
	const uint64_t first = (uint64_t)lock->l_start, last = last_of(lock);
	const size_t n = p9_ranges_count(before);
	/* At most one is divided, and one added. */
	struct p9_ranges *r = malloc(sizeof(*r) + (n + 2) * sizeof(r->v[0]));
	size_t i = 0;

	if (!r)
		return NULL;
	r->n = 0;
	for (; i < n && before->v[i].first < first; i++)
		push(r, before->v[i].first,
		     before->v[i].last < first ? before->v[i].last : first - 1, before->v[i].write);
	if (lock->l_type != F_UNLCK)
		push(r, first, last, lock->l_type == F_WRLCK);
	/* The last that began before it may reach beyond it. */
	for (i = i > 0 ? i - 1 : 0; i < n; i++)
		if (before->v[i].last > last)
			push(r, before->v[i].first > last ? before->v[i].first : last + 1,
			     before->v[i].last, before->v[i].write);
	return r;
}
