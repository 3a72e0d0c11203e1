/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "cmd/opts.h"

/* A word that is no command: what did who typed it want? */

/**
 * struct guess - what a word of other tools is called here
 * @word: as Docker, Podman and runc have it
 * @here: what to type in its place, without "caisson"
 */
struct guess {
	const char *word, *here;
};

/**
 * guess_command() - the command that was meant
 * @commands, @n: there are these; of two words only the last counts
 * @known: words of other tools, ends with {NULL}; it is looked at first
 *
 * Return: what to type, without "caisson"; NULL: nothing is like it. Not to be freed.
 */
const char *guess_command(const char *word, const struct command *const *commands, size_t n,
			  const struct guess *known);

/**
 * guess_refusal() - the message about a word that is no command
 * @group: what precedes it, "" or "image "
 * @meant: what guess_command() said
 *
 * Return: -EINVAL.
 */
int guess_refusal(const char *group, const char *word, const char *meant, struct err *err);
