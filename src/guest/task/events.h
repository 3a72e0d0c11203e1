/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "ttrpc/server.h"

/*
 * The exchange: what happens in the guest, told to all who subscribed, in order. Service
 * "caisson.guest.v1.Events", method Stream.
 *
 * Nobody waits for a subscriber: one that does not read fast enough misses events, and is told how
 * many as soon as it reads again (EventsLost). What waits for it is bounded by ttrpc_call_send().
 */

#define EVENTS_SUBSCRIBERS_MAX 8

/**
 * struct events_subscriber - a stream under way
 * @call: NULL: a free place
 * @lost: how many events it has missed since it was last told
 */
struct events_subscriber {
	struct ttrpc_call *call;
	uint64_t lost;
};

struct events {
	struct events_subscriber subscribers[EVENTS_SUBSCRIBERS_MAX];
};

/** events_init() - an exchange without subscribers. Return: its service; @events is its userdata */
struct ttrpc_service events_init(struct events *events);

/**
 * events_publish() - tell all who listen now
 * @topic: as containerd names them, "/tasks/exit"
 * @event: not needed once this returns
 *
 * Without subscribers this costs next to nothing.
 */
void events_publish(struct events *events, const char *topic, const ProtobufCMessage *event);
