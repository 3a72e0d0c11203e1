/* SPDX-License-Identifier: Apache-2.0 */
#include "image/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/image.h"
#include "image/text.h"

/* An index may name an index; no tool nests them deeper than that. */
#define INDEX_DEPTH_MAX 4

void source_done(struct source *s)
{
	blobs_done(&s->blobs);
	manifest_done(&s->manifest);
}

static int check_digest(const char *data, size_t len, const struct digest *want, const char *what,
			struct err *err)
{
	struct digest have;

	digest_of(data, len, &have);
	if (strcmp(have.text, want->text) == 0)
		return 0;
	return err_set(err, -EBADMSG, "bad digest: %s is %s, not %s", what, have.text, want->text);
}

static int read_by_digest(const struct source *s, const struct digest *digest, size_t max,
			  const char *what, char **ret_data, size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *name = blobs_name(&s->blobs, digest), *data = NULL;
	int r = blob_slurp(&s->blobs, name, max, &data, ret_len, err);

	if (r == 0)
		r = check_digest(data, *ret_len, digest, what, err);
	if (r < 0)
		return r;
	*ret_data = take_ptr(data);
	return 0;
}

int source_read_oci(struct source *s, const char *tag, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	struct blob_ref chosen = {.path = NULL};
	bool is_index = true;
	size_t len;
	int r = blob_slurp(&s->blobs, "index.json", IMAGE_MANIFEST_MAX, &data, &len, err);

	for (int depth = 0; r == 0 && is_index; depth++) {
		if (depth == INDEX_DEPTH_MAX)
			return err_set(err, -EBADMSG, "its indexes are nested too deep");
		r = manifest_pick(data, len, depth == 0 ? tag : "", manifest_arch(), &chosen,
				  &is_index, err);
		if (r < 0)
			return r;
		free(take_ptr(data));
		r = read_by_digest(s, &chosen.digest, IMAGE_MANIFEST_MAX, "the manifest", &data,
				   &len, err);
	}
	return r < 0 ? r : manifest_parse(data, len, &s->manifest, err);
}

int source_read_skopeo(struct source *s, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r;

	s->blobs.prefix = "";
	r = blob_slurp(&s->blobs, "manifest.json", IMAGE_MANIFEST_MAX, &data, &len, err);
	return r < 0 ? r : manifest_parse(data, len, &s->manifest, err);
}

int source_read_docker(struct source *s, const char *tag, struct err *err)
{
	struct blob_ref *config = &s->manifest.config;
	_cleanup_free_ char *data = NULL, *text = NULL;
	size_t len;
	int r = blob_slurp(&s->blobs, "manifest.json", IMAGE_MANIFEST_MAX, &data, &len, err);

	if (r == 0)
		r = manifest_pick_docker(data, len, tag, &s->manifest, err);
	if (r == 0)
		r = blob_slurp(&s->blobs, config->path, IMAGE_CONFIG_MAX, &text, &len, err);
	if (r < 0)
		return r;
	if (*config->digest.text)
		return check_digest(text, len, &config->digest, "the configuration", err);
	digest_of(text, len, &config->digest);
	return 0;
}

int source_config(const struct source *s, char **ret_data, size_t *ret_len, struct err *err)
{
	const struct blob_ref *config = &s->manifest.config;
	_cleanup_free_ char *data = NULL;
	int r;

	if (!config->path)
		return read_by_digest(s, &config->digest, IMAGE_CONFIG_MAX, "the configuration",
				      ret_data, ret_len, err);
	r = blob_slurp(&s->blobs, config->path, IMAGE_CONFIG_MAX, &data, ret_len, err);
	if (r == 0)
		r = check_digest(data, *ret_len, &config->digest, "the configuration", err);
	if (r == 0)
		*ret_data = take_ptr(data);
	return r;
}
