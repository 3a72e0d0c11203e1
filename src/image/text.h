/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#define TEXT_SHOWN_MAX 160

/** struct text - room for one text_show() */
struct text {
	char s[TEXT_SHOWN_MAX];
};

/**
 * text_show() - bytes that an image's maker chose, made fit for a message
 * @t: holds the result, and is only valid as long as the result is used
 * @s: any bytes; NULL is shown as ""
 *
 * Whatever could move a terminal's cursor is shown as \xNN; long text is cut in its middle.
 *
 * Return: @t->s.
 */
const char *text_show(struct text *t, const char *s);

/* text_of() - text_show() into a temporary that lives as long as the enclosing block */
#define text_of(s) text_show(&(struct text){""}, s)
