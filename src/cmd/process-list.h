/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "cmd/client.h"

/**
 * struct listed - a process of a container, in the container's own numbers
 * @tty: device number as Linux has it in proc(5); 0: none
 * @started: seconds since 1970
 * @used: milliseconds on processors
 * @command: what it says of itself, without characters that could move a cursor
 */
struct listed {
	uint32_t uid;
	int pid, parent, tty;
	uint64_t started, used;
	char *command;
};

struct process_list {
	struct listed *v;
	size_t n;
};

/** process_list_parse() - what System.Processes tells. Return: 0, or -EPROTO: that is none. */
int process_list_parse(const char *text, size_t len, struct process_list *ret);

/**
 * process_list_get() - ask the guest for it
 * @ret: process_list_done() it, whatever is returned
 *
 * Return: 0 or negative errno with a message.
 */
int process_list_get(struct client *client, struct process_list *ret, struct err *err);

/** process_list_print() - as ps(1) with -ef does; @now: seconds since 1970 */
void process_list_print(const struct process_list *list, uint64_t now);

/** process_list_done() - may be called again */
void process_list_done(struct process_list *list);
