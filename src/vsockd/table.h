/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vsockd/conn.h"

/*
 * All connections: a fixed number of slots, found by their two ports through a hash table. Slots
 * used lately are used again first, and memory of slots never used is never touched.
 */

#define TABLE_SLOTS   1280
#define TABLE_BUCKETS 2048

/* Ports of connections that the host opens, as Firecracker numbers them. */
#define TABLE_PORT_FIRST UINT32_C(0x40000000)
#define TABLE_PORT_LAST	 UINT32_C(0x7fffffff)

/**
 * struct table - zeroed memory is an empty table, but for @limit
 * @limit: slots that may be used, at most TABLE_SLOTS
 * @touched: slots that were used at least once
 * @n_used: slots in use
 * @free: first free one below @touched: index + 1, or 0
 * @last_port: port of the host given out last; 0 before the first
 */
struct table {
	struct conn slots[TABLE_SLOTS];
	uint16_t buckets[TABLE_BUCKETS];
	uint16_t limit, touched, n_used, free;
	uint32_t last_port;
};

/** table_alloc() - a slot, zeroed except for its lists, timer and descriptor; NULL: none is free */
struct conn *table_alloc(struct table *table);

/** table_free() - give a slot back; it must not be hashed */
void table_free(struct table *table, struct conn *conn);

/** table_insert() - let it be found by its ports, which no other one has */
void table_insert(struct table *table, struct conn *conn);

/** table_remove() - undo table_insert(); harmless when not inserted */
void table_remove(struct table *table, struct conn *conn);

/** table_find() - the connection between two ports, or NULL */
struct conn *table_find(struct table *table, uint32_t host_port, uint32_t guest_port);

/** table_new_port() - a port of the host that no connection to @guest_port uses */
uint32_t table_new_port(struct table *table, uint32_t guest_port);
