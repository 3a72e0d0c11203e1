/* SPDX-License-Identifier: Apache-2.0 */
#include "image/json.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

/*
 * An empty object takes about 800 bytes in json-c and two in the text, a number or a string up to
 * 170. Real documents have a few hundred of each.
 */
#define CONTAINERS_MAX 30000
#define VALUES_MAX     200000

/* Nesting: the deepest real document is an index of manifests with platforms. */
#define DEPTH_MAX 32

static const char *type_name(enum json_type type)
{
	switch (type) {
	case json_type_object:
		return "an object";
	case json_type_array:
		return "a list";
	case json_type_string:
		return "a string";
	default:
		return "a number";
	}
}

/* Strings are passed over: they may hold whole documents. */
static bool has_too_much(const char *data, size_t len)
{
	size_t containers = 0, values = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted && data[i] == '\\')
			i++;
		else if (data[i] == '"')
			quoted = !quoted;
		else if (!quoted) {
			containers += data[i] == '{' || data[i] == '[';
			values += data[i] == ',';
		}
	}
	return containers > CONTAINERS_MAX || values > VALUES_MAX;
}

int json_read(const char *data, size_t len, enum json_type type, const char *what,
	      struct json_object **ret, struct err *err)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct json_tokener *tok;
	enum json_tokener_error e;

	if (len > INT_MAX || has_too_much(data, len))
		return err_set(err, -EBADMSG, "%s is too large", what);
	tok = json_tokener_new_ex(DEPTH_MAX);
	if (!tok)
		abort();
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tok, data, (int)len);
	e = json_tokener_get_error(tok);
	json_tokener_free(tok);
	if (e != json_tokener_success)
		return err_set(err, -EBADMSG, "%s is not valid JSON (%s)", what,
			       e == json_tokener_continue ? "it ends too early"
							  : json_tokener_error_desc(e));
	if (!json_object_is_type(o, type))
		return err_set(err, -EBADMSG, "%s is not %s", what, type_name(type));
	*ret = take_ptr(o);
	return 0;
}

int json_member(struct json_object *o, const char *key, enum json_type type, const char *what,
		struct json_object **ret, struct err *err)
{
	struct json_object *v = NULL;

	*ret = NULL;
	if (!json_object_object_get_ex(o, key, &v) || !v)
		return 0;
	if (!json_object_is_type(v, type))
		return err_set(err, -EBADMSG, "%s: \"%s\" is not %s", what, key, type_name(type));
	*ret = v;
	return 0;
}

static int check_string(struct json_object *v, const char *key, const char *what, const char **ret,
			struct err *err)
{
	if (!json_object_is_type(v, json_type_string))
		return err_set(err, -EBADMSG, "%s: \"%s\" is not made of strings", what, key);
	*ret = json_object_get_string(v);
	if (strlen(*ret) != (size_t)json_object_get_string_len(v))
		return err_set(err, -EBADMSG, "%s: \"%s\" holds a NUL byte", what, key);
	return 0;
}

int json_str(struct json_object *o, const char *key, const char *what, const char **ret,
	     struct err *err)
{
	struct json_object *v;
	int r = json_member(o, key, json_type_string, what, &v, err);

	*ret = NULL;
	if (r < 0 || !v)
		return r;
	return check_string(v, key, what, ret, err);
}

int json_u64(struct json_object *o, const char *key, const char *what, uint64_t *ret,
	     struct err *err)
{
	struct json_object *v;
	int r = json_member(o, key, json_type_int, what, &v, err);

	if (r < 0 || !v)
		return r;
	if (json_object_get_int64(v) < 0)
		return err_set(err, -EBADMSG, "%s: \"%s\" is negative", what, key);
	*ret = json_object_get_uint64(v);
	return 0;
}

int json_strv(struct json_object *o, const char *key, const char *what, struct strv *ret,
	      struct err *err)
{
	struct json_object *list;
	const char *s;
	int r = json_member(o, key, json_type_array, what, &list, err);

	if (r < 0 || !list)
		return r;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		r = check_string(json_object_array_get_idx(list, i), key, what, &s, err);
		if (r < 0)
			return r;
		strv_add(ret, s);
	}
	return 0;
}

void json_set(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

void json_set_list(struct json_object *o, const char *key, char *const *v, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(v[i]));
	json_object_object_add(o, key, list);
}

char *json_text(struct json_object *o)
{
	char *text = xstrdup(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(o);
	return text;
}
