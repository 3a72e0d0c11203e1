/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/image.h"
#include "image/json.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "image/text.h"

/*
 * manifest.json of a "docker save" archive: a list of {Config, RepoTags, Layers}, where Config and
 * Layers are names inside the archive (Docker Image Specification 1.2, "Combined Image JSON +
 * Filesystem Changeset Format").
 */

static const char *const what = "manifest.json";

static int has_tag(struct json_object *o, const char *tag, bool *ret, struct err *err)
{
	_cleanup_strv_ struct strv tags = STRV_NULL;
	int r = json_strv(o, "RepoTags", what, &tags, err);

	*ret = false;
	for (size_t i = 0; i < tags.n; i++)
		*ret |= reference_same_name(tags.v[i], tag);
	return r;
}

static int choose(struct json_object *list, const char *tag, struct json_object **ret,
		  struct err *err)
{
	size_t n = json_object_array_length(list);
	struct json_object *o;
	bool found = !tag;
	int r;

	if (n == 0)
		return err_set(err, -ENOENT, "there is no image in it");
	if (n > 1 && !tag)
		return err_set(err, -EINVAL,
			       "there are %zu images in it: add :REPO:TAG to say which one", n);
	for (size_t i = 0; i < n; i++) {
		o = json_object_array_get_idx(list, i);
		if (!json_object_is_type(o, json_type_object))
			return err_set(err, -EBADMSG, "%s: an entry is not an object", what);
		r = tag ? has_tag(o, tag, &found, err) : 0;
		if (r < 0)
			return r;
		if (found) {
			*ret = o;
			return 0;
		}
	}
	return err_set(err, -ENOENT, "there is no image tagged '%s' in it", text_of(tag));
}

/*
 * The configuration's name is its digest: "<hex>.json", or "blobs/sha256/<hex>" in newer archives.
 * An archive that names it otherwise promises nothing.
 */
static void digest_from_name(const char *path, struct digest *ret)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char text[DIGEST_TEXT_LEN + 1] = "sha256:";
	const char *rest;

	if (strlen(name) < DIGEST_HEX_LEN)
		return;
	rest = name + DIGEST_HEX_LEN;
	if (*rest && strcmp(rest, ".json") != 0)
		return;
	memcpy(text + 7, name, DIGEST_HEX_LEN);
	(void)digest_parse(text, ret);
}

int manifest_pick_docker(const char *data, size_t len, const char *tag, struct manifest *ret,
			 struct err *err)
{
	_cleanup_json_ struct json_object *root = NULL;
	_cleanup_strv_ struct strv layers = STRV_NULL;
	struct json_object *image = NULL;
	const char *config = NULL;
	int r = json_read(data, len, json_type_array, what, &root, err);

	if (r == 0)
		r = choose(root, tag, &image, err);
	if (r == 0)
		r = json_str(image, "Config", what, &config, err);
	if (r == 0)
		r = json_strv(image, "Layers", what, &layers, err);
	if (r < 0)
		return r;
	if (!config)
		return err_set(err, -EBADMSG, "%s names no configuration", what);
	if (layers.n > IMAGE_LAYERS_MAX)
		return err_set(err, -EFBIG, "the image has %zu layers; at most %u are taken",
			       layers.n, IMAGE_LAYERS_MAX);
	ret->config.path = xstrdup(config);
	ret->config.size = UINT64_MAX;
	digest_from_name(config, &ret->config.digest);
	ret->layers = xcalloc(layers.n, sizeof(*ret->layers));
	for (ret->n = 0; ret->n < layers.n; ret->n++) {
		ret->layers[ret->n].path = xstrdup(layers.v[ret->n]);
		ret->layers[ret->n].size = UINT64_MAX;
		ret->layers[ret->n].compression = COMPRESSION_ANY;
	}
	return 0;
}
