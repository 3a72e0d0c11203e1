/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/**
 * struct tar_step - of a command, in the order of its words
 * @enters: it is a folder to enter; else it is to be packed
 */
struct tar_step {
	bool enters;
	const char *path;
};

/**
 * struct tar_command - what the words of a command say
 * @creates: else it extracts
 * @file: of the archive; "-" is stdout, or stdin
 * @flags: TAR_UNPACK_*
 */
struct tar_command {
	bool creates;
	const char *file;
	unsigned int flags;
	size_t n_steps;
	struct tar_step *steps;
};

/**
 * tar_command_parse() - as GNU tar takes them: "cf - a", "-cf - a", "-x -f - -C folder"
 * @argv: with argv[0]; outlives @ret
 * @superuser: who extracts: others do not keep owners, nor modes that their umask is against
 * @ret: end with tar_command_done(), on failure too
 *
 * Return: 0 or negative errno with a message, which names the option that is not known.
 */
int tar_command_parse(int argc, char **argv, bool superuser, struct tar_command *ret,
		      struct err *err);

/** tar_command_done() - may be called again */
void tar_command_done(struct tar_command *command);
