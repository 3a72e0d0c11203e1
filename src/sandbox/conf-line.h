/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/strv.h"

/*
 * A line of the configuration, in the part of TOML that it needs:
 *
 *	# a comment
 *	[table]
 *	key = "text"		# also 'text', a number, and a list: ["a", "b"]
 *	other.key = text	# as "text", which is more than TOML allows
 */

#define CONF_NAME_MAX 64

/**
 * struct conf_reader - where in a file one is
 * @table: what keys are in; empty: in none
 */
struct conf_reader {
	char table[CONF_NAME_MAX];
};

/**
 * conf_line_read() - understand a line
 * @line: is written to
 * @ret_key: CONF_NAME_MAX bytes, the key with its table; empty: nothing is said of any
 * @ret_values: what it is set to: one, or those of a list are added
 *
 * Return: NULL, or what is wrong with the line.
 */
const char *conf_line_read(struct conf_reader *reader, char *line, char ret_key[CONF_NAME_MAX],
			   struct strv *ret_values);
