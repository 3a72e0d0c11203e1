/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "ttrpc/wire.h"

/**
 * rpc_check_text() - look at all strings of a packed message, and of messages within it
 * @type: none that contains itself
 * @utf8: that they must be UTF-8, too; protobuf-c lets anything pass
 * @ret_field: set with -EILSEQ: the name of the field that is not in order
 *
 * A string that has a NUL is not in order: here it would be a shorter one than it is for its sender.
 *
 * Return: 0, -EILSEQ, or -EBADMSG when the message does not parse.
 */
int rpc_check_text(const ProtobufCMessageDescriptor *type, struct ttrpc_bytes message, bool utf8,
		   const char **ret_field);
