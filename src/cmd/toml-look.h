/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * Looking for a value in somebody else's TOML, where it is written as people do: a key and a string, or a word,
 * on a line of its own.
 */

/** toml_value() - what the first line with @key says, without quotation marks; free() it. NULL: none does. */
char *toml_value(const char *text, const char *key);

/** toml_list_has() - whether @word is one of the strings of the first list that @key has, on one line or several */
bool toml_list_has(const char *text, const char *key, const char *word);

/**
 * toml_table_with() - the last part of the name of a table in which a key has a value: "caisson" of
 *	[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.caisson]
 * @end: of the value
 * @ret_value: if not NULL: all of it, to be freed; as it was, where there is none
 *
 * Return: the first one's, to be freed; NULL: there is none.
 */
char *toml_table_with(const char *text, const char *key, const char *end, char **ret_value);
