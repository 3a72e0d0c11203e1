/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <protobuf-c/protobuf-c.h>

/**
 * message_to_json() - a message with the names of its fields, for people and their tools
 *
 * Fields that were not set have their defaults, so that what is 0 can be seen; messages that are
 * not there are null. Numbers are numbers, whatever their size; enums are their names in lower case,
 * times are as RFC 3339 writes them.
 *
 * Return: an object; json_object_put() it.
 */
struct json_object *message_to_json(const ProtobufCMessage *message);
