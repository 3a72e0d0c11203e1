/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "ttrpc/status.h"

/**
 * oci_undress() - on a terminal crun writes in red, and when it was: take that away
 * @words: a line, its control characters replaced by "?"
 */
void oci_undress(char *words);

/**
 * oci_explain() - what crun's last words mean to who called
 * @words: a line of crun's log; "": it said nothing
 * @text: in the words that callers of runc know, and that begin with ABI_COMMAND_MARK where the
 *	command is to blame
 *
 * Return: the code to answer with.
 */
enum ttrpc_code oci_explain(const char *words, char *text, size_t size);
