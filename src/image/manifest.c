/* SPDX-License-Identifier: Apache-2.0 */
#include "image/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "image/image.h"
#include "image/json.h"
#include "image/text.h"

static const char *const what = "the manifest";

/* OCI image-spec 1.1, media-types.md; Docker Image Manifest Version 2, Schema 2. */
static const struct {
	const char *type;
	enum compression compression;
} layer_types[] = {
	{"application/vnd.oci.image.layer.v1.tar", COMPRESSION_NONE},
	{"application/vnd.oci.image.layer.v1.tar+gzip", COMPRESSION_ANY},
	{"application/vnd.oci.image.layer.v1.tar+zstd", COMPRESSION_ANY},
	{"application/vnd.docker.image.rootfs.diff.tar", COMPRESSION_NONE},
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", COMPRESSION_ANY},
	{"application/vnd.docker.image.rootfs.diff.tar.zstd", COMPRESSION_ANY},
};

static const char *const config_types[] = {
	"application/vnd.oci.image.config.v1+json",
	"application/vnd.docker.container.image.v1+json",
};

static const char *const manifest_types[] = {
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
};

static const char *const index_types[] = {
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
};

#define is_one_of(s, list) in_list(s, list, ARRAY_SIZE(list))

static bool in_list(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s, list[i]) == 0)
			return true;
	return false;
}

void manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->layers[i].path);
	free(take_ptr(m->layers));
	free(take_ptr(m->config.path));
	m->n = 0;
}

/* A content descriptor (image-spec 1.1, descriptor.md); @ret_type is borrowed from @o. */
static int get_descriptor(struct json_object *o, struct blob_ref *ret, const char **ret_type,
			  struct err *err)
{
	const char *digest;
	int r;

	if (!json_object_is_type(o, json_type_object))
		return err_set(err, -EBADMSG, "%s: a descriptor is not an object", what);
	ret->size = UINT64_MAX;
	r = json_str(o, "mediaType", what, ret_type, err);
	if (r == 0)
		r = json_str(o, "digest", what, &digest, err);
	if (r == 0)
		r = json_u64(o, "size", what, &ret->size, err);
	if (r < 0)
		return r;
	if (!*ret_type || !digest)
		return err_set(err, -EBADMSG, "%s: a descriptor has no %s", what,
			       digest ? "mediaType" : "digest");
	r = digest_parse(digest, &ret->digest);
	if (r < 0)
		return err_set(err, r == -EINVAL ? -EBADMSG : r,
			       "%s: '%s' is no digest that is known here (sha256)", what,
			       text_of(digest));
	return 0;
}

static int get_layer(struct json_object *o, struct blob_ref *ret, struct err *err)
{
	const char *type;
	int r = get_descriptor(o, ret, &type, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++) {
		if (strcmp(type, layer_types[i].type) != 0)
			continue;
		ret->compression = layer_types[i].compression;
		return 0;
	}
	return err_set(err, -ENOTSUP, "a layer has the media type '%s', which is not known here",
		       text_of(type));
}

static int check_layer_count(size_t n, struct err *err)
{
	if (n > IMAGE_LAYERS_MAX)
		return err_set(err, -EFBIG, "%s has %zu layers; at most %u are taken", what, n,
			       IMAGE_LAYERS_MAX);
	return 0;
}

static int get_config(struct json_object *root, struct blob_ref *ret, struct err *err)
{
	struct json_object *o;
	const char *type;
	int r = json_member(root, "config", json_type_object, what, &o, err);

	if (r < 0)
		return r;
	if (!o)
		return err_set(err, -EBADMSG, "%s names no configuration", what);
	r = get_descriptor(o, ret, &type, err);
	if (r < 0)
		return r;
	if (!is_one_of(type, config_types))
		return err_set(err, -ENOTSUP,
			       "the configuration has the media type '%s': this is not an image "
			       "that can be run",
			       text_of(type));
	return 0;
}

/* Schema 1 has version 1 and no configuration; say what it is rather than what it lacks. */
static int check_version(struct json_object *root, struct err *err)
{
	uint64_t version = 2;
	const char *type;
	int r = json_u64(root, "schemaVersion", what, &version, err);

	if (r == 0)
		r = json_str(root, "mediaType", what, &type, err);
	if (r < 0)
		return r;
	if (version != 2)
		return err_set(err, -ENOTSUP, "%s has schema version %llu; only 2 is known here",
			       what, (unsigned long long)version);
	if (type && !is_one_of(type, manifest_types) && !is_one_of(type, index_types))
		return err_set(err, -ENOTSUP, "%s has the media type '%s', which is not known here",
			       what, text_of(type));
	return 0;
}

int manifest_parse(const char *data, size_t len, struct manifest *ret, struct err *err)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *layers;
	size_t n;
	int r = json_read(data, len, json_type_object, what, &root, err);

	if (r == 0)
		r = check_version(root, err);
	if (r == 0)
		r = get_config(root, &ret->config, err);
	if (r == 0)
		r = json_member(root, "layers", json_type_array, what, &layers, err);
	if (r < 0)
		return r;
	n = layers ? json_object_array_length(layers) : 0;
	r = check_layer_count(n, err);
	if (r < 0)
		return r;
	ret->layers = xcalloc(n, sizeof(*ret->layers));
	for (; ret->n < n; ret->n++) {
		r = get_layer(json_object_array_get_idx(layers, ret->n), &ret->layers[ret->n], err);
		if (r < 0)
			return r;
	}
	return 0;
}

