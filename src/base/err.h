/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/macro.h"

/*
 * How errors travel (docs/architecture.md, "Errors").
 *
 * Functions return 0 or a negative errno. A message is made once, where it is known what the user
 * tried: such a function takes a `struct err *` as its last argument, fills it with one sentence
 * and returns the negative errno that belongs to it. Callers above only forward, or put a few words
 * in front. The text is never allocated, so an error can be reported when memory is the problem.
 */

#define ERR_TEXT_MAX 1024

/**
 * struct err - one error message, owned by whoever started the operation
 * @code: negative errno; 0 while nothing went wrong
 * @text: one sentence without a final newline
 */
struct err {
	int code;
	char text[ERR_TEXT_MAX];
};

#define ERR_NULL                      \
	{                             \
		.code = 0, .text = "" \
	}

/**
 * err_set() - record an error; the text of an earlier one is replaced
 * @err: may be NULL: the caller wants only the code
 * @code: negative errno
 * @fmt: printf format of one sentence: what, where, and what to do
 *
 * Return: @code, so that it can be used in a return statement.
 */
int err_set(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);

/**
 * err_errno() - like err_set(), with ": <text of the errno>" added at the end
 *
 * Return: @code.
 */
int err_errno(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);

/**
 * err_wrap() - put context in front of the message that is already there: "<context>: <message>"
 * @err: may be NULL, as for err_set()
 * @code: negative errno, which whoever made the message has returned
 *
 * Return: @code.
 */
int err_wrap(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);

/** err_one_line() - what it quotes may be somebody else's: put '?' for control characters in it */
void err_one_line(struct err *err);
