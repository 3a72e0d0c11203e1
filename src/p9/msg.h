/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "p9/proto.h"

/* What is in a message: taken out in its order, and put in. Nothing is copied that need not be. */

/**
 * struct p9_in - what is left of a request
 * @bad: it was shorter than what its type needs, or is longer; all that was taken since is 0
 */
struct p9_in {
	const uint8_t *at;
	size_t left;
	bool bad;
};

/**
 * struct p9_out - an answer that is being made
 * @max: room at @at
 * @full: something did not fit
 */
struct p9_out {
	uint8_t *at;
	size_t len, max;
	bool full;
};

/** p9_get_u8() - the next number of 1 byte; the others below are the same for 2, 4 and 8 */
uint8_t p9_get_u8(struct p9_in *in);
/** p9_get_u16() - see p9_get_u8() */
uint16_t p9_get_u16(struct p9_in *in);
/** p9_get_u32() - see p9_get_u8() */
uint32_t p9_get_u32(struct p9_in *in);
/** p9_get_u64() - see p9_get_u8() */
uint64_t p9_get_u64(struct p9_in *in);

/** p9_get_bytes() - the next @len bytes, where they are. Return: NULL: so many there are not. */
const uint8_t *p9_get_bytes(struct p9_in *in, size_t len);

/**
 * p9_get_text() - the next text, with a NUL after it
 * @buf: set to "" if it cannot be
 *
 * Return: 0; -ENAMETOOLONG: it is @size or longer; -EINVAL: it holds a NUL.
 */
int p9_get_text(struct p9_in *in, char *buf, size_t size);

/**
 * p9_get_name() - the same for what can be the name of something in a folder
 *
 * Return: as p9_get_text(); -EINVAL, too, for "", "." and "..", and what holds a "/".
 */
int p9_get_name(struct p9_in *in, char buf[static P9_NAME_SIZE]);

/** p9_in_end() - is that all, and was all there? Return: if not, false, and @in is bad. */
bool p9_in_end(struct p9_in *in);

/** p9_put_u8() - add a number of 1 byte; the others below are the same for 2, 4 and 8 */
void p9_put_u8(struct p9_out *out, uint8_t v);
/** p9_put_u16() - see p9_put_u8() */
void p9_put_u16(struct p9_out *out, uint16_t v);
/** p9_put_u32() - see p9_put_u8() */
void p9_put_u32(struct p9_out *out, uint32_t v);
/** p9_put_u64() - see p9_put_u8() */
void p9_put_u64(struct p9_out *out, uint64_t v);
/** p9_put_text() - add @len bytes as a text */
void p9_put_text(struct p9_out *out, const char *s, size_t len);
/** p9_put_qid() - add a qid */
void p9_put_qid(struct p9_out *out, const struct p9_qid *qid);

/** p9_room() - where the next bytes of an answer go, to be filled in place. @ret_len: how many fit */
uint8_t *p9_room(struct p9_out *out, size_t *ret_len);

/** p9_set_u16() - overwrite what p9_put_u16() has put at @at */
void p9_set_u16(struct p9_out *out, size_t at, uint16_t v);
/** p9_set_u32() - the same of p9_put_u32() */
void p9_set_u32(struct p9_out *out, size_t at, uint32_t v);
