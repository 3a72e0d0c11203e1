/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts of statuses: longer ones are cut. */
#define TTRPC_TEXT_MAX 2048

/* Those of a peer that is not trusted (ttrpc_client_distrust()). */
#define TTRPC_LINE_MAX 500

/**
 * ttrpc_text_clean() - make bytes of unknown origin fit to be sent and shown
 *
 * What is not UTF-8, and control characters but for newline and tab, becomes '?': a protobuf
 * string with other bytes makes a Go client drop the whole answer, and a text from a guest must not
 * reach a terminal as an escape sequence.
 */
void ttrpc_text_clean(char *text, size_t len);

/** ttrpc_text_line() - the same, and one line: newlines and tabs become blanks */
void ttrpc_text_line(char *text, size_t len);

/** ttrpc_text_valid() - true for UTF-8: no surrogates, nothing overlong; may have control characters */
bool ttrpc_text_valid(const uint8_t *text, size_t len);
