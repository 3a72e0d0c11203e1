/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/table.h"

#include <errno.h>

_Static_assert(TABLE_SLOTS < UINT16_MAX, "links are 16 bits");

static uint16_t link_to(const struct table *table, const struct conn *conn)
{
	return (uint16_t)(conn - table->slots + 1);
}

struct conn *table_alloc(struct table *table)
{
	struct conn *conn;

	if (table->free) {
		conn = &table->slots[table->free - 1];
		table->free = conn->next;
	} else if (table->touched < table->limit) {
		conn = &table->slots[table->touched++];
	} else {
		return NULL;
	}
	table->n_used++;
	*conn = (struct conn){.io = LOOP_IO_NULL};
	loop_timer_init(&conn->timer);
	list_init(&conn->control);
	list_init(&conn->run);
	return conn;
}

void table_free(struct table *table, struct conn *conn)
{
	conn->state = CONN_FREE;
	conn->next = table->free;
	table->free = link_to(table, conn);
	table->n_used--;
}

/* Both ports are mixed into the upper bits of a product with a large odd number. */
static uint16_t *bucket(struct table *table, uint32_t host_port, uint32_t guest_port)
{
	uint64_t key = (uint64_t)host_port << 32 | guest_port;

	key = (key ^ key >> 29) * UINT64_C(0x9e3779b97f4a7c15);
	return &table->buckets[(key >> 40) % TABLE_BUCKETS];
}

void table_insert(struct table *table, struct conn *conn)
{
	uint16_t *link = bucket(table, conn->host_port, conn->guest_port);

	conn->next = *link;
	conn->hashed = true;
	*link = link_to(table, conn);
}

void table_remove(struct table *table, struct conn *conn)
{
	uint16_t *link = bucket(table, conn->host_port, conn->guest_port);

	if (!conn->hashed)
		return;
	while (*link != link_to(table, conn))
		link = &table->slots[*link - 1].next;
	*link = conn->next;
	conn->hashed = false;
}

struct conn *table_find(struct table *table, uint32_t host_port, uint32_t guest_port)
{
	for (uint16_t at = *bucket(table, host_port, guest_port); at;) {
		struct conn *conn = &table->slots[at - 1];

		if (conn->host_port == host_port && conn->guest_port == guest_port)
			return conn;
		at = conn->next;
	}
	return NULL;
}

uint32_t table_new_port(struct table *table, uint32_t guest_port)
{
	uint32_t port = table->last_port;

	/* There are far more ports than slots, so this ends. */
	do
		port = port < TABLE_PORT_FIRST || port >= TABLE_PORT_LAST ? TABLE_PORT_FIRST
									  : port + 1;
	while (table_find(table, port, guest_port));
	table->last_port = port;
	return port;
}