bool manifest_is_index(const char *data, size_t len)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *list;

	return json_read(data, len, json_type_object, what, &root, NULL) == 0 &&
	       json_member(root, "manifests", json_type_array, what, &list, NULL) == 0 && list;
}

int manifest_size(const struct manifest *m, uint64_t max_bytes, uint64_t *ret_largest,
		  struct err *err)
{
	uint64_t left = max_bytes, size;

	*ret_largest = 0;
	for (size_t i = 0; i <= m->n; i++) {
		size = i < m->n ? m->layers[i].size : m->config.size;
		if (size == UINT64_MAX)
			return err_set(err, -EBADMSG, "%s: a descriptor has no size", what);
		if (size > left)
			return err_set(err, -EFBIG,
				       "the image's blobs have more than %llu bytes, which are "
				       "allowed",
				       (unsigned long long)max_bytes);
		left -= size;
		*ret_largest = MAX(*ret_largest, size);
	}
	return 0;
}

const char *manifest_arch(void)
{
	static const struct {
		const char *machine, *arch;
	} names[] = {
		{"x86_64", "amd64"},
		{"aarch64", "arm64"},
		{"riscv64", "riscv64"},
	};
	struct utsname u;

	if (uname(&u) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (strcmp(u.machine, names[i].machine) == 0)
				return names[i].arch;
	return "unknown";
}

/* Does the entry say that it is for another machine? One that says nothing fits. */
static int fits_platform(struct json_object *o, const char *arch, bool *ret, struct err *err)
{
	const char *os = NULL, *a = NULL;
	struct json_object *p;
	int r = json_member(o, "platform", json_type_object, what, &p, err);

	if (r == 0 && p)
		r = json_str(p, "os", what, &os, err);
	if (r == 0 && p)
		r = json_str(p, "architecture", what, &a, err);
	*ret = (!os || strcmp(os, "linux") == 0) && (!a || strcmp(a, arch) == 0);
	return r;
}

static int has_tag(struct json_object *o, const char *tag, bool *ret, struct err *err)
{
	struct json_object *annotations;
	const char *name = NULL;
	int r = json_member(o, "annotations", json_type_object, what, &annotations, err);

	if (r == 0 && annotations)
		r = json_str(annotations, "org.opencontainers.image.ref.name", what, &name, err);
	*ret = !tag || !*tag || (name && strcmp(name, tag) == 0);
	return r;
}

struct pick {
	size_t tagged, fitting;
	struct json_object *chosen;
};

static int look_at(struct json_object *o, const char *tag, const char *arch, struct pick *pick,
		   struct err *err)
{
	bool tagged = false, fits = false;
	int r;

	if (!json_object_is_type(o, json_type_object))
		return err_set(err, -EBADMSG, "%s: an entry is not an object", what);
	r = has_tag(o, tag, &tagged, err);
	if (r == 0)
		r = fits_platform(o, arch, &fits, err);
	if (r < 0)
		return r;
	pick->tagged += tagged;
	if (tagged && fits && pick->fitting++ == 0)
		pick->chosen = o;
	return 0;
}

static int check_pick(const struct pick *p, const char *tag, const char *arch, struct err *err)
{
	if (p->tagged == 0)
		return tag ? err_set(err, -ENOENT, "there is no image tagged '%s' in it",
				     text_of(tag))
			   : err_set(err, -ENOENT, "there is no image in it");
	if (p->fitting == 0)
		return err_set(err, -ENOENT, "none of its images is for linux/%s", arch);
	if (p->fitting > 1 && !tag)
		return err_set(err, -EINVAL,
			       "there are %zu images in it: add :TAG to say which one", p->fitting);
	return 0;
}

int manifest_pick(const char *data, size_t len, const char *tag, const char *arch,
		  struct blob_ref *ret, bool *ret_is_index, struct err *err)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct pick pick = {.chosen = NULL};
	struct json_object *list;
	const char *type;
	int r = json_read(data, len, json_type_object, what, &root, err);

	if (r == 0)
		r = check_version(root, err);
	if (r == 0)
		r = json_member(root, "manifests", json_type_array, what, &list, err);
	for (size_t i = 0; r == 0 && list && i < json_object_array_length(list); i++)
		r = look_at(json_object_array_get_idx(list, i), tag, arch, &pick, err);
	if (r == 0)
		r = check_pick(&pick, tag, arch, err);
	if (r == 0)
		r = get_descriptor(pick.chosen, ret, &type, err);
	if (r < 0)
		return r;
	*ret_is_index = is_one_of(type, index_types);
	if (!*ret_is_index && !is_one_of(type, manifest_types))
		return err_set(err, -ENOTSUP,
			       "the image has the media type '%s', which is not known here",
			       text_of(type));
	return 0;
}
