/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/checkpoint-manifest.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/record.h"
#include "vmm/vmm.h"

#define ID_PREFIX "sha256:"
#define ID_DIGITS 64

static const char *const names[CHECKPOINT_FILES_MAX] = {
	VMM_SNAPSHOT_STATE, VMM_SNAPSHOT_MEMORY, RECORD_UPPER_DISK,
	RECORD_ROOT_DISK,   RECORD_IMAGE_DISK,
};

const char *checkpoint_file_name(size_t i)
{
	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

char *checkpoint_manifest_text(const struct checkpoint_manifest *m, const struct sandbox_spec *spec)
{
	_cleanup_free_ char *container = sandbox_spec_to_json(spec);
	struct json_object *o = json_object_new_object(), *files = json_object_new_array();
	char *text;

	for (size_t i = 0; i < m->n; i++) {
		struct json_object *file = json_object_new_object();

		(void)json_object_object_add(file, "name",
					     json_object_new_string(m->files[i].name));
		(void)json_object_object_add(file, "size",
					     json_object_new_uint64(m->files[i].size));
		(void)json_object_array_add(files, file);
	}
	(void)json_object_object_add(o, "format", json_object_new_int(CHECKPOINT_FORMAT));
	(void)json_object_object_add(o, "caisson", json_object_new_string(CAISSON_VERSION));
	(void)json_object_object_add(o, "image", json_object_new_string(m->image));
	(void)json_object_object_add(o, "image_size", json_object_new_uint64(m->image_size));
	if (m->jail != CHECKPOINT_JAIL_UNKNOWN)
		(void)json_object_object_add(o, "jail",
					     json_object_new_boolean(m->jail == CHECKPOINT_JAILED));
	(void)json_object_object_add(o, "files", files);
	(void)json_object_object_add(o, "container", json_tokener_parse(container));
	text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return text;
}

static int bad(struct err *err, const char *what)
{
	return err_set(err, -EBADMSG, CHECKPOINT_MANIFEST " is damaged: %s", what);
}

/* Return: NULL: it is not there, or something else. */
static struct json_object *member(struct json_object *o, const char *name, enum json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, name, &value))
		return NULL;
	return json_object_is_type(value, type) ? value : NULL;
}

static bool get_size(struct json_object *o, const char *name, uint64_t *ret)
{
	struct json_object *value = member(o, name, json_type_int);

	if (!value || json_object_get_int64(value) < 0)
		return false;
	*ret = (uint64_t)json_object_get_int64(value);
	return true;
}

static const char *known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return names[i];
	return NULL;
}

static bool has(const struct checkpoint_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->files[i].name, name) == 0)
			return true;
	return false;
}

static int read_files(struct json_object *list, struct checkpoint_manifest *m, struct err *err)
{
	size_t n = list ? json_object_array_length(list) : 0;

	if (n > CHECKPOINT_FILES_MAX)
		return bad(err, "it names too many files");
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		struct json_object *name = member(item, "name", json_type_string);
		struct checkpoint_file file = {.name = name ? known(json_object_get_string(name))
							    : NULL};

		if (!file.name || has(m, file.name) || !get_size(item, "size", &file.size))
			return bad(err, "a file has no size, or a name that none has");
		m->files[m->n++] = file;
	}
	return 0;
}

static bool is_image_id(const char *text)
{
	const char *id = str_starts(text, ID_PREFIX);

	return id && strlen(id) == ID_DIGITS && strspn(id, "0123456789abcdef") == ID_DIGITS;
}

static int read_container(struct json_object *o, struct checkpoint_manifest *m, struct err *err)
{
	struct err why = ERR_NULL;

	if (!o)
		return bad(err, "there is no container");
	return sandbox_spec_from_json(json_object_to_json_string(o), &m->spec, &why) < 0
		       ? bad(err, why.text)
		       : 0;
}

/* With what its VM was made of, no more and no less. */
static int check_disks(const struct checkpoint_manifest *m, struct err *err)
{
	bool copy = has(m, RECORD_ROOT_DISK), upper = has(m, RECORD_UPPER_DISK);
	bool image = has(m, RECORD_IMAGE_DISK) || *m->image;

	if (!has(m, VMM_SNAPSHOT_STATE) || !has(m, VMM_SNAPSHOT_MEMORY) ||
	    copy != sandbox_spec_has_copy(&m->spec) || copy == upper || image != upper)
		return bad(err, "a file is missing");
	return 0;
}

static int read_all(struct json_object *o, struct checkpoint_manifest *m, struct err *err)
{
	struct json_object *image = member(o, "image", json_type_string), *jail;
	uint64_t format;
	int r;

	if (!get_size(o, "format", &format))
		return bad(err, "it says no format");
	if (format != CHECKPOINT_FORMAT)
		return err_set(err, -ENOTSUP,
			       CHECKPOINT_MANIFEST " is of another version of caisson: its format "
						   "is %llu, not %d",
			       (unsigned long long)format, CHECKPOINT_FORMAT);
	if (!image || !get_size(o, "image_size", &m->image_size))
		return bad(err, "it says no image");
	m->image = xstrdup(json_object_get_string(image));
	jail = member(o, "jail", json_type_boolean);
	if (jail)
		m->jail = json_object_get_boolean(jail) ? CHECKPOINT_JAILED : CHECKPOINT_NOT_JAILED;
	if (*m->image && !is_image_id(m->image))
		return bad(err, "its image has no ID");
	r = read_files(member(o, "files", json_type_array), m, err);
	if (r == 0)
		r = read_container(member(o, "container", json_type_object), m, err);
	return r == 0 ? check_disks(m, err) : r;
}

int checkpoint_manifest_parse(const char *text, struct checkpoint_manifest *ret, struct err *err)
{
	struct json_object *o = json_tokener_parse(text);
	int r = o ? read_all(o, ret, err) : bad(err, "it is no JSON");

	json_object_put(o);
	return r;
}

void checkpoint_manifest_done(struct checkpoint_manifest *m)
{
	sandbox_spec_done(&m->spec);
	free(take_ptr(m->image));
	m->n = 0;
}
