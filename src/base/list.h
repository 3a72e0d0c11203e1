/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/macro.h"

/**
 * struct list - intrusive, circular, doubly linked list; head and members are the same type
 *
 * A member that is in no list points at itself, so list_del() may be called twice.
 */
struct list {
	struct list *next, *prev;
};

#define LIST_NULL(l)                       \
	{                                  \
		.next = &(l), .prev = &(l) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/** list_append() - add @item at the end of @head; @item must be in no list */
static inline void list_append(struct list *head, struct list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

/** list_del() - take @item out of its list; harmless when it is in none */
static inline void list_del(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

#define list_first(head, type, member) container_of((head)->next, type, member)

#define list_for_each(it, head)	       for (struct list *it = (head)->next; it != (head); it = it->next)

/** list_for_each_safe() - the current item may be taken out while walking */
#define list_for_each_safe(it, head)                                              \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)
