/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/annotation.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/setting.h"

static const char *const own_prefixes[] = {SETTING_ANNOTATION, "io.spin."};
static const char *const known[] = {ANNOTATION_EXTRAS};

bool annotation_is_own(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_prefixes); i++)
		if (str_starts(word, own_prefixes[i]))
			return true;
	return false;
}

int annotation_check(const char *word, struct err *err)
{
	size_t len = strcspn(word, "=");

	if (len == 0 || word[len] != '=')
		return err_set(err, -EINVAL, "annotation %.64s: must be NAME=VALUE", word);
	if (strlen(word) > ANNOTATION_BYTES_MAX)
		return err_set(err, -EINVAL, "annotation %.64s: longer than %d bytes", word,
			       ANNOTATION_BYTES_MAX);
	if (!annotation_is_own(word))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (len == strlen(known[i]) && strncmp(word, known[i], len) == 0)
			return 0;
	if (setting_is_annotation(word, len))
		return 0;
	return err_set(err, -EINVAL,
		       "annotation %.*s: caisson knows none of this name, only " ANNOTATION_EXTRAS
		       " and settings, as " SETTING_ANNOTATION "mem_size",
		       (int)MIN(len, 128), word);
}

int annotations_set(struct strv *list, const struct strv *words, struct err *err)
{
	int r = 0;

	if (words->n > ANNOTATIONS_MAX)
		return err_set(err, -EINVAL, "there are more than %d annotations", ANNOTATIONS_MAX);
	for (size_t i = 0; r == 0 && i < words->n; i++) {
		r = annotation_check(words->v[i], err);
		if (r == 0)
			strv_env_set(list, words->v[i]);
	}
	return r;
}

struct json_object *annotations_to_json(const struct strv *list)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < list->n; i++) {
		const char *word = list->v[i], *equals = strchr(word, '=');
		_cleanup_free_ char *name = equals ? xstrndup(word, (size_t)(equals - word)) : NULL;

		if (name)
			json_object_object_add(o, name, json_object_new_string(equals + 1));
	}
	return o;
}
