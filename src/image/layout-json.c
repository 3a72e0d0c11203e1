/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "image/json.h"
#include "image/layout-impl.h"

#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define NAME	   "org.opencontainers.image.ref.name"

static const char *const what = "the layout's index";

static struct json_object *document(const char *type)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "schemaVersion", json_object_new_int(2));
	json_set(o, "mediaType", type);
	return o;
}

static struct json_object *descriptor(const struct layout_blob *b)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "mediaType", b->type);
	json_set(o, "digest", b->digest.text);
	json_object_object_add(o, "size", json_object_new_uint64(b->size));
	return o;
}

char *layout_json_manifest(const struct layout_blob *v, size_t n)
{
	struct json_object *o = document(LAYOUT_MANIFEST_TYPE), *layers = json_object_new_array();

	json_object_object_add(o, "config", descriptor(&v[n - 1]));
	for (size_t i = 0; i + 1 < n; i++)
		json_object_array_add(layers, descriptor(&v[i]));
	json_object_object_add(o, "layers", layers);
	return json_text(o);
}

/* @ret: borrowed; NULL: it has no name */
static int name_of(struct json_object *entry, const char **ret, struct err *err)
{
	struct json_object *annotations;
	int r;

	*ret = NULL;
	if (!json_object_is_type(entry, json_type_object))
		return err_set(err, -EBADMSG, "%s has an entry that is no object", what);
	r = json_member(entry, "annotations", json_type_object, what, &annotations, err);
	return r < 0 || !annotations ? r : json_str(annotations, NAME, what, ret, err);
}

/* All but the one that is replaced. */
static int keep_others(struct json_object *list, const char *tag, struct json_object *manifests,
		       struct err *err)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *name;
		int r = name_of(entry, &name, err);

		if (r < 0)
			return r;
		if (name && tag ? strcmp(name, tag) != 0 : name || tag)
			json_object_array_add(manifests, json_object_get(entry));
	}
	return 0;
}

int layout_json_index(const struct layout_blob *manifest, const char *tag, const char *old,
		      size_t len, char **ret, struct err *err)
{
	_cleanup_json_ struct json_object *index = NULL;
	struct json_object *list = NULL, *manifests = json_object_new_array(), *added;
	int r = 0;

	if (old)
		r = json_read(old, len, json_type_object, what, &index, err);
	if (!index)
		index = document(INDEX_TYPE);
	if (r == 0)
		r = json_member(index, "manifests", json_type_array, what, &list, err);
	if (r == 0 && list)
		r = keep_others(list, tag, manifests, err);
	if (r < 0) {
		json_object_put(manifests);
		return r;
	}
	added = descriptor(manifest);
	if (tag) {
		struct json_object *annotations = json_object_new_object();

		json_set(annotations, NAME, tag);
		json_object_object_add(added, "annotations", annotations);
	}
	json_object_array_add(manifests, added);
	json_object_object_add(index, "manifests", manifests);
	*ret = json_text(take_ptr(index));
	return 0;
}
