/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <sys/types.h>

#include "cmd/client.h"
#include "task_types.pb-c.h"

/*
 * What a running container's shim and guest say of it. It may end at any time: then there is nothing,
 * which is no error. That one of them does not answer is: -ETIMEDOUT in @err.
 */

/* How JSON is written for people to read. */
#define DESCRIBE_JSON \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

/** describe_status() - a state's word. Return: NULL: there is no such state. */
const char *describe_status(Containerd__V1__Types__Status status);

/** describe_state() - "creating", "created", "running", "paused", …. Return: NULL: nobody knows. */
const char *describe_state(struct client *client, const char *id, struct err *err);

/**
 * describe_guest() - its System.Info, while its VM runs
 * @err: why there is none
 *
 * Return: NULL, or an object: json_object_put() it.
 */
struct json_object *describe_guest(struct client *client, struct err *err);

/** describe_shim() - the process that lives as long as the container. Return: 0: it does not. */
pid_t describe_shim(struct client *client, const char *id, struct err *err);
