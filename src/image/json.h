/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/strv.h"

/*
 * Reading JSON that somebody else wrote, and making what we write. A member that is missing or null is
 * absent, which is never an error here; one of the wrong type always is, and the message says which.
 *
 * @what names the document in messages ("the manifest"). Functions that take an @err return 0, or -EBADMSG
 * with a message.
 */

static inline void json_put_p(struct json_object **o)
{
	json_object_put(*o);
}
#define _cleanup_json_ __attribute__((cleanup(json_put_p)))

/**
 * json_read() - parse a whole document, strictly (RFC 8259), with an object or list at the top
 * @type: what must be at the top
 * @ret: set on success; json_object_put() it
 *
 * Documents that would take much more memory than their text are refused.
 *
 * Return: 0 or -EBADMSG.
 */
int json_read(const char *data, size_t len, enum json_type type, const char *what,
	      struct json_object **ret, struct err *err);

/**
 * json_member() - a member of the given type; *@ret is borrowed, NULL when absent
 *
 * Return: 0 or -EBADMSG.
 */
int json_member(struct json_object *o, const char *key, enum json_type type, const char *what,
		struct json_object **ret, struct err *err);

/** json_str() - a string without NUL bytes; *@ret is borrowed, NULL when absent */
int json_str(struct json_object *o, const char *key, const char *what, const char **ret,
	     struct err *err);

/** json_u64() - an integer from 0; *@ret keeps its value when absent */
int json_u64(struct json_object *o, const char *key, const char *what, uint64_t *ret,
	     struct err *err);

/** json_strv() - a list of strings without NUL bytes, appended to @ret */
int json_strv(struct json_object *o, const char *key, const char *what, struct strv *ret,
	      struct err *err);

/** json_set() - a member that is a string, in place of one that is there */
void json_set(struct json_object *o, const char *key, const char *value);

/** json_set_list() - a member that is a list of strings */
void json_set_list(struct json_object *o, const char *key, char *const *v, size_t n);

/** json_text() - a whole document without blanks, free() it; @o is put */
char *json_text(struct json_object *o);
