/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "image/blob.h"
#include "image/manifest.h"

/**
 * struct source - an image where it comes from, with its documents read
 * @manifest: its configuration always has a digest
 */
struct source {
	struct blobs blobs;
	struct manifest manifest;
};

#define SOURCE_NULL                                            \
	{                                                      \
		.blobs = BLOBS_NULL, .manifest = MANIFEST_NULL \
	}

/** source_done() - close and free; may be called again */
void source_done(struct source *s);
#define _cleanup_source_ __attribute__((cleanup(source_done)))

/*
 * Each reads the documents that lead to the manifest, and checks their digests. @s->blobs is open.
 * Return: 0 or negative errno, with a message.
 */

/** source_read_oci() - image layout: oci-layout, index.json, blobs. @tag may be NULL. */
int source_read_oci(struct source *s, const char *tag, struct err *err);

/** source_read_docker() - what "docker save" writes. @tag may be NULL. */
int source_read_docker(struct source *s, const char *tag, struct err *err);

/** source_read_skopeo() - skopeo's "dir:", see fetch_image() */
int source_read_skopeo(struct source *s, struct err *err);

/** source_config() - the configuration, checked; free() it */
int source_config(const struct source *s, char **ret_data, size_t *ret_len, struct err *err);
