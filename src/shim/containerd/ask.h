/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "rpc/rpc.h"

/**
 * shim_ask() - ask a shim one thing, and wait for the answer
 * @socket: its path
 * @patience: nanoseconds
 * @type, @ret: of the answer; rpc_free() it. NULL: what is in it does not matter
 *
 * Return: 0 or negative errno: -ETIMEDOUT: it does not answer; -ECONNREFUSED, -ENOENT: nobody is there.
 */
int shim_ask(const char *socket, const char *method, const ProtobufCMessage *request,
	     uint64_t patience, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret);
