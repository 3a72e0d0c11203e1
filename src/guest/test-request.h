/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/rpc.h"
#include "ttrpc/wire.h"

/*
 * Requests that vminitd says yes to, for all methods of all its services, made of the descriptors of
 * their messages; and the same with something else for one field, however deep within it is. What a
 * message needs is in test-request.c's tables: who adds a method or a field that is needed adds a
 * row.
 */

#define REQUEST_DEPTH_MAX 8

/** struct bytes - a growing string of bytes; all zero: empty */
struct bytes {
	uint8_t *data;
	size_t len, size;
};

/** bytes_put() - append; @data may be @to's own */
void bytes_put(struct bytes *to, const void *data, size_t len);
void bytes_put_varint(struct bytes *to, uint64_t value);
void bytes_put_tag(struct bytes *to, uint32_t number, enum ttrpc_wire wire);
void bytes_put_field(struct bytes *to, uint32_t number, const void *data, size_t len);
void bytes_free(struct bytes *bytes);

/**
 * struct request_path - a field of a request
 * @steps: from the outermost field to the one that is meant
 * @within: the message that each of them is in, which within an Any may be the one that it holds
 */
struct request_path {
	struct {
		const ProtobufCFieldDescriptor *field;
		const ProtobufCMessageDescriptor *within;
	} steps[REQUEST_DEPTH_MAX];
	size_t n;
};

/**
 * request_put() - append a message
 * @bundles: containers come as bundles
 * @path: NULL: nothing is left out
 * @instead: encoded, what there is instead of that field: NULL: nothing
 */
void request_put(struct bytes *to, const ProtobufCMessageDescriptor *type, bool bundles,
		 const struct request_path *path, const struct bytes *instead);

/** request_any() - what an Any of a request holds. Return: NULL: it is none, or not of a known type. */
const ProtobufCMessageDescriptor *request_any(const ProtobufCMessageDescriptor *type,
					      const ProtobufCFieldDescriptor *field);
